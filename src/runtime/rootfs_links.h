/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The further names of libraries as symbolic links in a container's root, made before the
 * low-level runtime sees it.
 *
 * The root is the container's: what is in it, and what changes in it meanwhile, may be hostile.
 * A directory is opened without following anything and without entering a mount, so that nothing
 * is written outside of the root's own file system; then names in it are all that is used.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "plan/plan.h"

struct rootfs_links {
	int root_fd;	 /* borrowed; -1: no link is made */
	const char *dir; /* of the last link, with its last slash; borrowed of the plan */
	size_t dir_length;
	int dir_fd;
	uid_t uid; /* of the directory */
	gid_t gid;
	bool is_ours;
};

/* No link is made in the machine's own root. */
void rootfs_links_open(int root_fd, struct rootfs_links *ret);
void rootfs_links_done(struct rootfs_links *links);

/*
 * True if the name leads to the mounted file when this returns. What the image or its user put
 * there stays, but for a link that an earlier version of the driver left behind. The plan must
 * outlive `links`.
 */
bool rootfs_links_make(struct rootfs_links *links, const struct plan_link *link);
