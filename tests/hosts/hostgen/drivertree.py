# SPDX-License-Identifier: Apache-2.0
"""Takes real driver files into a host in place of the simulated ones."""

import os
import re

from . import alternatives, elf
from .distro import TRIPLETS
from .tree import TreeError

TAKEN = ("usr", "etc", "lib", "lib64")
LIBCUDA = re.compile(r"libcuda\.so\.(\d+\.\d+(?:\.\d+)?)")


def version_of(directory):
    """The driver's version, which is the name of its libcuda."""
    found = {match[1] for _, _, files in os.walk(directory) for match in map(LIBCUDA.fullmatch, files) if match}
    if len(found) != 1:
        what = "no libcuda.so.VERSION" if not found else f"several versions ({', '.join(sorted(found))})"
        raise TreeError(f"{directory}: {what}")
    return found.pop()


def adopt(tree, directory, version):
    for top in TAKEN:
        source_top = os.path.join(directory, top)
        if os.path.islink(source_top):  # of a merged /usr; the host has its own
            continue
        for parent, directories, files in os.walk(source_top):
            inside = "/" + os.path.relpath(parent, directory)
            for name in sorted(files + [entry for entry in directories if os.path.islink(os.path.join(parent, entry))]):
                source, path = os.path.join(parent, name), f"{inside}/{name}"
                if tree.exists(path) or path == "/etc/ld.so.cache":  # written for the whole host
                    continue
                if os.path.islink(source):
                    tree.link(path, os.readlink(source))
                else:
                    tree.adopt(source, path)
    if any(tree.exists(f"/usr/lib/{triplet}/nvidia/current") for triplet in TRIPLETS.values()):
        alternatives.write(tree, version)
    _write_soname_links(tree)


def _write_soname_links(tree):
    """As ldconfig makes them; packages leave them to it."""
    for parent, _, files in os.walk(tree.host_path("/usr")):
        for name in files:
            path = os.path.join(parent, name)
            if ".so." in name and not os.path.islink(path):
                library = elf.read(path)
                if library and library.soname and not os.path.lexists(os.path.join(parent, library.soname)):
                    tree.link(os.path.relpath(os.path.join(parent, library.soname), tree.root), name)
