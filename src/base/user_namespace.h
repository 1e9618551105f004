/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids there are where we run: user_namespaces(7). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* False inside of another one (rootless engines, LXD): its root is not the machine's. True where
 * it cannot be told: before the kernel has it, or without /proc. */
bool user_namespace_is_initial(void);

/* True if both a user and a group of this number exist here, and where it cannot be told. */
bool user_namespace_has_id(uint32_t id);
