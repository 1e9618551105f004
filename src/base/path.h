/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths below a root, by descriptor.
 *
 * A root directory may be hostile: every name in it can be a link to anywhere and can change
 * while it is looked at. So a path is always (root_fd, path): it is resolved with the root as
 * "/", links and ".." never leave it, and the result is a descriptor that is then used itself.
 * Checking a string and using the string afterwards is a bug.
 *
 * Leading slashes in `path` are ignored. Functions return a descriptor or 0, or -errno.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef int errint_t; /* 0 or positive: success; negative: -errno */

/* open(2) of `path` below `root_fd`. O_CLOEXEC is implied; magic links of procfs are refused. */
errint_t path_open_in(int root_fd, const char *path, int flags, mode_t mode);

/*
 * Opens a regular file to read it. Whatever else has this name is not opened at all: opening a
 * device node may already act, a FIFO waits. -EISDIR, -ENODEV.
 */
errint_t path_open_regular_in(int root_fd, const char *path);

/* fstatat() of what `path` finally names. */
errint_t path_stat_in(int root_fd, const char *path, struct stat *ret_st);

struct path_resolved {
	char *path;  /* absolute below the root, without links, "." or ".."; malloc'd */
	int fd;      /* O_PATH, or -1 where it does not exist */
	bool exists; /* false: the last existing part is resolved, the rest appended as named */
};

#define PATH_RESOLVED_INIT { .fd = -1 }

/*
 * Walks `path` component by component without following anything out of the root and tells
 * where it ends up. A missing tail is not an error unless it holds ".." (-ENOENT).
 * -ELOOP after 40 links, -ENOTDIR where a component is no directory.
 */
errint_t path_resolve_in(int root_fd, const char *path, struct path_resolved *ret);
void path_resolved_done(struct path_resolved *r);

/*
 * Creates `path` and its parents as directories below root_fd, following no link: a link or a
 * file in the way is -ENOTDIR. Existing directories are kept. Returns an O_PATH descriptor.
 */
errint_t path_mkdir_all_in(int root_fd, const char *path, mode_t mode);

/* Removes `name` below dir_fd and all below it, following no link and crossing no mount. */
errint_t path_remove_tree(int dir_fd, const char *name);

/* Absolute, without "//", "." and "..", without a slash at its end, at most 4095 bytes. */
bool path_is_normal(const char *path);

/* Text after the last slash. */
const char *path_base_name(const char *path);
/* True if `path` is `dir` or lies below it; both absolute and without links. */
bool path_is_below(const char *path, const char *dir);
