/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/low_level.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/number.h"
#include "base/spawn.h"
#include "base/strbuf.h"

#define MAX_DEPTH	 8
#define NAMES_TEXT_BYTES 4096

static bool is_self(const char *path)
{
	struct stat self, other;

	return stat("/proc/self/exe", &self) == 0 && stat(path, &other) == 0 &&
	       self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

/* A name of which we are one bearer may have another one further down the path. */
static char *find_other(const char *name, bool *ret_self)
{
	for (const char *dir = SPAWN_SYSTEM_PATH; *dir; dir += *dir == ':') {
		size_t length = strcspn(dir, ":");
		_cleanup_free_ char *directory = strndup(dir, length);
		_cleanup_free_ char *path = directory ? spawn_find_program(name, directory) : NULL;

		if (path && !is_self(path))
			return TAKE_PTR(path);
		*ret_self |= path != NULL;
		if (strchr(name, '/'))
			break;
		dir += length;
	}
	return NULL;
}

/* Zeros: nobody of our name started us. */
static void read_self(uint64_t *ret_pid, uint64_t *ret_depth)
{
	const char *text = secure_getenv(LOW_LEVEL_SELF_VARIABLE);
	const size_t length = text ? strcspn(text, ":") : 0;

	if (!text || !number_parse_n(text, length, INT32_MAX, ret_pid))
		*ret_pid = 0;
	if (!text || !text[length] || !number_parse(text + length + 1, INT32_MAX, ret_depth))
		*ret_depth = 0;
}

static bool was_started_by_itself(void)
{
	uint64_t pid, depth;

	read_self(&pid, &depth);
	return (pid_t)pid == getpid() || depth >= MAX_DEPTH;
}

static int raise_none(const struct string_list *names, bool self, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(NAMES_TEXT_BYTES);

	vec_foreach (const char *, name, names)
		strbuf_printf(&text, "%s'%s'", name == names->items ? "" : ", ", *name);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, 0, "find the low-level runtime %s: %s",
			strbuf_str(&text),
			self ? "it is nvbind-runtime itself" : "it is not installed"),
		"install the package 'runc' or 'crun', or name its path in NVBIND_OCI_RUNTIME");
}

int low_level_find(const struct string_list *names, char **ret_path, struct nvb_error **err)
{
	bool self = false;

	if (was_started_by_itself())
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_ENGINE, 0,
				"start the low-level runtime: it started nvbind-runtime again"),
			"name the path of runc or crun in NVBIND_OCI_RUNTIME");
	vec_foreach (const char *, name, names) {
		*ret_path = find_other(*name, &self);
		if (*ret_path)
			return 0;
	}
	return raise_none(names, self, err);
}

int low_level_exec(const char *path, char **argv, struct nvb_error **err)
{
	uint64_t pid, depth;
	char text[64];
	int errnum;

	read_self(&pid, &depth);
	(void)snprintf(text, sizeof(text), "%d:%u", (int)getpid(), (unsigned)depth + 1);
	if (setenv(LOW_LEVEL_SELF_VARIABLE, text, 1) < 0)
		return NVB_OOM(err);
	argv[0] = (char *)(uintptr_t)path;
	spawn_restore_file_limit();
	(void)execv(path, argv);
	errnum = errno;
	/* Who hears of it may write it to a file. */
	spawn_ignore_file_limit();
	return NVB_RAISE(err, NVB_ERR_ENGINE, errnum, "start the low-level runtime '%s'", path);
}
