/* SPDX-License-Identifier: Apache-2.0 */
/* How the running machine lays out its control groups, and removing one that lost its processes. */
#pragma once

#include "base/error.h"

enum cgroup_layout {
	CGROUP_NONE,    /* /sys/fs/cgroup holds no cgroup file system */
	CGROUP_UNIFIED, /* version 2 alone */
	CGROUP_LEGACY,  /* version 1 */
	CGROUP_HYBRID,  /* version 1 controllers beside a version 2 tree */
};

enum cgroup_layout cgroup_layout_read(void);
const char *cgroup_layout_name(enum cgroup_layout layout);

/*
 * Kills the processes in the cgroup `name` (a single component) at the top of every hierarchy. They
 * may be still dying when it returns.
 */
void cgroup_kill(const char *name);

/*
 * Removes the cgroup `name` (a single component) at the top of every hierarchy, with its
 * children. Absent is success. A cgroup whose processes are still dying is waited for, up to a
 * second; then NVB_ERR_BUSY.
 */
int cgroup_remove(const char *name, struct nvb_error **err);
