/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a container's root together, in the keeper's private mount namespace. */
#pragma once

#include "base/error.h"

struct keeper;

/*
 * A procfs of this PID namespace; where asked for, a unified cgroup tree; over the capsule a file
 * system in memory with the bundle; in there at "root" an overlay of the image below, the bundle's
 * layer, and the capsule's writable layer above. Nothing reaches the host's mount namespace.
 * *ret_files_fd: the capsule's directory in memory.
 */
int root_mount_all(const struct keeper *keeper, int *ret_files_fd, struct nvb_error **err);
