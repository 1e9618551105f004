/* SPDX-License-Identifier: Apache-2.0 */
/* The entry point; named by the linker's -e, called by the kernel alone. */
#pragma once

#include <stdint.h>

void hook_drop_environment(volatile uintptr_t *stack);
