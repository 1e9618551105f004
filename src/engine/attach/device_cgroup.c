/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which cgroup rules over the devices of a process, and the rules of version 1.
 * Source: cgroups(7), "/proc/PID/cgroup"; Linux, Documentation/admin-guide/cgroup-v1/devices.rst.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "engine/attach/attach_steps.h"

#define FILE_LIMIT_BYTES ((size_t)4 << 20)
#define RULE_BYTES	 64
#define CONTROLLER	 "devices"
#define ALLOWS_ALL	 "a *:* rwm"
#define SCOPE		 ".scope"

/* A mounted hierarchy, and where the process is in it. Strings belong to the texts they are from.
 */
struct hierarchy {
	const char *mount_point, *mount_root;
	const char *path;
};

bool device_cgroup_wants(const struct plan_node *node)
{
	return (node->type == 'c' || node->type == 'b') && node->permissions[0];
}

static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, word, length) == 0 && (!at[length] || at[length] == ','))
			return true;
	}
	return false;
}

/* "\040" of mountinfo, in place. */
static char *unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
			from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return text;
}

/*
 * The mount of a hierarchy: version 1 with the controller, or version 2. `text` is
 * /proc/self/mountinfo and is taken apart. The last one counts: it may cover others.
 */
static bool find_mount(char *text, bool unified, struct hierarchy *ret)
{
	char *save = NULL;
	bool found = false;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *root = NULL, *point = NULL, *fields_save = NULL;
		char *rest = strstr(line, " - ");
		char type[16], options[512];

		if (!rest || sscanf(rest + 3, "%15s %*s %511s", type, options) != 2)
			continue;
		if (strcmp(type, unified ? "cgroup2" : "cgroup") != 0 ||
			(!unified && !has_word(options, CONTROLLER)))
			continue;
		*rest = '\0';
		(void)strtok_r(line, " ", &fields_save);
		for (int i = 0; i < 2; i++)
			(void)strtok_r(NULL, " ", &fields_save);
		root = strtok_r(NULL, " ", &fields_save);
		point = root ? strtok_r(NULL, " ", &fields_save) : NULL;
		if (!point)
			continue;
		ret->mount_root = unescape(root);
		ret->mount_point = unescape(point);
		found = true;
	}
	return found;
}

/* The process's own line: "4:devices:/path" or "0::/path". */
static bool find_path(char *text, bool unified, struct hierarchy *ret)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		if (unified ? !controllers[1] : has_word(controllers + 1, CONTROLLER)) {
			ret->path = path;
			return true;
		}
	}
	return false;
}

/* Whatever is mounted over a hierarchy takes its place, though mountinfo still has it. */
static bool is_visible(int mount_fd, bool unified)
{
	struct statfs fs;

	return mount_fd >= 0 && fstatfs(mount_fd, &fs) == 0 &&
	       fs.f_type == (unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

/* "/machine.slice/box.scope/container" */
static bool is_in_scope(const char *path)
{
	const char *name = path_base_name(path);
	size_t length = strlen(SCOPE "/");

	return (size_t)(name - path) > length && strncmp(name - length, SCOPE "/", length) == 0;
}

/*
 * 1: *ret_fd is the cgroup's directory. 0: there is no such hierarchy here. *ret_in_scope: it is
 * right below a scope of systemd's.
 */
static int open_cgroup(
	int proc_fd, bool unified, int *ret_fd, bool *ret_in_scope, struct nvb_error **err)
{
	_cleanup_free_ char *mounts = NULL, *cgroups = NULL;
	_cleanup_close_ int mount_fd = -1;
	struct hierarchy h = { 0 };
	const char *below;
	errint_t e = file_read_path("/proc/self/mountinfo", FILE_LIMIT_BYTES, &mounts, NULL);

	if (e >= 0)
		e = file_read_in(proc_fd, "cgroup", FILE_LIMIT_BYTES, &cgroups, NULL);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read the container's cgroup");
	if (!find_mount(mounts, unified, &h) || !find_path(cgroups, unified, &h))
		return 0;
	mount_fd = open(h.mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!is_visible(mount_fd, unified))
		return 0;
	if (!path_is_below(h.path, h.mount_root))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"find the container's cgroup '%s': '%s' shows only what is below '%s'",
			h.path, h.mount_point, h.mount_root);
	below = strcmp(h.mount_root, "/") == 0 ? h.path : h.path + strlen(h.mount_root);
	/* Resolved below the mount, "/../box" would be another container's cgroup named "box". */
	if (*below && !path_is_normal(below))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"find the container's cgroup '%s': it is not below that of this "
				"process's cgroup namespace",
				h.path),
			"run it in the host's cgroup namespace");
	e = path_open_in(mount_fd, below, O_RDONLY | O_DIRECTORY, 0);
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e,
			"open the container's cgroup '%s%s'", h.mount_point, below);
	*ret_fd = e;
	*ret_in_scope = is_in_scope(below);
	return 1;
}

