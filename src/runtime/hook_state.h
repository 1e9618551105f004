/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a container, as an OCI runtime gives it to its hooks. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

struct hook_state {
	const char *bundle; /* absolute */
	pid_t pid;
};

/*
 * Reads all of `fd`. Strings go into `a`. Errors: NVB_ERR_FORMAT (no absolute bundle, no process),
 * NVB_ERR_LIMIT, NVB_ERR_IO.
 * Source: OCI runtime specification 1.2.0, runtime.md, "State".
 */
int hook_state_read(int fd, struct arena *a, struct hook_state *ret, struct nvb_error **err);
