/* SPDX-License-Identifier: Apache-2.0 */
/* Where nvbind keeps what ends with the boot. One rule for all of it. */
#pragma once

#include "base/error.h"
#include "base/path.h"

#define RUNTIME_DIR_SYSTEM "/run/nvbind"
#define BOOT_ID_PATH	   "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH	   36

/*
 * /run/nvbind for root of the machine; else $XDG_RUNTIME_DIR/nvbind, or what the variable would
 * say; for root of a user namespace without a session /run/nvbind too, which may be the machine's.
 * "/name" follows, if one is given. Absolute, malloc'd; it need not exist.
 * Errors: NVB_ERR_NOT_FOUND (no such place), NVB_ERR_NO_MEMORY.
 */
int runtime_dir_path(const char *name, char **ret_path, struct nvb_error **err);

/* True if `path` is in the machine's place and we are not its root: what is there is another's. */
bool runtime_dir_is_foreign(const char *path);

/* The kernel's name for this boot. 0 or -errno. */
errint_t runtime_dir_read_boot_id(char ret_id[static BOOT_ID_LENGTH + 1]);
