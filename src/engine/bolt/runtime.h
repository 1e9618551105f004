/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The low-level OCI runtime: crun or runc, as a program.
 *
 * Which one fits is decided from the cgroup layout, without starting anything: crun before
 * version 1.9 refuses the hybrid layout, so runc goes first there and crun runs without a cgroup
 * of its own. NVBIND_OCI_RUNTIME names another program.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "host/cgroup.h"

struct low_level_runtime {
	const char *path;
	bool is_crun; /* takes crun's options; everything else takes runc's */
	/* A cgroup with a device filter will hold the container. */
	bool device_cgroup;
	/* The runtime must see a unified cgroup tree: mount one in the private namespace. */
	bool mount_cgroup2;
};

/* Errors: NVB_ERR_ENGINE with what to install. Strings live in the arena. */
int low_level_runtime_find(
	struct arena *a, bool rootless, struct low_level_runtime *ret, struct nvb_error **err);

/* The decision alone: `crun`, `runc` are paths or NULL. False if there is none. */
bool low_level_runtime_choose(const char *crun, const char *runc, enum cgroup_layout layout,
	bool rootless, struct low_level_runtime *ret);

/* The argument vector that runs `bundle` in the foreground; NULL-terminated, in the arena. */
const char **low_level_runtime_argv(struct arena *a, const struct low_level_runtime *runtime,
	bool rootless, const char *capsule_path, const char *id);
