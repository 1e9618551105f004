# SPDX-License-Identifier: Apache-2.0
"""ELF shared objects: writes minimal ones that the real loader accepts, reads what a driver file says of itself."""

import os
import struct

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_NOTE, PT_GNU_STACK = 1, 2, 4, 0x6474E551
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME = 0, 1, 4, 5, 6, 10, 11, 14
SHT_PROGBITS, SHT_STRTAB, SHT_HASH, SHT_DYNAMIC, SHT_NOTE, SHT_DYNSYM = 1, 3, 5, 6, 7, 11
READ, WRITE = 4, 2

MACHINES = {"x86_64": (64, 62), "i386": (32, 3), "aarch64": (64, 183)}

# Programs and tests can tell a simulated library from a real one by this symbol.
MARKER = "nvbind_simulated"


class _Class:
    """What differs between the two ELF classes."""

    def __init__(self, bits):
        wide = bits == 64
        self.bits = bits
        self.ehdr = struct.Struct("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH")
        self.shdr = struct.Struct("<IIQQQQIIQQ" if wide else "<IIIIIIIIII")
        self.dyn = struct.Struct("<QQ" if wide else "<II")
        self.sym_size = 24 if wide else 16
        self.phdr_size = 56 if wide else 32

    def phdr(self, kind, flags, offset, size, align):
        if self.bits == 64:
            return struct.pack("<IIQQQQQQ", kind, flags, offset, offset, offset, size, size, align)
        return struct.pack("<IIIIIIII", kind, offset, offset, offset, size, size, flags, align)

    def sym(self, name, value, size, info, section):
        if self.bits == 64:
            return struct.pack("<IBBHQQ", name, info, 0, section, value, size)
        return struct.pack("<IIIBBH", name, value, size, info, 0, section)


def _string_table(strings):
    table, offsets = b"\0", {"": 0}
    for string in strings:
        if string not in offsets:
            offsets[string] = len(table)
            table += string.encode() + b"\0"
    return table, offsets


def _abi_note():
    """NT_GNU_ABI_TAG for Linux 2.3.99, which NVIDIA's TLS library carries."""
    return struct.pack("<III4sIIII", 4, 16, 1, b"GNU\0", 0, 2, 3, 99)


