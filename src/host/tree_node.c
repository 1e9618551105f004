/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes of a machine, and what its kernel says of their drivers. */
#include "host/tree.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "host/record.h"

#define MAX_TABLE_BYTES	    (1 << 20) /* /proc/devices, /proc/modules */
#define MAX_NODE_LINE_BYTES 64
#define MAX_DEVICE_NUMBER   UINT32_MAX

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

static void fill_node(
	const struct host_tree *tree, int fd, const struct stat *st, struct host_node *node)
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

errint_t host_tree_node(
	const struct host_tree *tree, struct arena *a, const char *path, struct host_node *ret_node)
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
	/* Where the machine's sysfs is, it lists every module. */
	if (host_tree_is_on(tree, "/sys/module", SYSFS_MAGIC) ||
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
