/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: bounded reading, replacing by rename. All return 0 or -errno. */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/path.h"

/*
 * Reads all of `fd`. *ret_data is malloc'd and NUL-terminated behind *ret_length bytes; the text
 * may hold NUL bytes of its own. Over limit_bytes: -EFBIG, nothing is returned.
 */
errint_t file_read_fd(int fd, size_t limit_bytes, char **ret_data, size_t *ret_length);

/* The same for `path` resolved below root_fd. ret_length may be NULL. */
errint_t file_read_in(int root_fd, const char *path, size_t limit_bytes, char **ret_data,
	size_t *ret_length);

/* The same in a root that may be hostile: only a regular file is opened. */
errint_t file_read_regular_in(int root_fd, const char *path, size_t limit_bytes, char **ret_data,
	size_t *ret_length);

/* The same for an absolute path of the running machine itself, as open(2) resolves it. */
errint_t file_read_path(const char *path, size_t limit_bytes, char **ret_data,
	size_t *ret_length);

/*
 * To be asked before a program ends: -errno if not all that it printed on `stream` is
 * written. A write that failed before counts, whatever came after it: then -EIO.
 */
errint_t file_flush(FILE *stream);

/* Writes all of it, over short writes and EINTR. */
errint_t file_write_fd(int fd, const void *data, size_t length);

/*
 * Makes `name` in dir_fd hold exactly `data`: written beside it and renamed over it, so a reader
 * sees the old or the new content, never a part. A full disk leaves the old file as it was.
 */
errint_t file_replace_at(int dir_fd, const char *name, const void *data, size_t length,
	mode_t mode);

/* The same with the permission bits and the owner of `like`: the file that was read before. */
errint_t file_replace_like_at(int dir_fd, const char *name, const void *data, size_t length,
	const struct stat *like);

/*
 * Either of them, and on the disk when it returns: after a power failure too, there is the old or
 * the new content. Not for what a container waits for. `like`: NULL, or in the place of `mode`.
 */
errint_t file_replace_synced_at(int dir_fd, const char *name, const void *data, size_t length,
	mode_t mode, const struct stat *like);

/* Removes what killed processes left beside `name`, which is the caller's alone to replace. */
void file_sweep_at(int dir_fd, const char *name);
