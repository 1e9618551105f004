/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Executes a plan on a container that somebody else has already made: between its creation and
 * the start of its command, as prestart hooks and nvidia-container-cli's callers do.
 *
 * Sources are opened on the host and cloned as detached mounts (open_tree) before the container's
 * namespaces are entered; destinations are resolved below its root by descriptor and reached by
 * descriptor (move_mount). Nothing in the container is executed, and no path of it is trusted: a
 * root that changes meanwhile makes the call fail, or gets its own mounts in an odd place of its
 * own tree.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "plan/plan.h"

struct attach_target {
	pid_t pid;	    /* a process of the container; 0: the caller's own namespaces */
	int root_fd;	    /* attach_open_root() of it */
	bool nodes;	    /* the plan's device nodes too */
	bool device_cgroup; /* let the container's cgroup open them */
};

/*
 * Opens the root of a container as its own mount namespace sees it: the facts that a plan is made
 * from and what it is carried out on are then the same directory. `rootfs` is absolute, and is what
 * it was before any pivot_root. Errors: NVB_ERR_USAGE, NVB_ERR_UNSAFE_PATH (the machine's own
 * root), NVB_ERR_NOT_FOUND, NVB_ERR_PERMISSION, NVB_ERR_IO.
 */
int attach_open_root(pid_t pid, const char *rootfs, int *ret_root_fd, struct nvb_error **err);

/*
 * What fails leaves no mount and no empty file behind: all is undone in reverse order. One thing
 * stays, in either case: mounts on the way to a destination that shared what is mounted below them
 * no longer do, for the kernel lets no mount join its peers again. Without `pid` these are the
 * caller's own mounts. The plan's links must be mounts by now: plan_links_to_mounts(). Environment,
 * hooks, groups and rlimits of the plan cannot be set from outside and are not. Errors:
 * NVB_ERR_PERMISSION, NVB_ERR_UNSAFE_PATH, NVB_ERR_UNSUPPORTED (kernel before 5.12, a device program
 * that cannot be extended), NVB_ERR_IO.
 */
int attach_plan(
	const struct attach_target *target, const struct plan *plan, struct nvb_error **err);
