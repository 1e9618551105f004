/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/idle.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The code that a start ran through is a megabyte, of which waiting needs a few pages. All of it
 * comes from files that nothing was written over: what may be written is left out, and code with
 * relocations in it (DT_TEXTREL) is nowhere linked.
 */
static int release_object(struct dl_phdr_info *object, size_t size, void *user)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)user;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &object->dlpi_phdr[i];
		const uintptr_t start = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);

		if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
			(void)madvise((void *)start,
				object->dlpi_addr + part->p_vaddr + part->p_memsz - start,
				MADV_DONTNEED);
	}
	return 0;
}

void idle_release_memory(void)
{
	(void)malloc_trim(0);
	(void)dl_iterate_phdr(release_object, NULL);
}
