/* SPDX-License-Identifier: Apache-2.0 */
/* One overlay mount, all of it named by descriptor: no path is quoted, none changes its meaning. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/path.h"

struct overlay {
	int lower_fd;
	int middle_fd;	       /* a layer of ours above the lower one; -1: none */
	int upper_fd, work_fd; /* on one file system */
	int target_fd;
	bool in_user_namespace;
	bool no_devices; /* nothing else keeps out those that the image has nodes of */
};

/*
 * Mounts it. The upper layer may be one that cannot hold an overlay (NFS, an overlay itself):
 * then a tmpfs over work_fd takes the writes, and what the upper layer holds is below it.
 * Returns 0 or -errno; -EINVAL with in_user_namespace: something is mounted below the lower
 * directory, which the kernel does not let an ordinary user uncover.
 */
errint_t overlay_mount(const struct overlay *overlay);
