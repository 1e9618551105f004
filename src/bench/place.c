/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/place.h"

#include <fcntl.h>
#include <link.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/spawn.h"
#include "bench/place_name.h"

#define PROGRAM_BYTES ((size_t)64 << 20)

/*
 * A disk's file system has days of its own: what the starts before deleted and what it writes back
 * would be measured too.
 */
static const char *choose_parent(void)
{
	static const char memory[] = "/dev/shm";
	struct statfs fs;
	struct statvfs flags;

	if (statfs(memory, &fs) == 0 && fs.f_type == TMPFS_MAGIC && statvfs(memory, &flags) == 0 &&
		!(flags.f_flag & ST_NOEXEC) && faccessat(AT_FDCWD, memory, W_OK, AT_EACCESS) == 0)
		return memory;
	return "/tmp";
}

static int copy_into(int root_fd, const char *from, const char *to, struct nvb_error **err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_free_ char *parent = strndup(to, (size_t)(strrchr(to, '/') - to));
	_cleanup_close_ int dir_fd = -1, fd = -1;
	size_t length = 0;
	errint_t e;

	if (!parent)
		return NVB_OOM(err);
	e = file_read_path(from, PROGRAM_BYTES, &data, &length);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read '%s'", from);
	dir_fd = path_mkdir_all_in(root_fd, parent[0] ? parent : "/", 0755);
	if (dir_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -dir_fd, "make '%s'", parent);
	fd = openat(dir_fd, path_base_name(to), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	e = fd < 0 ? -errno : file_write_fd(fd, data, length);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "write '%s' of the container", to);
	return 0;
}

/* The C library and the loader of this very process. */
struct libraries {
	int root_fd;
	bool has_libc;
	int result;
	struct nvb_error **err;
};

static int copy_library(struct dl_phdr_info *info, size_t size, void *user)
{
	struct libraries *l = user;
	const char *name = path_base_name(info->dlpi_name);
	bool is_libc = strcmp(name, "libc.so.6") == 0 || strncmp(name, "ld-musl-", 8) == 0;

	(void)size;
	if (info->dlpi_name[0] != '/' || (!is_libc && strncmp(name, "ld-linux", 8) != 0))
		return 0;
	l->has_libc |= is_libc;
	l->result = copy_into(l->root_fd, info->dlpi_name, info->dlpi_name, l->err);
	return l->result < 0;
}

static int copy_libraries(int root_fd, struct nvb_error **err)
{
	struct libraries libraries = { .root_fd = root_fd, .err = err };

	(void)dl_iterate_phdr(copy_library, &libraries);
	if (libraries.result < 0)
		return libraries.result;
	if (!libraries.has_libc)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"make a root file system: this program's own C library is not in sight");
	return 0;
}

static int fill_root(
	struct arena *a, const char *probe, struct place *place, struct nvb_error **err)
{
	_cleanup_close_ int root_fd = open(place->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *machines =
		probe ? NULL : spawn_find_program("true", SPAWN_SYSTEM_PATH);
	int r;

	if (root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "open '%s'", place->root);
	if (!probe && !machines)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"make a root file system: there is no program 'true'");
	r = copy_into(root_fd, probe ? probe : machines, "/probe", err);
	if (r >= 0)
		r = copy_libraries(root_fd, err);
	if (r < 0)
		return r;
	if (string_list_add(a, &place->command, "/probe") < 0 ||
		string_list_add(a, &place->command, "--version") < 0)
		return NVB_OOM(err);
	return 0;
}

int place_open(struct arena *a, const char *probe, struct place *ret_place, struct nvb_error **err)
{
	_cleanup_(place_close) struct place place = { .lock_fd = -1 };
	_cleanup_free_ char *path = NULL;
	const char *parent = choose_parent();
	errint_t e;
	int r;

	place_sweep(parent);
	if (asprintf(&path, "%s/" PLACE_PREFIX "%d-XXXXXX", parent, (int)getpid()) < 0) {
		path = NULL;
		return NVB_OOM(err);
	}
	if (!mkdtemp(path))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "make the directory '%s'", path);
	place.path = TAKE_PTR(path);
	e = place_lock(place.path, &place.lock_fd);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "lock the directory '%s'", place.path);
	r = place_directory(&place, a, "root", &place.root, err);
	if (r >= 0)
		r = place_directory(&place, a, "state", &place.state, err);
	if (r >= 0)
		r = fill_root(a, probe, &place, err);
	if (r < 0)
		return r;
	*ret_place = place;
	place = (struct place){ .lock_fd = -1 };
	return 0;
}

void place_close(struct place *place)
{
	if (place->path)
		(void)path_remove_tree(AT_FDCWD, place->path);
	/* Last: until then nobody else removes it. A place that was never opened has none. */
	if (place->path)
		closep(&place->lock_fd);
	free(place->path);
	*place = (struct place){ .lock_fd = -1 };
}

int place_directory(const struct place *place, struct arena *a, const char *name, const char **ret,
	struct nvb_error **err)
{
	const char *path = arena_printf(a, "%s/%s", place->path, name);

	if (!path)
		return NVB_OOM(err);
	if (mkdir(path, 0700) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "make the directory '%s'", path);
	*ret = path;
	return 0;
}

int place_add_variables(
	const struct place *place, struct arena *a, struct string_list *to, struct nvb_error **err)
{
	if (string_list_printf(a, to, "NVBIND_STATE_DIR=%s", place->state) < 0 ||
		string_list_printf(a, to, "NVBIND_LEASE_DIR=%s/leases", place->state) < 0 ||
		string_list_printf(a, to, "NVBIND_JOURNAL_DIR=%s/journal", place->state) < 0)
		return NVB_OOM(err);
	return 0;
}

static bool is_replaced(
	const char *line, enum place_variables variables, const struct string_list *more)
{
	static const char ours[] = "NVBIND_";

	if (variables == PLACE_WITHOUT_OURS && strncmp(line, ours, strlen(ours)) == 0)
		return true;
	vec_foreach (const char *, own, more)
		if (strncmp(line, *own, strcspn(*own, "=") + 1) == 0)
			return true;
	return false;
}

int place_environment(struct arena *a, enum place_variables variables,
	const struct string_list *more, const char *const **ret, struct nvb_error **err)
{
	struct string_list list = { 0 };
	const char **end = NULL;
	int r = 0;

	for (char **line = environ; *line && r == 0; line++)
		if (!is_replaced(*line, variables, more))
			r = string_list_add(a, &list, *line);
	for (size_t i = 0; i < more->n && r == 0; i++)
		r = string_list_add(a, &list, more->items[i]);
	if (r == 0)
		end = vec_push(a, &list);
	if (!end)
		return NVB_OOM(err);
	*end = NULL;
	*ret = list.items;
	return 0;
}
