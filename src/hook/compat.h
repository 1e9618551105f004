/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA forward compatibility: which libcuda wins, the image's or the host's.
 * Source: CUDA Compatibility guide, "Forward Compatibility".
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/*
 * Returns 1 and the real path of the image's compatibility directory if its libcuda is to be
 * used with a driver of that version; 0 if not. What cannot be read or compared does not win.
 * Errors: NVB_ERR_NO_MEMORY.
 */
int compat_choose(int root_fd, const char *host_version, struct arena *a, const char **ret_folder,
	struct nvb_error **err);

/*
 * The rule alone. `note` is the text of libcuda's own note, {"driver":[550,...]}: the drivers
 * that it works with; NULL: it has none, and the major versions are compared.
 */
bool compat_wins(const char *version, const char *host_version, const char *note);
