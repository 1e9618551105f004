/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a container runs as: "USER[:GROUP]", names looked up in the container's own files. As
 * Docker has it: groups that list the user count unless a GROUP is given.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "plan/plan.h"

struct container_user {
	uint32_t uid, gid;
	struct gid_list gids; /* further groups that list the user */
	const char *home;     /* NULL: unknown */
};

/* `text` NULL or empty is root. Errors: NVB_ERR_ENGINE (no such user or group). */
int container_user_find(int root_fd, const char *text, struct arena *a, struct container_user *ret,
	struct nvb_error **err);
