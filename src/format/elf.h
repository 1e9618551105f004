/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a loader would want to know of an ELF file, read through a descriptor.
 *
 * The file may be hostile and may change while it is read: it is read with bounded pread() into
 * buffers of fixed size, never mapped. 32 and 64 bit, little endian. An ordinary library costs
 * two to four reads.
 *
 * Source: System V ABI, "Object Files" (gABI 4.1); <elf.h>.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define ELF_MAX_NEEDED	   256
#define ELF_MAX_NOTE_BYTES ((size_t)64 << 10)

struct elf_info {
	int elf_class;		 /* 32 or 64 */
	uint16_t type;		 /* ET_DYN, ... */
	uint16_t machine;	 /* EM_X86_64, EM_386, EM_AARCH64, ... */
	const char *soname;	 /* DT_SONAME; NULL: none */
	const char *interpreter; /* PT_INTERP; NULL: none */
	struct string_list needed;
};

/*
 * Returns 1 and sets *ret, its strings in `a`; 0 if the file is not ELF at all. A file without a
 * dynamic section is fine and has no names. Messages do not name the file: the caller adds it.
 * Errors: NVB_ERR_FORMAT (names what lies or is cut off), NVB_ERR_UNSUPPORTED (big endian),
 * NVB_ERR_LIMIT, NVB_ERR_IO, NVB_ERR_NO_MEMORY.
 */
int elf_read(int fd, struct arena *a, struct elf_info *ret, struct nvb_error **err);

struct elf_note {
	const char *section; /* name of an SHT_NOTE section; NULL: the PT_NOTE segments */
	const char *owner;
	uint32_t type;
	bool any_type;
};

/*
 * The descriptor of the first note that matches. Returns 1, *ret_data in `a` with a NUL behind
 * its *ret_size bytes; 0 if there is none, or the file is not ELF. Errors as above.
 */
int elf_read_note(int fd, const struct elf_note *wanted, struct arena *a, const char **ret_data,
	size_t *ret_size, struct nvb_error **err);
