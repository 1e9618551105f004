/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a container's root is read-only in itself, or only as the container is to see it. */
#pragma once

#include <stdbool.h>

/*
 * True if the mount of root_fd is read-only and the one it was made from is not: then the runtime
 * has made it so for the container. Runtimes differ in when they do that: runc and crun since 1.22
 * behind the hooks, crun up to 1.21 before them. False where it cannot be told (Linux before 5.8).
 */
bool view_is_read_only(int root_fd);

/*
 * The same from the text of a mountinfo. A runtime binds a root onto itself, so the mount that it
 * was made from is its parent.
 */
bool view_is_read_only_in(const char *mountinfo, unsigned long long mount_id);
