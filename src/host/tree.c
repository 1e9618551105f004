/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tree.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/number.h"
#include "host/record.h"

#define MAX_LINE_BYTES 4096
#define MAX_PATH_BYTES 4096

/* True if a component of `path` is "..": then only the kernel knows where it leads. */
static bool has_parent_component(const char *path)
{
	for (const char *part = path; *part; part += strcspn(part, "/")) {
		part += strspn(part, "/");
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
			return true;
	}
	return false;
}

/* Removes doubled slashes, "." and the trailing slash, in place; "/" becomes "". */
static void squeeze(char *path)
{
	char *out = path;

	for (const char *part = path; *part;) {
		size_t length;

		part += strspn(part, "/");
		length = strcspn(part, "/");
		if (length && !(length == 1 && part[0] == '.')) {
			*out++ = '/';
			memmove(out, part, length);
			out += length;
		}
		part += length;
	}
	*out = '\0';
}

/* What the kernel calls the directory behind `fd`; NULL if it cannot tell. */
static char *path_of_fd(int fd)
{
	char link[32], target[MAX_PATH_BYTES];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, target, sizeof(target) - 1);
	if (length <= 0 || target[0] != '/')
		return NULL;
	target[length] = '\0';
	return strdup(target);
}

/* The absolute text of `root`, or NULL with errno set. */
static char *make_absolute(const char *root)
{
	_cleanup_free_ char *directory = NULL;
	char *absolute = NULL;

	if (root[0] == '/')
		return strdup(root);
	directory = getcwd(NULL, 0);
	if (!directory || asprintf(&absolute, "%s/%s", directory, root) < 0)
		return NULL;
	return absolute;
}

int host_tree_open(const char *root, struct host_tree *ret_tree, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *prefix = NULL;

	if (fd < 0) {
		int status = nvb_status_from_errno(errno, NVB_ERR_IO);

		if (errno == ENOENT || errno == ENOTDIR)
			status = NVB_ERR_NOT_FOUND;
		return NVB_RAISE(err, status, errno, "open the host root '%s'", root);
	}
	prefix = make_absolute(root);
	if (!prefix)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"find the absolute path of the host root '%s'", root);
	squeeze(prefix);
	if (*prefix) {
		/* A link or a "/.." may be the running machine all the same. */
		_cleanup_free_ char *canonical = path_of_fd(fd);
		bool is_live = canonical && strcmp(canonical, "/") == 0;

		if (is_live || has_parent_component(prefix)) {
			if (!canonical)
				return NVB_RAISE(err, NVB_ERR_IO, 0,
					"find the absolute path of the host root '%s'", root);
			free(prefix);
			prefix = TAKE_PTR(canonical);
			squeeze(prefix);
		}
	}
	*ret_tree = (struct host_tree){ .root_fd = TAKE_FD(fd), .prefix = TAKE_PTR(prefix) };
	return 0;
}

void host_tree_done(struct host_tree *tree)
{
	closep(&tree->root_fd);
	free(tree->prefix);
	*tree = (struct host_tree)HOST_TREE_INIT;
}

const char *host_tree_path(const struct host_tree *tree, struct arena *a, const char *path)
{
	return arena_printf(a, "%s%s%s", tree->prefix, path[0] == '/' ? "" : "/", path);
}

/*
 * Notes what stands for the content behind `fd` (or -errno) that is about to be read. Looked at
 * before, so that a change meanwhile shows in its times. False: nothing does, but the content.
 */
static bool note_file(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct stat st;

	if (!tree->record)
		return true;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (host_path_is_kernel(path) && (r < 0 || !host_record_keeps_times(tree->record, fd, &st)))
		return false;
	host_record_stat(tree->record, HOST_FILE, path, r, fd, &st);
	return true;
}

/* O_NONBLOCK: a FIFO in the way must not hang the open. */
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

errint_t host_tree_read(
	const struct host_tree *tree, const char *path, size_t limit_bytes, char **ret_text)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, READ_FLAGS, 0);
	bool is_noted = note_file(tree, path, fd);
	size_t length = 0;
	errint_t r = fd;

	if (fd >= 0)
		r = file_read_fd(fd, limit_bytes, ret_text, &length);
	if (!is_noted)
		host_record_bytes(
			tree->record, HOST_CONTENT, path, r, r < 0 ? NULL : *ret_text, length);
	return r;
}

/*
 * Fills `line` with the file's text without trailing white space; over size - 1 bytes: -EFBIG.
 * A value comes in one read: procfs and sysfs give it whole, and so do regular files.
 */
static errint_t read_open(int fd, char *line, size_t size, size_t *ret_length)
{
	ssize_t length;

	if (fd < 0)
		return fd;
	do {
		length = read(fd, line, size);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if ((size_t)length == size)
		return -EFBIG;
	*ret_length = (size_t)length;
	return 0;
}

static void end_line(char *line, size_t length)
{
	line[length] = '\0';
	length = strlen(line);
	while (length && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
}

static errint_t read_short(const struct host_tree *tree, const char *path, char *line, size_t size)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, READ_FLAGS, 0);
	bool is_noted = note_file(tree, path, fd);
	size_t length = 0;
	errint_t r = read_open(fd, line, size, &length);

	if (!is_noted)
		host_record_bytes(tree->record, HOST_CONTENT, path, r, line, length);
	if (r == 0)
		end_line(line, length);
	return r;
}

