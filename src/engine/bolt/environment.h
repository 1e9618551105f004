/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a container's first process. */
#pragma once

#include "engine/bolt/image.h"
#include "engine/bolt/user.h"
#include "plan/plan.h"

/* PATH of a container whose image sets none: where the command is then looked for. */
#define CONTAINER_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * Later wins: defaults (PATH, HOME, HOSTNAME, TERM) < the image < the plan, in which the user's
 * own values are merged. Each name once, in the order of first appearance.
 */
int environment_merge(const struct image *image, const struct plan *plan,
	const struct container_user *user, bool terminal, const char *hostname, struct arena *a,
	struct string_list *ret, struct nvb_error **err);
