/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and links of a machine. */
#include "host/tree.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "host/record.h"

#define MAX_PATH_BYTES	      4096
#define MAX_DIRECTORY_ENTRIES 65536

/* Notes what stands for the names in a directory that is about to be read. False: nothing does. */
static bool note_directory(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct stat st;

	if (!tree->record)
		return true;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (host_path_is_kernel(path) && (r < 0 || !host_record_keeps_times(tree->record, fd, &st)))
		return false;
	host_record_stat(tree->record, HOST_DIRECTORY, path, r, fd, &st);
	return true;
}

errint_t host_tree_open_directory(const struct host_tree *tree, const char *path)
{
	errint_t fd = path_open_in(tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);

	if (!note_directory(tree, path, fd))
		host_record_give_up(tree->record, "a directory whose names are not noted");
	return fd;
}

errint_t host_tree_stat_entry(const struct host_tree *tree, const char *path, int dir_fd,
	const char *name, struct stat *ret_st)
{
	char entry[MAX_PATH_BYTES];
	errint_t r = fstatat(dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;

	if (!tree->record)
		return r;
	if (snprintf(entry, sizeof(entry), "%s/%s", path, name) >= (int)sizeof(entry))
		host_record_give_up(tree->record, "a path that is too long");
	else
		host_record_stat(tree->record, HOST_ENTRY, entry, r, dir_fd, ret_st);
	return r;
}

static void note_link(
	const struct host_tree *tree, const char *path, errint_t r, const char *text, size_t length)
{
	if (tree->record)
		host_record_bytes(tree->record, HOST_LINK, path, r, text, length);
}

errint_t host_tree_link_name(
	const struct host_tree *tree, struct arena *a, const char *path, const char **ret_name)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	char target[MAX_PATH_BYTES];
	const char *name = target;
	ssize_t length;
	char *copy;

	if (fd < 0) {
		note_link(tree, path, fd, NULL, 0);
		return fd;
	}
	length = readlinkat(fd, "", target, sizeof(target) - 1);
	if (length >= 0) {
		note_link(tree, path, 0, target, (size_t)length);
		target[length] = '\0';
	} else if (errno == ENOENT || errno == EINVAL) {
		/* Either no link at all, or a kernel without openat2(), where it was followed. */
		errint_t r = path_resolve_in(tree->root_fd, path, &resolved);

		if (tree->record)
			host_record_give_up(tree->record, "a driver that is no link");
		if (r < 0)
			return r;
		if (strcmp(path_base_name(resolved.path), path_base_name(path)) == 0)
			return -EINVAL;
		name = resolved.path;
	} else {
		if (tree->record)
			host_record_give_up(tree->record, "a link that cannot be read");
		return -errno;
	}
	copy = arena_strdup(a, path_base_name(name));
	if (!copy)
		return -ENOMEM;
	*ret_name = copy;
	return 0;
}

/* Digit runs by value, all else by byte. Equal values are ordered by their leading zeros. */
static int compare_names(const char *a, const char *b)
{
	while (*a && *b) {
		size_t a_digits, b_digits;
		int order;

		if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b)) {
			if (*a != *b)
				return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
			a++;
			b++;
			continue;
		}
		a += strspn(a, "0");
		b += strspn(b, "0");
		a_digits = strspn(a, "0123456789");
		b_digits = strspn(b, "0123456789");
		if (a_digits != b_digits)
			return a_digits < b_digits ? -1 : 1;
		order = strncmp(a, b, a_digits);
		if (order)
			return order;
		a += a_digits;
		b += b_digits;
	}
	return (*a != 0) - (*b != 0);
}

static int compare_entries(const void *a, const void *b)
{
	const char *left = *(const char *const *)a, *right = *(const char *const *)b;
	int order = compare_names(left, right);

	return order ? order : strcmp(left, right);
}

static errint_t read_names(DIR *dir, struct arena *a, struct string_list *names, uint64_t *answer)
{
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->n == MAX_DIRECTORY_ENTRIES)
			return -E2BIG;
		if (string_list_add(a, names, entry->d_name) < 0)
			return -ENOMEM;
		*answer = host_answer_name(*answer, entry->d_name, entry->d_ino);
	}
}

errint_t host_tree_list(const struct host_tree *tree, struct arena *a, const char *path,
	struct string_list *ret_names)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_closedir_ DIR *dir = NULL;
	struct string_list names = { 0 };
	uint64_t answer = DIGEST_START;
	bool is_noted = note_directory(tree, path, fd);
	errint_t r = fd;

	if (fd >= 0) {
		dir = fdopendir(fd);
		if (!dir)
			return -errno;
		(void)TAKE_FD(fd);
		r = read_names(dir, a, &names, &answer);
	}
	if (!is_noted)
		host_record_answer(
			tree->record, HOST_NAMES, path, r < 0 ? host_answer_error(r) : answer);
	if (r < 0)
		return r;
	if (names.n)
		qsort(names.items, names.n, sizeof(*names.items), compare_entries);
	*ret_names = names;
	return 0;
}

errint_t host_tree_list_directories(const struct host_tree *tree, struct arena *a, const char *path,
	struct string_list *ret_names)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH | O_DIRECTORY, 0);
	struct statfs fs;
	struct stat st;

	/* Itself and "." */
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC || fstat(fd, &st) < 0 ||
		st.st_nlink != 2)
		return host_tree_list(tree, a, path, ret_names);
	if (tree->record)
		host_record_stat(tree->record, HOST_CHILDREN, path, 0, fd, &st);
	*ret_names = (struct string_list){ 0 };
	return 0;
}

errint_t host_tree_list_class(const struct host_tree *tree, struct arena *a, const char *path,
	const char *class_directory, struct string_list *ret_names)
{
	const struct host_tree unrecorded = { .root_fd = tree->root_fd, .prefix = tree->prefix };
	struct string_list members;

	if (!tree->record || !host_tree_is_on(tree, "/sys", SYSFS_MAGIC))
		return host_tree_list(tree, a, path, ret_names);
	/* Before the names themselves: what changes in between shows later. */
	if (host_tree_list(tree, tree->record->arena, class_directory, &members) < 0 ||
		!host_tree_is_on(tree, class_directory, SYSFS_MAGIC))
		return host_tree_list(tree, a, path, ret_names);
	return host_tree_list(&unrecorded, a, path, ret_names);
}
