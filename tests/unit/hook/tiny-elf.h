/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest shared library that a reader accepts: no SONAME, one note at most. */
#pragma once

#include <elf.h>
#include <string.h>

#define TINY_ELF_SECTION ".note.cuda.fwd_compatibility"
#define TINY_ELF_OWNER	 "NVIDIA Corporation"

struct tiny_elf {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3];
	char names[64];
	Elf64_Nhdr note;
	char owner[20];
	char text[256];
};

/* `note` NULL: no note section. */
static inline void tiny_elf_make(struct tiny_elf *e, uint16_t machine, const char *note)
{
	static const char names[] = "\0" TINY_ELF_SECTION "\0.shstrtab";

	memset(e, 0, sizeof(*e));
	memcpy(e->header.e_ident, ELFMAG, SELFMAG);
	e->header.e_ident[EI_CLASS] = ELFCLASS64;
	e->header.e_ident[EI_DATA] = ELFDATA2LSB;
	e->header.e_ident[EI_VERSION] = EV_CURRENT;
	e->header.e_type = ET_DYN;
	e->header.e_machine = machine;
	e->header.e_version = EV_CURRENT;
	e->header.e_ehsize = sizeof(e->header);
	e->header.e_shoff = offsetof(struct tiny_elf, sections);
	e->header.e_shentsize = sizeof(Elf64_Shdr);
	e->header.e_shnum = 3;
	e->header.e_shstrndx = 2;
	memcpy(e->names, names, sizeof(names));
	e->sections[2] = (Elf64_Shdr){
		.sh_name = 1 + sizeof(TINY_ELF_SECTION),
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct tiny_elf, names),
		.sh_size = sizeof(names),
	};
	if (!note)
		return;
	e->sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_NOTE,
		.sh_offset = offsetof(struct tiny_elf, note),
		.sh_size = sizeof(e->note) + sizeof(e->owner) + sizeof(e->text),
		.sh_addralign = 4,
	};
	e->note = (Elf64_Nhdr){ sizeof(TINY_ELF_OWNER), (Elf64_Word)strlen(note) + 1, 0 };
	memcpy(e->owner, TINY_ELF_OWNER, sizeof(TINY_ELF_OWNER));
	memcpy(e->text, note, strlen(note) + 1);
}