errint_t host_tree_read_line(
	const struct host_tree *tree, struct arena *a, const char *path, const char **ret_line)
{
	char line[MAX_LINE_BYTES + 1];
	errint_t r = read_short(tree, path, line, sizeof(line));
	char *copy;

	if (r < 0)
		return r;
	copy = arena_strdup(a, line);
	if (!copy)
		return -ENOMEM;
	*ret_line = copy;
	return 0;
}

errint_t host_tree_read_u64(const struct host_tree *tree, const char *path, uint64_t *ret_value)
{
	char line[MAX_LINE_BYTES + 1];
	errint_t r = read_short(tree, path, line, sizeof(line));

	if (r < 0)
		return r;
	return number_parse(line, UINT64_MAX, ret_value) ? 0 : -EINVAL;
}

errint_t host_tree_read_hex(const struct host_tree *tree, const char *path, uint64_t *ret_value)
{
	char line[MAX_LINE_BYTES + 1];
	errint_t r = read_short(tree, path, line, sizeof(line));

	if (r < 0)
		return r;
	return number_parse_hex(line, UINT64_MAX, ret_value) ? 0 : -EINVAL;
}

static bool is_on(errint_t fd, long magic)
{
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == magic;
}

bool host_tree_is_on(const struct host_tree *tree, const char *path, long magic)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH, 0);

	return is_on(fd, magic);
}

/* Such a value in sysfs needs no note: its directory's inode is the device's own. */
static void note_fixed(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct stat st;

	if (!tree->record || is_on(fd, SYSFS_MAGIC))
		return;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	host_record_stat(tree->record, HOST_FILE, path, r, fd, &st);
}

static errint_t read_fixed(const struct host_tree *tree, const char *path, char *line, size_t size)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, READ_FLAGS, 0);
	size_t length = 0;
	errint_t r;

	note_fixed(tree, path, fd);
	r = read_open(fd, line, size, &length);
	if (r == 0)
		end_line(line, length);
	return r;
}

errint_t host_tree_read_fixed_hex(
	const struct host_tree *tree, const char *path, uint64_t *ret_value)
{
	char line[MAX_LINE_BYTES + 1];
	errint_t r = read_fixed(tree, path, line, sizeof(line));

	if (r < 0)
		return r;
	return number_parse_hex(line, UINT64_MAX, ret_value) ? 0 : -EINVAL;
}

bool host_tree_exists(const struct host_tree *tree, const char *path)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH, 0);

	if (tree->record)
		host_record_stat(tree->record, HOST_EXISTS, path, fd, fd, NULL);
	return fd >= 0;
}

static errint_t stat_noted(const struct host_tree *tree, const char *path, int flags,
	enum host_question question, struct stat *ret_st)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH | flags, 0);
	struct stat st;
	errint_t r = fd;

	if (fd >= 0)
		r = fstat(fd, &st) < 0 ? -errno : 0;
	if (tree->record)
		host_record_stat(tree->record, question, path, r, fd, &st);
	if (r == 0)
		*ret_st = st;
	return r;
}

errint_t host_tree_stat(const struct host_tree *tree, const char *path, struct stat *ret_st)
{
	return stat_noted(tree, path, 0, HOST_FILE, ret_st);
}

errint_t host_tree_lstat(const struct host_tree *tree, const char *path, struct stat *ret_st)
{
	return stat_noted(tree, path, O_NOFOLLOW, HOST_ENTRY, ret_st);
}

errint_t host_tree_resolve(
	const struct host_tree *tree, const char *path, struct path_resolved *ret)
{
	errint_t r = path_resolve_in(tree->root_fd, path, ret);
	struct stat st;

	if (!tree->record)
		return r;
	if (r < 0 || !ret->exists) {
		host_record_stat(tree->record, HOST_FILE, path, r < 0 ? r : -ENOENT, -1, NULL);
		return r;
	}
	if (fstat(ret->fd, &st) < 0) {
		host_record_give_up(tree->record, "a file that cannot be looked at");
		return r;
	}
	/* That the name leads there, and that it stays what the name leads to. */
	host_record_stat(tree->record, HOST_FILE, path, 0, ret->fd, &st);
	if (strcmp(path, ret->path) != 0)
		host_record_stat(tree->record, HOST_FILE, ret->path, 0, ret->fd, &st);
	return r;
}

errint_t host_tree_open_file(const struct host_tree *tree, const char *path, int flags)
{
	errint_t fd = path_open_in(tree->root_fd, path, READ_FLAGS | flags, 0);

	if (!note_file(tree, path, fd))
		host_record_give_up(tree->record, "a file whose content is not noted");
	return fd;
}
