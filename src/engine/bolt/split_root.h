/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root put together from its top-level directories.
 *
 * In a user namespace the kernel refuses an overlay over a directory with other file systems
 * mounted below it, as "/" always has: the overlay would show what they hide. Single directories
 * such as /usr have none below them, so each gets an overlay of its own; where that fails too,
 * it is bound read-only. Root needs it where such a directory is a file system of its own. /dev,
 * /proc, /sys, /run, /tmp and mount points for media are the machine's running state, not its
 * system: the container gets its own.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct split_root {
	int lower_fd, capsule_fd;
	int files_fd;			    /* has "root", where it is mounted */
	bool in_user_namespace, no_devices; /* as in struct overlay */
};

/* True if a top-level directory is a file system of its own, which one overlay would not show. */
bool split_root_is_needed(int lower_fd);

int split_root_mount(const struct split_root *root, struct nvb_error **err);
