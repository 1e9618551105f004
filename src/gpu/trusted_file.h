/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file is fit to be loaded into a process of ours: nobody but root and the caller can
 * have written it or can exchange it. It and every directory above it, up to "/", must belong to
 * root or to the caller, and neither its group nor others may write to it. In a sticky directory
 * of root or of the caller everyone may write, but nobody can exchange what is another's.
 */
#pragma once

#include "base/error.h"

/*
 * Returns 1: *ret_path is the file without links. 0: *ret_why says why not, with the file's name.
 * Both are malloc'd. Errors: NVB_ERR_NO_MEMORY.
 */
int trusted_file_find(const char *path, char **ret_path, char **ret_why, struct nvb_error **err);
