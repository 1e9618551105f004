/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shorter way for the commands that make no container ("start", "state", "kill", "delete", ...):
 * all they need of us is the low-level runtime's name. They are served at the entry point, before
 * the C library starts, because its start takes longer than everything else that they do: it asks
 * the processor for its caches by some 60 CPUID instructions, each of which leaves a virtual
 * machine for its host (4 us), and touches its own pages.
 *
 * Only the plain case is served: a policy that is absent or simple, and a program that is found and
 * executed. Everything else, every error included, returns, and main() does the same again with
 * its messages. tests/integration/pass-through.bats compares the two.
 *
 * Part of the static program alone; see meson.build.
 */
#pragma once

#include <stdint.h>

/* `stack`: as the kernel leaves it. Does not return if the low-level runtime was started. */
void pass_through(uintptr_t *stack);
