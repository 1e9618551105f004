/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/command.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "engine/bolt/environment.h"
#include "format/elf.h"

#define SCRIPT_HEAD_BYTES 256
#define MAX_INTERPRETERS  4

static int check_file(int root_fd, const char *path, unsigned depth, struct nvb_error **err);

static int check_interpreter(int root_fd, const char *path, const char *interpreter, unsigned depth,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *why = NULL;

	if (depth == MAX_INTERPRETERS)
		return NVB_RAISE(
			err, NVB_ERR_NOT_EXECUTABLE, 0, "run '%s': too many interpreters", path);
	if (check_file(root_fd, interpreter, depth + 1, &why) >= 0)
		return 0;
	return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, 0, "run '%s': its interpreter: %s", path,
		nvb_error_message(why));
}

/*
 * "#!/bin/sh -e". 1: a script, and *head is cut to the interpreter's path. The kernel takes a
 * carriage return for a part of the name.
 */
static int script_interpreter(char *head, char **ret_interpreter)
{
	char *start;

	if (head[0] != '#' || head[1] != '!')
		return 0;
	start = head + 2 + strspn(head + 2, " \t");
	start[strcspn(start, " \t\n")] = '\0';
	*ret_interpreter = start;
	return *start == '/';
}

/* Handlers that an administrator registered may run what the kernel itself does not know. */
static bool has_binfmt_handlers(void)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/sys/fs/binfmt_misc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "register") != 0 &&
			strcmp(entry->d_name, "status") != 0)
			return true;
	return false;
}

static bool is_native(uint16_t machine)
{
#if defined(__x86_64__)
	return machine == EM_X86_64 || machine == EM_386;
#elif defined(__aarch64__)
	return machine == EM_AARCH64 || machine == EM_ARM;
#else
	(void)machine;
	return true;
#endif
}

static int check_contents(
	int root_fd, int fd, const char *path, unsigned depth, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *ignored = NULL;
	char head[SCRIPT_HEAD_BYTES] = { 0 };
	struct elf_info elf;
	char *interpreter;
	int r;

	if (!a)
		return NVB_OOM(err);
	if (pread(fd, head, sizeof(head) - 1, 0) < 0)
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, errno, "read '%s'", path);
	if (script_interpreter(head, &interpreter))
		return check_interpreter(root_fd, path, interpreter, depth, err);
	/* A relative interpreter depends on where the command runs. */
	if (head[0] == '#' && head[1] == '!')
		return 0;
	r = elf_read(fd, a, &elf, &ignored);
	if ((r == 0 || (r > 0 && !is_native(elf.machine))) && !has_binfmt_handlers())
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, 0,
			r == 0 ? "run '%s': it is neither a program nor a script with '#!'"
			       : "run '%s': it is a program for another processor",
			path);
	/* What we cannot make out, the kernel may still run: let it judge. */
	if (r <= 0 || !elf.interpreter)
		return 0;
	return check_interpreter(root_fd, path, elf.interpreter, depth, err);
}

static int check_file(int root_fd, const char *path, unsigned depth, struct nvb_error **err)
{
	_cleanup_close_ int fd = path_open_regular_in(root_fd, path);
	struct stat st;

	/* Executable but not readable is fine for the kernel; we cannot say more. */
	if (fd == -EACCES && path_stat_in(root_fd, path, &st) == 0)
		return S_ISREG(st.st_mode) && (st.st_mode & 0111)
			       ? 0
			       : NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, EACCES, "run '%s'", path);
	if (fd == -EISDIR || fd == -ENODEV)
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, fd == -EISDIR ? EISDIR : EACCES,
			"run '%s'", path);
	if (fd < 0)
		return NVB_RAISE(err,
			fd == -ENOENT || fd == -ENOTDIR ? NVB_ERR_NO_COMMAND
							: NVB_ERR_NOT_EXECUTABLE,
			-fd, "find '%s' in the container", path);
	if (fstat(fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, errno, "look at '%s'", path);
	if (!(st.st_mode & 0111))
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, EACCES, "run '%s'", path);
	return check_contents(root_fd, fd, path, depth, err);
}

static const char *find_path(const struct string_list *env)
{
	const char *path = CONTAINER_PATH;

	vec_foreach (const char *, s, env)
		if (strncmp(*s, "PATH=", 5) == 0)
			path = *s + 5;
	return path;
}

static int check_in_path(int root_fd, const char *command, const char *search, const char *cwd,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *denied = NULL;

	for (const char *dir = search; *dir;) {
		size_t n = strcspn(dir, ":");
		_cleanup_error_ struct nvb_error *why = NULL;
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s%s%.*s/%s", *dir == '/' ? "" : cwd, *dir == '/' ? "" : "/",
			    (int)n, dir, command) < 0)
			return NVB_OOM(err);
		dir += n + (dir[n] == ':');
		r = check_file(root_fd, path, 0, &why);
		if (r >= 0)
			return 0;
		/* As execvp(3): a file that may not run is remembered, the search goes on. */
		if (r == NVB_ERR_NOT_EXECUTABLE && !denied)
			denied = TAKE_PTR(why);
	}
	if (denied)
		return NVB_RAISE(err, NVB_ERR_NOT_EXECUTABLE, 0, "%s", nvb_error_message(denied));
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NO_COMMAND, 0, "find the command '%s' in the container",
			command),
		"give its absolute path, or a PATH with -e; the search was in '%s'", search);
}

int container_command_check(int root_fd, const char *command, const char *cwd,
	const struct string_list *env, struct nvb_error **err)
{
	_cleanup_free_ char *path = NULL;

	if (!strchr(command, '/'))
		return check_in_path(root_fd, command, find_path(env), cwd, err);
	if (command[0] == '/')
		return check_file(root_fd, command, 0, err);
	if (asprintf(&path, "%s/%s", cwd, command) < 0)
		return NVB_OOM(err);
	return check_file(root_fd, path, 0, err);
}
