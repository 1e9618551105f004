/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's first instructions: the environment goes before the C library sees it.
 *
 * Some runtimes start a hook with the container's environment, which is the image's. A static
 * program has no loader that would obey LD_PRELOAD, but its C library reads GLIBC_TUNABLES and
 * MALLOC_* before main() (the parser of the former was CVE-2023-4911). So the kernel's stack is
 * edited at the entry point: an empty environment, and directly behind it, where the C library
 * then looks, the auxiliary vector.
 */
#include <stdint.h>

#include "hook/entry.h"

#ifndef HOOK_PLAIN_START

/* The stack is the kernel's: argc, argv[], NULL, envp[], NULL, auxv[] with AT_NULL at the end. */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl hook_start\n"
	".hidden hook_start\n"
	".type hook_start, @function\n"
	"hook_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	call hook_drop_environment\n"
	"	xorl %edx, %edx\n" /* no function for atexit() */
	"	jmp _start\n"
	".size hook_start, . - hook_start\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl hook_start\n"
	".hidden hook_start\n"
	".type hook_start, %function\n"
	"hook_start:\n"
	"	mov x29, xzr\n"
	"	mov x30, xzr\n"
	"	mov x0, sp\n"
	"	bl hook_drop_environment\n"
	"	mov x0, xzr\n"
	"	b _start\n"
	".size hook_start, . - hook_start\n");
#else
#error "an entry point for this architecture is missing; see src/hook/entry.c"
#endif

/*
 * Runs before relocation and without thread-local storage: it calls nothing. volatile keeps the
 * compiler from making memmove() of the loop.
 */
__attribute__((used, no_stack_protector, visibility("hidden"))) void hook_drop_environment(
	volatile uintptr_t *stack)
{
	volatile uintptr_t *to = stack + 1 + stack[0] + 1, *from = to;

	while (*from)
		from++;
	from++;
	*to++ = 0;
	for (;; to += 2, from += 2) {
		to[0] = from[0];
		to[1] = from[1];
		if (!to[0])
			break;
	}
}

#endif
