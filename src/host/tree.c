/* SPDX-License-Identifier: Apache-2.0 */
#include "host/tree.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/number.h"
#include "host/record.h"

#define MAX_LINE_BYTES 4096
#define MAX_PATH_BYTES 4096
#define MAX_DIRECTORY_ENTRIES 65536
#define MAX_TABLE_BYTES (1 << 20) /* /proc/devices, /proc/modules */
#define MAX_NODE_LINE_BYTES 64
#define MAX_DEVICE_NUMBER UINT32_MAX

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

/* Notes that the file behind `fd` (or -errno) is about to be read. Looked at before, so that a
 * change meanwhile shows in its times. */
static void note_file(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct stat st;

	if (!tree->record || host_path_is_kernel(path))
		return;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	host_record_stat(tree->record, HOST_FILE, path, r, fd, &st);
}

static void note_content(const struct host_tree *tree, const char *path, errint_t r,
	const char *data, size_t length)
{
	if (tree->record && host_path_is_kernel(path))
		host_record_bytes(tree->record, HOST_CONTENT, path, r, data, length);
}

/* O_NONBLOCK: a FIFO in the way must not hang the open. */
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

errint_t host_tree_read(const struct host_tree *tree, const char *path, size_t limit_bytes,
	char **ret_text)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, READ_FLAGS, 0);
	size_t length = 0;
	errint_t r = fd;

	note_file(tree, path, fd);
	if (fd >= 0)
		r = file_read_fd(fd, limit_bytes, ret_text, &length);
	note_content(tree, path, r, r < 0 ? NULL : *ret_text, length);
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
	size_t length = 0;
	errint_t r;

	note_file(tree, path, fd);
	r = read_open(fd, line, size, &length);
	note_content(tree, path, r, line, length);
	if (r == 0)
		end_line(line, length);
	return r;
}

errint_t host_tree_read_line(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_line)
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

/* Such a value in sysfs needs no note: its directory's inode is the device's own. */
static void note_fixed(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct statfs fs;
	struct stat st;

	if (!tree->record || (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC))
		return;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	host_record_stat(tree->record, HOST_FILE, path, r, fd, &st);
}

errint_t host_tree_read_fixed_hex(
	const struct host_tree *tree, const char *path, uint64_t *ret_value)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, READ_FLAGS, 0);
	char line[MAX_LINE_BYTES + 1];
	size_t length = 0;
	errint_t r;

	note_fixed(tree, path, fd);
	r = read_open(fd, line, sizeof(line), &length);
	if (r < 0)
		return r;
	end_line(line, length);
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

	note_file(tree, path, fd);
	return fd;
}

/* What stands for the names in a directory that is about to be read. */
static void note_directory(const struct host_tree *tree, const char *path, errint_t fd)
{
	errint_t r = fd;
	struct stat st;

	if (!tree->record || host_path_is_kernel(path))
		return;
	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	host_record_stat(tree->record, HOST_DIRECTORY, path, r, fd, &st);
}

errint_t host_tree_open_directory(const struct host_tree *tree, const char *path)
{
	errint_t fd = path_open_in(tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);

	note_directory(tree, path, fd);
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

errint_t host_tree_link_name(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_name)
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
	errint_t r = fd;

	note_directory(tree, path, fd);
	if (fd >= 0) {
		dir = fdopendir(fd);
		if (!dir)
			return -errno;
		(void)TAKE_FD(fd);
		r = read_names(dir, a, &names, &answer);
	}
	if (tree->record && host_path_is_kernel(path))
		host_record_answer(tree->record, HOST_NAMES, path,
			r < 0 ? host_answer_error(r) : answer);
	if (r < 0)
		return r;
	if (names.n)
		qsort(names.items, names.n, sizeof(*names.items), compare_entries);
	*ret_names = names;
	return 0;
}

/* "c 195:255" at the start of `line`. */
static bool parse_stand_in(const char *line, struct host_node *node)
{
	size_t digits = strspn(line + 1, " \t");
	const char *number = line + 1 + digits;
	uint64_t major, minor;

	if ((line[0] != 'c' && line[0] != 'b') || !digits)
		return false;
	digits = strspn(number, "0123456789");
	if (!number_parse_n(number, digits, MAX_DEVICE_NUMBER, &major) || number[digits] != ':')
		return false;
	number += digits + 1;
	digits = strspn(number, "0123456789");
	if (!number_parse_n(number, digits, MAX_DEVICE_NUMBER, &minor))
		return false;
	if (number[digits] && !isspace((unsigned char)number[digits]))
		return false;
	node->type = line[0];
	node->major = (uint32_t)major;
	node->minor = (uint32_t)minor;
	return true;
}