def shared_object(arch, soname, needed, label, abi_tag=False):
    """The bytes of a library that exports one symbol, MARKER, the text `label`."""
    bits, machine = MACHINES[arch]
    cls = _Class(bits)
    text = label.encode() + b"\0"
    strings, at = _string_table([MARKER, *needed] + ([soname] if soname else []))
    note = _abi_note() if abi_tag else b""
    segments = 4 if note else 3
    ehdr_size = 16 + cls.ehdr.size

    # One writable segment holds the whole file: the loader relocates the dynamic section in place.
    parts = [  # name, type, flags, data, entry size, link (section index), info
        (".hash", SHT_HASH, 2, struct.pack("<5I", 1, 2, 1, 0, 0), 4, 2, 0),
        (".dynsym", SHT_DYNSYM, 2, b"\0" * (2 * cls.sym_size), cls.sym_size, 3, 1),
        (".dynstr", SHT_STRTAB, 2, strings, 0, 0, 0),
        (".data", SHT_PROGBITS, 3, text, 0, 0, 0),
        (".dynamic", SHT_DYNAMIC, 3, b"\0" * cls.dyn.size * (len(needed) + (7 if soname else 6)), cls.dyn.size, 3, 0),
    ]
    if note:
        parts.append((".note.ABI-tag", SHT_NOTE, 2, note, 0, 0, 0))
    offset, place = ehdr_size + segments * cls.phdr_size, {}
    for name, _, _, data, *_ in parts:
        offset = -(-offset // 8) * 8
        place[name] = (offset, len(data))
        offset += len(data)
    loaded = offset

    dynamic = [(DT_NEEDED, at[name]) for name in needed] + ([(DT_SONAME, at[soname])] if soname else [])
    dynamic += [(DT_HASH, place[".hash"][0]), (DT_STRTAB, place[".dynstr"][0]), (DT_SYMTAB, place[".dynsym"][0]),
                (DT_STRSZ, len(strings)), (DT_SYMENT, cls.sym_size), (DT_NULL, 0)]
    contents = {name: data for name, _, _, data, *_ in parts}
    contents[".dynamic"] = b"".join(cls.dyn.pack(*entry) for entry in dynamic)
    contents[".dynsym"] = cls.sym(0, 0, 0, 0, 0) + cls.sym(at[MARKER], place[".data"][0], len(text), 0x11, 4)

    phdrs = cls.phdr(PT_LOAD, READ | WRITE, 0, loaded, 0x1000)
    phdrs += cls.phdr(PT_DYNAMIC, READ | WRITE, *place[".dynamic"], 8)
    phdrs += cls.phdr(PT_GNU_STACK, READ | WRITE, 0, 0, 16)
    if note:
        phdrs += cls.phdr(PT_NOTE, READ, *place[".note.ABI-tag"], 4)

    # Section headers: the loader needs none, readelf and friends do.
    names, name_at = _string_table([part[0] for part in parts] + [".shstrtab"])
    names_offset, table_offset = loaded, -(-(loaded + len(names)) // 8) * 8
    sections = cls.shdr.pack(*[0] * 10)
    for name, kind, flags, _, entry_size, link, info in parts:
        start, size = place[name]
        sections += cls.shdr.pack(name_at[name], kind, flags, start, start, size, link, info, 8, entry_size)
    sections += cls.shdr.pack(name_at[".shstrtab"], SHT_STRTAB, 0, 0, names_offset, len(names), 0, 0, 1, 0)

    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + b"\0" * 9
    ehdr = cls.ehdr.pack(ET_DYN, machine, 1, 0, ehdr_size, table_offset, 0, ehdr_size, cls.phdr_size, segments,
                         cls.shdr.size, len(parts) + 2, len(parts) + 1)
    image = bytearray(table_offset)
    image[:ehdr_size + len(phdrs)] = ident + ehdr + phdrs
    for name, (start, size) in place.items():
        image[start:start + size] = contents[name]
    image[names_offset:names_offset + len(names)] = names
    return bytes(image) + sections


class Library:
    """What a shared object says of itself."""

    def __init__(self, bits, machine, soname, needed):
        self.bits, self.machine, self.soname, self.needed = bits, machine, soname, needed


def read(path):
    """The Library in `path`, or None where it is no shared object. Reads the few pages it needs: drivers are large."""
    with open(path, "rb") as file:
        def at(offset, size):
            return os.pread(file.fileno(), size, offset)

        head = at(0, 64)
        if len(head) < 52 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] != 1:
            return None
        cls = _Class(64 if head[4] == 2 else 32)
        kind, machine, _, _, phoff, _, _, _, phentsize, phnum, *_ = cls.ehdr.unpack_from(head, 16)
        if kind != ET_DYN:
            return None
        segments = []
        for index in range(phnum):
            raw = at(phoff + index * phentsize, cls.phdr_size)
            if cls.bits == 64:
                kind, _, offset, vaddr, _, size, _, _ = struct.unpack("<IIQQQQQQ", raw)
            else:
                kind, offset, vaddr, _, size, _, _, _ = struct.unpack("<IIIIIIII", raw)
            segments.append((kind, offset, vaddr, size))

        dynamic = next((s for s in segments if s[0] == PT_DYNAMIC), None)
        if dynamic is None:
            return None
        raw = at(dynamic[1], dynamic[3])
        entries = []
        for tag, value in cls.dyn.iter_unpack(raw[:len(raw) // cls.dyn.size * cls.dyn.size]):
            if tag == DT_NULL:
                break
            entries.append((tag, value))
        values = dict(entries)
        strtab = next((offset + values[DT_STRTAB] - vaddr for kind, offset, vaddr, size in segments
                       if kind == PT_LOAD and DT_STRTAB in values and vaddr <= values[DT_STRTAB] < vaddr + size), None)
        if strtab is None:
            return None

        def string(offset):
            return at(strtab + offset, 256).split(b"\0", 1)[0].decode()

        soname = string(values[DT_SONAME]) if DT_SONAME in values else None
        return Library(cls.bits, machine, soname, [string(value) for tag, value in entries if tag == DT_NEEDED])
