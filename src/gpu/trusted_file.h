/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file is fit to be loaded into a process of ours: nobody but root and the caller can
 * have written it or can exchange it. It and every directory above it, up to "/", must belong to
 * root or to the caller, and neither its group nor others may write to it. In a sticky directory
 * of root or of the caller everyone may write, but nobody can exchange what is another's.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

/*
 * What is wrong with a part of a path that has no links, the file or a directory above it; NULL:
 * nothing. Calls nothing: src/runtime/pass_through.c needs it where nothing can be called.
 */
static inline const char *trusted_file_find_fault(
	const struct stat *part, bool is_file, uid_t own_uid)
{
	const bool is_sticky = S_ISDIR(part->st_mode) && (part->st_mode & S_ISVTX);

	if (is_file && !S_ISREG(part->st_mode))
		return "it is no regular file";
	if (!is_file && !S_ISDIR(part->st_mode))
		return "it is no directory";
	if (part->st_uid != 0 && part->st_uid != own_uid)
		return "it belongs to another user";
	if ((part->st_mode & (S_IWGRP | S_IWOTH)) && !is_sticky)
		return "other users may write to it";
	return NULL;
}

/*
 * Returns 1: *ret_path is the file without links. 0: *ret_why says why not, with the file's name.
 * Both are malloc'd. Errors: NVB_ERR_NO_MEMORY.
 */
int trusted_file_find(const char *path, char **ret_path, char **ret_why, struct nvb_error **err);
