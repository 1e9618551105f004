/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a command can start in a container's root, told before the container is made: the
 * low-level runtime's own answer does not name the cause (a missing interpreter reads as a
 * missing program). Nothing of the root is executed.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/*
 * `env` gives PATH. Errors: NVB_ERR_NO_COMMAND (127), NVB_ERR_NOT_EXECUTABLE (126; no
 * permission, a directory, of another machine, its interpreter is missing).
 */
int container_command_check(int root_fd, const char *command, const char *cwd,
	const struct string_list *env, struct nvb_error **err);
