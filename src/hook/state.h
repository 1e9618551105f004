/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container this is: the state that the runtime writes to a hook's standard input.
 * Source: OCI runtime specification 1.2, runtime.md ("State") and config.md ("Root",
 * "POSIX-platform Hooks").
 */
#pragma once

#include "base/error.h"

/*
 * Opens the container's root, O_PATH: of the state's own `root` field, which crun adds, else of
 * the config.json in the bundle. `root` not NULL: that directory, and nothing is read.
 * Errors: NVB_ERR_FORMAT, NVB_ERR_LIMIT, NVB_ERR_IO, NVB_ERR_UNSAFE_PATH (the running machine's own
 * root), NVB_ERR_NO_MEMORY.
 */
int state_open_root(int state_fd, const char *root, int *ret_fd, struct nvb_error **err);
