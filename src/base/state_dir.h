/* SPDX-License-Identifier: Apache-2.0 */
/* Where nvbind keeps what it must remember. One rule for all that it remembers. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * NVBIND_STATE_DIR; else /var/lib/nvbind for root of the machine; else $XDG_DATA_HOME/nvbind or
 * ~/.local/share/nvbind. Absolute, malloc'd; it need not exist.
 * Errors: NVB_ERR_USAGE (no such place, or not absolute), NVB_ERR_NO_MEMORY.
 */
int state_dir_path(char **ret_path, struct nvb_error **err);

/*
 * Opens the directory `name` below it, made if missing, for us alone. Errors: NVB_ERR_PERMISSION
 * (others may write there), NVB_ERR_IO.
 */
int state_dir_open(const char *name, int *ret_fd, struct nvb_error **err);

/*
 * Opens the directory at `path`, for us alone, if nobody else decides what it is: the owners and
 * modes of all on the way to it, links included. It is made if its parent exists. Errors: those of
 * state_dir_open().
 */
int state_dir_open_path(const char *path, int *ret_fd, struct nvb_error **err);

/* That check alone, of the way to `path`, for whoever opens it himself. Errors: NVB_ERR_PERMISSION. */
int state_dir_check_way(const char *path, struct nvb_error **err);

/* False for root of a user namespace (podman unshare, LXD): the machine's files are not his. */
bool state_dir_is_root(void);
