/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/idmap.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/number.h"
#include "base/spawn.h"
#include "base/user_namespace.h"

#define SUBID_LIMIT_BYTES ((size_t)1 << 20)
#define HELPER_TIMEOUT_MS 5000
#define MAX_ID		  0xfffffffeu

/* One line of /etc/subuid: owner:start:count. */
static bool parse_subid_line(char *line, const char *user, const char *uid_text,
	uint32_t *ret_start, uint32_t *ret_count)
{
	char *save = NULL;
	const char *owner = strtok_r(line, ":", &save);
	const char *start_text = strtok_r(NULL, ":", &save);
	const char *count_text = strtok_r(NULL, ":", &save);
	uint64_t start, count;

	if (!owner || !start_text || !count_text)
		return false;
	if (strcmp(owner, user) != 0 && strcmp(owner, uid_text) != 0)
		return false;
	if (!number_parse(start_text, MAX_ID, &start) || !number_parse(count_text, MAX_ID, &count))
		return false;
	*ret_start = (uint32_t)start;
	*ret_count = (uint32_t)count;
	return count > 0;
}

static int read_subid(const char *path, uid_t uid, uint32_t *ret_start, uint32_t *ret_count,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const struct passwd *pw = getpwuid(uid);
	const char *user = pw ? pw->pw_name : "";
	char uid_text[16];
	char *save = NULL;
	errint_t e;

	(void)snprintf(uid_text, sizeof(uid_text), "%u", uid);
	e = file_read_path(path, SUBID_LIMIT_BYTES, &text, NULL);
	for (char *line = e < 0 ? NULL : strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save))
		if (parse_subid_line(line, user, uid_text, ret_start, ret_count))
			return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"run as another user: '%s' has no range for user '%s'", path,
			pw ? user : uid_text),
		"run 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s' as root",
		pw ? user : uid_text);
}

/*
 * Root of a user namespace may not make nodes nor set up cgroups either. Asked for often: the
 * answer is that of the namespace this process began in.
 */
bool idmap_is_needed(void)
{
	static enum { UNKNOWN, INITIAL, OTHER } namespace;

	if (geteuid() != 0)
		return true;
	if (namespace == UNKNOWN)
	namespace = user_namespace_is_initial() ? INITIAL : OTHER;
	return namespace == OTHER;
}

int idmap_choose(bool range, struct idmap *ret, struct nvb_error **err)
{
	struct idmap map = { .needed = idmap_is_needed(), .uid = geteuid(), .gid = getegid() };
	int r;

	map.range = map.needed && range;
	if (map.range) {
		r = read_subid("/etc/subuid", map.uid, &map.sub_uid, &map.sub_uid_count, err);
		if (r < 0)
			return r;
		r = read_subid("/etc/subgid", map.uid, &map.sub_gid, &map.sub_gid_count, err);
		if (r < 0)
			return r;
	}
	*ret = map;
	return 0;
}

static int write_proc(pid_t pid, const char *file, const char *text, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	errint_t e;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	e = fd < 0 ? -errno : file_write_fd(fd, text, strlen(text));
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, -e, "write '%s'", path);
	return 0;
}

static int write_single(const struct idmap *map, pid_t pid, struct nvb_error **err)
{
	char text[64];
	int r;

	(void)snprintf(text, sizeof(text), "0 %u 1\n", map->uid);
	r = write_proc(pid, "uid_map", text, err);
	if (r < 0)
		return r;
	/* user_namespaces(7): without privilege, a gid map needs setgroups() denied first. */
	r = write_proc(pid, "setgroups", "deny", err);
	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "0 %u 1\n", map->gid);
	return write_proc(pid, "gid_map", text, err);
}

static int run_helper(const char *program, pid_t pid, uint32_t id, uint32_t start, uint32_t count,
	struct nvb_error **err)
{
	_cleanup_free_ char *path = spawn_find_program(program, SPAWN_SYSTEM_PATH);
	_cleanup_free_ char *output = NULL;
	char pid_text[16], id_text[16], start_text[16], count_text[16];
	const char *const argv[] = { path, pid_text, "0", id_text, "1", "1", start_text, count_text,
		NULL };
	const struct spawn_capture_options options = { .argv = argv,
		.timeout_ms = HELPER_TIMEOUT_MS,
		.limit_bytes = 4096,
		.keep_stderr = true };
	struct spawn_exit exit_status;
	int r;

	if (!path)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"run as another user: the program '%s' is not installed", program),
			"install the package 'uidmap' (Debian, Ubuntu) or 'shadow'");
	(void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	(void)snprintf(id_text, sizeof(id_text), "%u", id);
	(void)snprintf(start_text, sizeof(start_text), "%u", start);
	(void)snprintf(count_text, sizeof(count_text), "%u", count);
	r = spawn_capture(&options, &output, &exit_status, err);
	if (r < 0)
		return r;
	if (exit_status.code != 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0, "'%s' ended with status %d", path,
			exit_status.code);
	return 0;
}

int idmap_write(const struct idmap *map, pid_t pid, struct nvb_error **err)
{
	int r;

	if (!map->range)
		return write_single(map, pid, err);
	/* Without setgroups() the caller's own groups stay in force, which open /dev/dri nodes. */
	r = write_proc(pid, "setgroups", "deny", err);
	if (r < 0)
		return r;
	r = run_helper("newuidmap", pid, map->uid, map->sub_uid, map->sub_uid_count, err);
	if (r < 0)
		return r;
	return run_helper("newgidmap", pid, map->gid, map->sub_gid, map->sub_gid_count, err);
}

static void __attribute__((noreturn))
remove_in_namespace(int ready_fd, int dir_fd, const char *name)
{
	char go;

	if (read(ready_fd, &go, 1) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(1);
	_exit(path_remove_tree(dir_fd, name) < 0);
}

errint_t idmap_remove_tree(int dir_fd, const char *name)
{
	_cleanup_close_ int write_fd = -1;
	struct spawn_exit exit_status = { .code = 1 };
	struct idmap map;
	int fds[2];
	pid_t pid;
	int r;

	if (idmap_choose(true, &map, NULL) < 0)
		return -EACCES;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	write_fd = fds[1];
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		closep(&write_fd);
		remove_in_namespace(fds[0], dir_fd, name);
	}
	closep(&fds[0]);
	if (pid < 0)
		return -errno;
	r = idmap_write(&map, pid, NULL);
	if (r == 0 && write(write_fd, "", 1) != 1)
		r = -1;
	closep(&write_fd);
	if (spawn_wait(pid, &exit_status, NULL) < 0 || r < 0 || spawn_exit_code(exit_status) != 0)
		return -EACCES;
	return 0;
}
