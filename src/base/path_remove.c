/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define MAX_DEPTH 128
/* Names for moved directories, before giving up on one that is always taken. */
#define MAX_NAMES 128

/*
 * Removes a tree. It may be hostile: deeper than any stack or descriptor table, with a mount left in
 * it. A directory below MAX_DEPTH is moved up to the top and comes later; what is another mount,
 * even of the same file system, is left alone.
 */
struct removal {
	int top_fd; /* the tree itself; -1 before it is entered */
	uint64_t mount_id;
	unsigned moved;
};

static errint_t mount_of(int fd, uint64_t *ret_id)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &x) < 0)
		return -errno;
	/* Before Linux 5.8 there is only the device: a bind mount of its own is not told apart. */
	*ret_id = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id
					    : (uint64_t)x.stx_dev_major << 32 | x.stx_dev_minor;
	return 0;
}

static int open_to_empty(int dir_fd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir_fd, name, flags);

	/* The owner may have taken its own access away (overlay's work directory). */
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0)
		fd = openat(dir_fd, name, flags);
	return fd < 0 ? -errno : fd;
}

static errint_t remove_below(struct removal *removal, int dir_fd, unsigned depth);

static errint_t move_to_top(struct removal *removal, int dir_fd, const char *name)
{
	char moved_name[48];

	/* The names may be taken: then those are removed now, and this one the next time. */
	for (int i = 0; i < MAX_NAMES; i++) {
		(void)snprintf(moved_name, sizeof(moved_name), ".nvbind-removed-%u",
			removal->moved++);
		if (renameat(dir_fd, name, removal->top_fd, moved_name) == 0)
			return 0;
		if (errno == EACCES && i == 0 && fchmodat(dir_fd, name, 0700, 0) == 0)
			continue;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			break;
	}
	return -errno;
}

/* The owner may have made the directory itself read-only (the caches of Go and Nix are). */
static errint_t unlink_entry(int dir_fd, const char *name, int flags)
{
	if (unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno == EACCES && fchmod(dir_fd, 0700) == 0 &&
		(unlinkat(dir_fd, name, flags) == 0 || errno == ENOENT))
		return 0;
	return -errno;
}

static errint_t remove_entry(struct removal *removal, int dir_fd, const char *name, unsigned depth)
{
	_cleanup_close_ int fd = -1;
	uint64_t mount_id = 0;
	errint_t r;

	r = unlink_entry(dir_fd, name, 0);
	if (r != -EISDIR && r != -EPERM)
		return r;
	if (depth > MAX_DEPTH)
		return move_to_top(removal, dir_fd, name);
	fd = open_to_empty(dir_fd, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = mount_of(fd, &mount_id);
	if (r < 0)
		return r;
	if (mount_id != removal->mount_id)
		return -EXDEV;
	r = remove_below(removal, fd, depth + 1);
	return r < 0 ? r : unlink_entry(dir_fd, name, AT_REMOVEDIR);
}

static errint_t remove_below(struct removal *removal, int dir_fd, unsigned depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	errint_t first = 0;
	int fd;

	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		first = -errno;
		closep(&fd);
		return first;
	}
	for (;;) {
		struct dirent *entry;
		errint_t r;

		entry = readdir(dir);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(removal, dirfd(dir), entry->d_name, depth);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/* Empties the tree's top again and again, as long as something deep was moved up into it. */
static errint_t remove_all_below(struct removal *removal)
{
	unsigned before;
	errint_t r;

	do {
		before = removal->moved;
		r = remove_below(removal, removal->top_fd, 1);
	} while (r == 0 && removal->moved != before);
	return r;
}

errint_t path_remove_tree(int dir_fd, const char *name)
{
	const char *base = path_base_name(name);
	_cleanup_free_ char *parent = base == name ? strdup(".") : strndup(name, (size_t)(base - name));
	struct removal removal = { .top_fd = -1 };
	_cleanup_close_ int parent_fd = -1, top_fd = -1;
	uint64_t mount_id = 0;
	errint_t r;

	if (!parent)
		return -ENOMEM;
	parent_fd = openat(dir_fd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = mount_of(parent_fd, &removal.mount_id);
	if (r < 0)
		return r;
	if (unlinkat(parent_fd, base, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	top_fd = open_to_empty(parent_fd, base);
	if (top_fd < 0)
		return top_fd == -ENOENT ? 0 : top_fd;
	r = mount_of(top_fd, &mount_id);
	if (r < 0)
		return r;
	if (mount_id != removal.mount_id)
		return -EXDEV;
	removal.top_fd = top_fd;
	r = remove_all_below(&removal);
	if (r < 0)
		return r;
	if (unlinkat(parent_fd, base, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}
