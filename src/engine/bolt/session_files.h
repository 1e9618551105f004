/* SPDX-License-Identifier: Apache-2.0 */
/* What a container of a desktop session needs beside sockets: see plan_mount.make_source and
 * plan_x11 in plan/plan.h. */
#pragma once

#include "base/path.h"
#include "plan/plan.h"

/*
 * Makes the directory and its parents where they are not there. A new one is for its owner alone,
 * who is the container's user, if that can be. 0 or -errno; -EPERM: it is another user's, or such a
 * one may change the way to it.
 */
errint_t session_files_make_directory(const char *path, uint32_t uid, uint32_t gid);

/*
 * Writes `name` in dir_fd: the cookie of the display alone, for the container's user. Returns 1;
 * 0 if the caller has no cookie for it; or -errno.
 */
errint_t session_files_write_cookie(
	const struct plan_x11 *x11, int dir_fd, const char *name, uint32_t uid, uint32_t gid);
