/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reading of an ELF file's parts. For format/elf*.c alone.
 *
 * All reading goes through elf_reader_bytes(): it serves a range from the first page, which is
 * read once, or from the file. Every offset is added and compared in 64 bits with overflow checks,
 * and a range that the file cannot fill is an error with the name of the part that claimed it.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ELF_HEAD_BYTES	 4096
#define ELF_MAX_SEGMENTS 128

struct elf_reader {
	int fd;
	bool is64;
	size_t head_length;
	unsigned char head[ELF_HEAD_BYTES];
};

/* The parts of both classes' headers that are used here. */
struct elf_header {
	uint64_t segments_offset, sections_offset;
	uint16_t type, machine;
	uint16_t segment_size, n_segments;
	uint16_t section_size, n_sections, names_index;
};

struct elf_segment {
	uint32_t type;
	uint64_t offset, address, file_size, align;
};

struct elf_segments {
	struct elf_segment items[ELF_MAX_SEGMENTS];
	size_t n;
};

/* A field whose place and width depend on the class, as <elf.h> lays it out. */
#define ELF_FIELD(f, p, type, member)                                                              \
	((f)->is64 ? elf_get((p) + offsetof(Elf64_##type, member),                                 \
			     sizeof(((Elf64_##type *)0)->member))                                  \
		   : elf_get((p) + offsetof(Elf32_##type, member),                                 \
			     sizeof(((Elf32_##type *)0)->member)))
#define ELF_SIZE(f, type) ((f)->is64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

uint32_t elf_get32(const unsigned char *p);
/* A little-endian number of 2, 4 or 8 bytes. */
uint64_t elf_get(const unsigned char *p, size_t size);

/* Opens nothing: `fd` is borrowed. Returns 1, or 0 if this is not ELF. */
int elf_reader_open(struct elf_reader *f, int fd, struct elf_header *ret, struct nvb_error **err);

/* Reads up to `length` bytes; fewer only at the end of the file. */
int elf_reader_some(const struct elf_reader *f, uint64_t offset, void *buffer, size_t length,
	size_t *ret_length, struct nvb_error **err);
/* Reads all of them; `what` is the part of the file that claims to be there. */
int elf_reader_bytes(const struct elf_reader *f, uint64_t offset, void *buffer, size_t length,
	const char *what, struct nvb_error **err);

int elf_reader_segments(const struct elf_reader *f, const struct elf_header *h,
	struct elf_segments *ret, struct nvb_error **err);
