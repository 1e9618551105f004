/* SPDX-License-Identifier: Apache-2.0 */
/* Directories in the container's root, by descriptor. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/*
 * The directory that `path` leads to in the container, created with its parents where it is
 * missing. Returns a descriptor to work below, O_PATH.
 * Errors: NVB_ERR_IO, NVB_ERR_UNSAFE_PATH, NVB_ERR_NO_MEMORY.
 */
int place_open_directory(int root_fd, const char *path, int *ret_fd, struct nvb_error **err);

/* Raises what a failed write means: NVB_ERR_IO, with a hint if the root is read-only or full. */
int place_raise(int errnum, const char *what, const char *path, struct nvb_error **err);

/*
 * A regular file for reading; the type is checked before it is opened, since opening a device
 * or a FIFO would already be an action. Returns a descriptor or -errno; -EINVAL: no regular file.
 */
int place_open_regular(int root_fd, const char *path);
