/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends at once. Built without a C library, with a static and with a dynamic one, it is what
 * bench-floor executes; the first of them stands for a low-level runtime where only nvbind's own
 * part counts.
 */
#ifdef WITHOUT_LIBC
#include <sys/syscall.h>

__attribute__((noreturn)) void _start(void);

void _start(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(SYS_exit_group), "D"(0) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_exit_group;
	register long code __asm__("x0") = 0;

	__asm__ volatile("svc 0" : : "r"(number), "r"(code) : "memory");
#else
#error "say how this processor makes a system call"
#endif
	__builtin_unreachable();
}
#else
int main(void)
{
	return 0;
}
#endif
