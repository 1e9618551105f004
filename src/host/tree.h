/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine as a rooted tree: procfs, sysfs, /dev, libraries and configuration are read below
 * one directory, by descriptor, links resolved inside it. "/" is the running machine; any other
 * root is a containerised driver or a simulated host.
 *
 * Paths are absolute as the machine itself sees them. Thread safety: read-only after
 * host_tree_open(), any number of threads; one if it has a record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/path.h"

struct host_record;

struct host_tree {
	int root_fd;
	char *prefix; /* "" for "/", else the root's absolute path without a trailing slash */
	/* Notes what is read through the functions below (host/record.h); NULL: nothing is noted. */
	struct host_record *record;
};

#define HOST_TREE_INIT { .root_fd = -1 }

/* `root` may be relative; it is made absolute. Errors: NOT_FOUND, PERMISSION, IO. */
int host_tree_open(const char *root, struct host_tree *ret_tree, struct nvb_error **err);
void host_tree_done(struct host_tree *tree);

/* True for the machine that runs us. */
static inline bool host_tree_is_live(const struct host_tree *tree)
{
	return !tree->prefix[0];
}

/* prefix + path, in the arena: the path to open from outside of the tree. NULL: out of memory. */
const char *host_tree_path(const struct host_tree *tree, struct arena *a, const char *path);

/* The whole file as text, at most limit_bytes. 0 or -errno. *ret_text is malloc'd. */
errint_t host_tree_read(const struct host_tree *tree, const char *path, size_t limit_bytes,
	char **ret_text);
/* The same without trailing white space, at most 4 KiB: a sysfs or procfs value. */
errint_t host_tree_read_line(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_line);
errint_t host_tree_read_u64(const struct host_tree *tree, const char *path, uint64_t *ret_value);
/* sysfs values such as "0x10de". */
errint_t host_tree_read_hex(const struct host_tree *tree, const char *path, uint64_t *ret_value);
/*
 * The same for what a device keeps from its first day to its last, and nobody can write to: sysfs'
 * class, vendor, device.
 */
errint_t host_tree_read_fixed_hex(const struct host_tree *tree, const char *path,
	uint64_t *ret_value);
/* True if it is there, on a file system of this kind: <linux/magic.h>. Nothing is noted. */
bool host_tree_is_on(const struct host_tree *tree, const char *path, long magic);
bool host_tree_exists(const struct host_tree *tree, const char *path);
/* path_stat_in(), path_resolve_in(), and path_open_in() of a file to be read. What its name
 * leads to is noted, so it must be a file that keeps times, none of procfs or sysfs. */
errint_t host_tree_stat(const struct host_tree *tree, const char *path, struct stat *ret_st);
errint_t host_tree_lstat(const struct host_tree *tree, const char *path, struct stat *ret_st);
errint_t host_tree_resolve(const struct host_tree *tree, const char *path,
	struct path_resolved *ret);
errint_t host_tree_open_file(const struct host_tree *tree, const char *path, int flags);
/* A directory to read names from; host_tree_stat_entry() looks at one of them, as lstat() does. */
errint_t host_tree_open_directory(const struct host_tree *tree, const char *path);
errint_t host_tree_stat_entry(const struct host_tree *tree, const char *path, int dir_fd,
	const char *name, struct stat *ret_st);
/* The last component of a link's own text: the way sysfs names drivers. */
errint_t host_tree_link_name(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_name);
/* Names in a directory without "." and "..", sorted: digit runs by value, so card2 < card10. */
errint_t host_tree_list(const struct host_tree *tree, struct arena *a, const char *path,
	struct string_list *ret_names);
/* Names of at least the directories in it: in procfs, none where it has none. */
errint_t host_tree_list_directories(const struct host_tree *tree, struct arena *a,
	const char *path, struct string_list *ret_names);
/*
 * host_tree_list() of a directory of a device that holds its devices of a class: DEVICE/drm. In
 * sysfs the directory of the class ("/sys/class/drm") is noted for it, once for all devices: it has
 * a link to each of them, with an inode that is never given again.
 */
errint_t host_tree_list_class(const struct host_tree *tree, struct arena *a, const char *path,
	const char *class_directory, struct string_list *ret_names);

/* What a device node of the machine is. */
struct host_node {
	const char *path;      /* as the machine sees it */
	const char *host_path; /* host_tree_path() of it */
	char type;             /* 'c', 'b', or 0: a stand-in without numbers */
	bool exists;
	bool is_device;        /* a real device node, not a regular file standing in for one */
	uint32_t major, minor; /* valid if type != 0 */
	uint32_t mode;         /* permission bits; valid if exists */
	uint32_t uid, gid;
};

/*
 * Below a root other than "/", a regular file under dev/ counts as a node too, and its first
 * line may say "c MAJOR:MINOR" (or b). A missing node is not an error: exists is false.
 * Returns 0 or -errno; the strings live in the arena.
 */
errint_t host_tree_node(const struct host_tree *tree, struct arena *a, const char *path,
	struct host_node *ret_node);

/* The major number of a character driver in /proc/devices. 1 found, 0 not, -errno. */
errint_t host_tree_char_major(const struct host_tree *tree, const char *driver,
	uint32_t *ret_major);
/* True if /proc/modules or /sys/module names it. */
bool host_tree_has_module(const struct host_tree *tree, const char *module);
