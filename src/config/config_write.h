/* SPDX-License-Identifier: Apache-2.0 */
/* Files of configuration as they are changed: no trust is needed to show or to write one. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* malloc'd. An absent file is an empty text if `may_be_absent`. NVB_ERR_NOT_FOUND, NVB_ERR_IO. */
int config_read_text(const char *path, bool may_be_absent, char **ret_text, size_t *ret_length,
	struct nvb_error **err);

/*
 * Replaces the file as a whole, by rename: a link is followed, mode and owner stay, directories on
 * the way are made. NVB_ERR_FAILED: it exists, and `replace` is false. NVB_ERR_PERMISSION,
 * NVB_ERR_IO.
 */
int config_write_text(const char *path, const char *text, bool replace, struct nvb_error **err);