static int allow_node(int allow_fd, const struct plan_node *node, struct nvb_error **err)
{
	char rule[RULE_BYTES];
	int length = snprintf(rule, sizeof(rule), "%c %u:%u %s", node->type, node->major,
		node->minor, node->permissions);
	ssize_t n = write(allow_fd, rule, (size_t)length);
	int r;

	if (n == length)
		return 0;
	r = NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
		"allow the container's cgroup '%s'", rule);
	return NVB_HINT(err, r, "a cgroup can allow only what the one above it allows");
}

/* Version 1. */
static int allow_nodes(int cgroup_fd, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_free_ char *list = NULL;
	_cleanup_close_ int allow_fd = -1;
	errint_t e = file_read_in(cgroup_fd, "devices.list", FILE_LIMIT_BYTES, &list, NULL);
	int r = 0;

	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read the container's 'devices.list'");
	if (strncmp(list, ALLOWS_ALL, sizeof(ALLOWS_ALL) - 1) == 0)
		return 0;
	allow_fd = openat(cgroup_fd, "devices.allow", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (allow_fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"open the container's 'devices.allow'");
	vec_foreach (struct plan_node, node, &plan->nodes) {
		if (r >= 0 && device_cgroup_wants(node))
			r = allow_node(allow_fd, node, err);
	}
	return r;
}

/* True if there is one directory in it. */
static bool has_one_child(int dir_fd)
{
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir)
		return false;
	(void)TAKE_FD(fd);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
		     strcmp(entry->d_name, "..") != 0;
	return n == 1;
}

/*
 * crun puts the container into a cgroup below the scope that systemd makes for it, and systemd's
 * rules are on the scope. A scope that holds anything else, as that of a login, is not the
 * container's. Returns a descriptor, or -1. Source: crun(1), run.oci.systemd.subgroup.
 */
static int open_scope(int cgroup_fd)
{
	_cleanup_close_ int fd = openat(cgroup_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *processes = NULL;
	size_t length = 0;

	if (!is_visible(fd, true) || !has_one_child(fd) ||
		file_read_in(fd, "cgroup.procs", FILE_LIMIT_BYTES, &processes, &length) < 0)
		return -1;
	return length ? -1 : TAKE_FD(fd);
}

static int allow_by_program(
	int cgroup_fd, bool in_scope, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_close_ int scope_fd = in_scope ? open_scope(cgroup_fd) : -1;

	return device_program_allow(cgroup_fd, scope_fd, plan, err);
}

int device_cgroup_allow(int proc_fd, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_close_ int cgroup_fd = -1;
	bool unified = false, in_scope = false;
	/* Where both are mounted, the controller belongs to version 1. */
	int r = open_cgroup(proc_fd, unified, &cgroup_fd, &in_scope, err);

	if (r == 0) {
		unified = true;
		r = open_cgroup(proc_fd, unified, &cgroup_fd, &in_scope, err);
	}
	if (r == 0)
		log_debug("attach", "no cgroup rules over the container's devices");
	if (r <= 0)
		return r;
	return unified ? allow_by_program(cgroup_fd, in_scope, plan, err)
		       : allow_nodes(cgroup_fd, plan, err);
}
