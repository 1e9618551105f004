# SPDX-License-Identifier: Apache-2.0
"""Writes /etc/ld.so.cache as ldconfig of glibc >= 2.32 would for the libraries of the tree."""

import functools
import glob
import os
import re
import struct

from . import elf

HEADER = struct.Struct("<20sIIB3xI12x")
ENTRY = struct.Struct("<iIIIQ")
MAGIC = b"glibc-ld.so.cache1.1"
LITTLE_ENDIAN = 2
EXTENSION_MAGIC = 0xEAA42174
GENERATOR_TAG = 0
FLAGS = {62: 0x0303, 3: 0x0003, 183: 0x0A03}  # e_machine -> what ldconfig prints as (libc6,x86-64), (libc6), ...

LIBRARY = re.compile(r"(lib|ld-).*\.so")  # as ldconfig: no other file is looked at


def _configured(tree):
    """The directories of /etc/ld.so.conf, in order, with its `include` lines followed."""
    def lines(path):
        if not os.path.isfile(path):
            return
        with open(path, encoding="utf-8") as file:
            for line in file.read().splitlines():
                line = line.split("#", 1)[0].strip()
                if line.startswith("include "):
                    for more in sorted(glob.glob(tree.host_path(line.split(None, 1)[1]))):
                        yield from lines(more)
                elif line:
                    yield line
    return list(lines(tree.host_path("/etc/ld.so.conf")))


def _directories(tree):
    """The directories that ldconfig scans: the configured and the built-in ones, each real directory once."""
    seen, found = set(), []
    for directory in _configured(tree) + ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]:
        real = os.path.realpath(tree.host_path(directory))
        if os.path.isdir(real) and real not in seen:
            seen.add(real)
            found.append((directory, real))
    return found


def _in_tree(tree, path):
    """Where the links of `path` lead when absolute ones start at the tree's root."""
    for _ in range(40):
        if not os.path.islink(path):
            return path
        target = os.readlink(path)
        path = tree.host_path(target) if target.startswith("/") else os.path.join(os.path.dirname(path), target)
    return path


def _scan(tree, directory, real):
    """(name, path, flags) of every entry that ldconfig makes for one directory."""
    names = {}
    for name in sorted(os.listdir(real)):
        if not LIBRARY.match(name):
            continue
        path = os.path.join(real, name)
        target = _in_tree(tree, path)
        library = elf.read(target) if os.path.isfile(target) else None
        if library is None or library.machine not in FLAGS:
            continue
        soname = library.soname or name
        if os.path.islink(path):
            # Of the links, ldconfig lists SONAMEs and what compilers look for.
            listed = name == soname or name.endswith(".so")
            key = name
        else:
            listed = name == soname or os.path.lexists(os.path.join(real, soname))
            key = soname
        if listed:
            names[key, FLAGS[library.machine]] = f"{directory}/{key}"
    return [(name, path, flags) for (name, flags), path in names.items()]


def _compare(one, two):
    """The loader's order of names: runs of digits count as numbers."""
    def pieces(name):
        return [int(piece) if piece.isdigit() else piece for piece in re.findall(r"\d+|\D", name)]

    for left, right in zip(pieces(one), pieces(two)):
        if left != right:
            if isinstance(left, int) != isinstance(right, int):
                return 1 if isinstance(left, int) else -1
            return 1 if left > right else -1
    return len(pieces(one)) - len(pieces(two))


def entries(tree):
    found = []
    for directory, real in _directories(tree):
        for entry in _scan(tree, directory, real):
            if not any(entry[0] == other[0] and entry[2] == other[2] for other in found):
                found.append(entry)
    # Descending: the loader searches by halves and expects just this order.
    by_name = functools.cmp_to_key(_compare)
    return sorted(found, key=lambda entry: (by_name(entry[0]), entry[2]), reverse=True)


def write(tree, glibc):
    listed = entries(tree)
    offset = HEADER.size + ENTRY.size * len(listed)
    table, strings = b"", b""
    for name, path, flags in listed:
        value = offset + len(strings)
        # The name is the end of the path, so they share their bytes.
        table += ENTRY.pack(flags, value + len(path) - len(name), value, 0, 0)
        strings += path.encode() + b"\0"
    generator = f"ldconfig (GNU libc) stable release version {glibc}".encode()
    extension = -(-(offset + len(strings)) // 4) * 4
    section = extension + 24
    data = HEADER.pack(MAGIC, len(listed), len(strings), LITTLE_ENDIAN, extension) + table + strings
    data += b"\0" * (extension - len(data))
    data += struct.pack("<II", EXTENSION_MAGIC, 1)
    data += struct.pack("<IIII", GENERATOR_TAG, 0, section, len(generator)) + generator
    tree.write("/etc/ld.so.cache", data)