/* A regular file in a simulated machine. What it says is optional. */
static void read_stand_in(int fd, struct host_node *node)
{
	char link[32], line[MAX_NODE_LINE_BYTES];
	_cleanup_close_ int readable = -1;
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	readable = open(link, O_RDONLY | O_CLOEXEC);
	if (readable < 0)
		return;
	length = read(readable, line, sizeof(line) - 1);
	if (length <= 0)
		return;
	line[length] = '\0';
	(void)parse_stand_in(line, node);
}

static void fill_node(const struct host_tree *tree, int fd, const struct stat *st,
	struct host_node *node)
{
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		node->is_device = true;
		node->type = S_ISCHR(st->st_mode) ? 'c' : 'b';
		node->major = major(st->st_rdev);
		node->minor = minor(st->st_rdev);
	} else if (S_ISREG(st->st_mode) && !host_tree_is_live(tree)) {
		read_stand_in(fd, node);
	} else {
		return;
	}
	node->exists = true;
	node->mode = st->st_mode & 07777;
	node->uid = st->st_uid;
	node->gid = st->st_gid;
}

errint_t host_tree_node(const struct host_tree *tree, struct arena *a, const char *path,
	struct host_node *ret_node)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH, 0);
	struct host_node node = { 0 };
	struct stat st;
	errint_t r = fd;

	node.path = arena_strdup(a, path);
	node.host_path = host_tree_path(tree, a, path);
	if (!node.path || !node.host_path)
		return -ENOMEM;
	if (fd >= 0)
		r = fstat(fd, &st) < 0 ? -errno : 0;
	if (tree->record)
		host_record_stat(tree->record, HOST_FILE, path, r, fd, &st);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	if (r == 0)
		fill_node(tree, fd, &st, &node);
	*ret_node = node;
	return 0;
}

/* One line of /proc/devices: "195 nvidia-frontend". */
static bool line_names_driver(const char *line, const char *driver, uint32_t *ret_major)
{
	size_t digits, length = strlen(driver);
	uint64_t number;

	line += strspn(line, " ");
	digits = strspn(line, "0123456789");
	if (!number_parse_n(line, digits, MAX_DEVICE_NUMBER, &number) || line[digits] != ' ')
		return false;
	line += digits + strspn(line + digits, " ");
	if (strncmp(line, driver, length) != 0 || (line[length] != '\n' && line[length]))
		return false;
	*ret_major = (uint32_t)number;
	return true;
}

errint_t host_tree_char_major(const struct host_tree *tree, const char *driver, uint32_t *ret_major)
{
	_cleanup_free_ char *text = NULL;
	bool in_characters = false;
	errint_t r;

	r = host_tree_read(tree, "/proc/devices", MAX_TABLE_BYTES, &text);
	if (r < 0)
		return r;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "Character devices:", 18) == 0)
			in_characters = true;
		else if (strncmp(line, "Block devices:", 14) == 0)
			in_characters = false;
		else if (in_characters && line_names_driver(line, driver, ret_major))
			return 1;
	}
	return 0;
}

/* "nvidia_drm 77824 4 - Live 0x0" */
static bool modules_name(const char *text, const char *module)
{
	size_t length = strlen(module);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, module, length) == 0 && line[length] == ' ')
			return true;
	}
	return false;
}

/* The tree without its record: for what is noted as one answer. */
static struct host_tree unrecorded(const struct host_tree *tree)
{
	return (struct host_tree){ .root_fd = tree->root_fd, .prefix = tree->prefix };
}

/* True if the machine's sysfs is there: then it lists every module. */
static bool is_sysfs(const struct host_tree *tree, const char *path)
{
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH, 0);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == SYSFS_MAGIC;
}

static bool has_module(const struct host_tree *tree, const char *module)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *text = NULL;
	char *name;

	if (!*module || strchr(module, '/') || asprintf(&path, "/sys/module/%s", module) < 0)
		return false;
	/* The kernel writes module names with underscores wherever it shows them. */
	name = path + strlen("/sys/module/");
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	if (host_tree_exists(tree, path))
		return true;
	if (is_sysfs(tree, "/sys/module") ||
		host_tree_read(tree, "/proc/modules", MAX_TABLE_BYTES, &text) < 0)
		return false;
	return modules_name(text, name);
}

bool host_tree_has_module(const struct host_tree *tree, const char *module)
{
	const struct host_tree plain = unrecorded(tree);
	bool has = has_module(&plain, module);

	/* Not the whole of /proc/modules: it counts the users of each. */
	if (tree->record)
		host_record_answer(tree->record, HOST_MODULE, module, has);
	return has;
}
