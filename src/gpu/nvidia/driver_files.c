/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/driver_files.h"

#include <fnmatch.h>
#include <string.h>

#include "base/path.h"
#include "gpu/nvidia/driver_groups.h"
#include "gpu/nvidia/driver_libraries.h"
#include "gpu/nvidia/wine_files.h"

#define PROGRAM_TARGET_DIR "/usr/bin"
#define FIRMWARE_TARGET_DIR "/lib/firmware"
/* Application profiles and Vulkan ICDs are a handful; a directory with more is not the driver's. */
#define MAX_MATCHES 64

struct file_request {
	const char *path; /* as the machine sees it */
	mode_t type;      /* S_IFREG, S_IFSOCK, S_IFDIR */
	struct driver_file file;
};

/* Adds the file behind request->path, if there is one. Returns 1, 0 if there is none, < 0. */
static int add_file(struct gpu_discovery *d, struct gpu_driver *driver,
	const struct file_request *request, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
	struct arena *a = d->inv->arena;
	struct driver_file *file;
	struct stat st;
	bool fits;

	/* Most paths do not exist: one system call says so. */
	if (host_tree_stat(d->tree, request->path, &st) < 0)
		return 0;
	fits = (st.st_mode & S_IFMT) == request->type;
	/* As for nodes, a regular file stands in for a socket in a simulated machine. */
	if (!fits && request->type == S_IFSOCK && !host_tree_is_live(d->tree))
		fits = S_ISREG(st.st_mode);
	if (!fits || host_tree_resolve(d->tree, request->path, &real) < 0 || !real.exists)
		return 0;
	file = vec_push(a, &driver->files);
	if (!file)
		return NVB_OOM(err);
	*file = request->file;
	file->host_path = host_tree_path(d->tree, a, real.path);
	file->target = arena_strdup(a, request->file.target);
	return file->host_path && file->target ? 1 : NVB_OOM(err);
}

static int add_programs(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err)
{
	for (const struct driver_program *p = driver_programs; p->name; p++) {
		_cleanup_free_ char *target = NULL;
		int r = 0;

		if (asprintf(&target, PROGRAM_TARGET_DIR "/%s", p->name) < 0)
			return NVB_OOM(err);
		for (const char *const *dir = driver_program_dirs; *dir && r == 0; dir++) {
			_cleanup_free_ char *path = NULL;

			if (asprintf(&path, "%s/%s", *dir, p->name) < 0)
				return NVB_OOM(err);
			r = add_file(d, driver, &(struct file_request){
				.path = path,
				.type = S_IFREG,
				.file = {
					.kind = DRIVER_FILE_PROGRAM,
					.needed_for = p->needed_for,
					.target = target,
				},
			}, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A directory in /tmp may be anyone's, and a link there may lead anywhere: it counts only where
 * it is root's or ours, and nobody can exchange it.
 */
static bool is_trusted(const struct gpu_discovery *d, const char *path)
{
	struct stat st;

	return host_tree_lstat(d->tree, path, &st) == 0 && S_ISDIR(st.st_mode) &&
		(st.st_uid == 0 || st.st_uid == geteuid());
}

static int add_sockets(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err)
{
	for (const struct driver_socket *s = driver_sockets; s->path; s++) {
		int r;

		if (s->is_directory && !is_trusted(d, s->path))
			continue;
		r = add_file(d, driver, &(struct file_request){
			.path = s->path,
			.type = s->is_directory ? S_IFDIR : S_IFSOCK,
			.file = {
				.kind = DRIVER_FILE_SOCKET,
				.needed_for = s->needed_for,
				.target = s->path,
			},
		}, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Names in `path` that match `pattern`, sorted. A missing directory has none. */
static int list_matches(struct gpu_discovery *d, const char *path, const char *pattern,
	struct string_list *ret, struct nvb_error **err)
{
	struct string_list names = { 0 };
	errint_t r = host_tree_list(d->tree, d->inv->arena, path, &names);

	if (r == -ENOMEM)
		return NVB_OOM(err);
	for (size_t i = 0; r >= 0 && i < names.n && ret->n < MAX_MATCHES; i++) {
		if (fnmatch(pattern, names.items[i], FNM_PERIOD) == 0 &&
			string_list_add(d->inv->arena, ret, names.items[i]) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

static bool has_target(const struct gpu_driver *driver, const char *target)
{
	vec_foreach (struct driver_file, f, &driver->files) {
		if (strcmp(f->target, target) == 0)
			return true;
	}
	return false;
}

/* "nvidia-application-profiles-535.54.03-rc" is of no use to a driver of another version. */
static bool is_of_other_version(const char *name, const char *version)
{
	const char *digits = strpbrk(name, "0123456789");

	/* Not every three digits are a version: nvidia_icd.i686.json. */
	if (!version || !digits || strspn(digits, "0123456789") != 3 || digits[3] != '.' ||
		!strspn(digits + 4, "0123456789"))
		return false;
	return strncmp(digits, version, strlen(version)) != 0;
}

static int add_configs_of(struct gpu_discovery *d, struct gpu_driver *driver,
	const struct driver_config *config, const char *base, struct nvb_error **err)
{
	_cleanup_free_ char *dir = NULL;
	struct string_list names = { 0 };
	int r;

	if (asprintf(&dir, "%s/%s", base, config->directory) < 0)
		return NVB_OOM(err);
	r = list_matches(d, dir, config->pattern, &names, err);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_free_ char *path = NULL, *target = NULL;

		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0 ||
			asprintf(&target, "%s/%s/%s", config->container_base, config->directory,
				names.items[i]) < 0)
			return NVB_OOM(err);
		if (has_target(driver, target) ||
			is_of_other_version(names.items[i], driver->files_version))
			continue;
		r = add_file(d, driver, &(struct file_request){
			.path = path,
			.type = S_IFREG,
			.file = {
				.kind = DRIVER_FILE_CONFIG,
				.needed_for = config->needed_for,
				.requires_all = config->requires_all,
				.target = target,
			},
		}, err);
	}
	return r < 0 ? r : 0;
}

static int add_configs(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err)
{
	static const struct {
		unsigned base;
		const char *path;
	} bases[] = {
		{ BASE_ETC, "/etc" },
		{ BASE_SHARE, "/usr/local/share" },
		{ BASE_SHARE, "/usr/share" },
		{ BASE_ROOT, "" },
	};

	for (const struct driver_config *c = driver_configs; c->directory; c++) {
		for (size_t i = 0; i < ELEMENTS(bases); i++) {
			int r = 0;

			if (c->bases & bases[i].base)
				r = add_configs_of(d, driver, c, bases[i].path, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int add_firmware_of(struct gpu_discovery *d, struct gpu_driver *driver, const char *base,
	struct nvb_error **err)
{
	struct string_list names = { 0 };
	_cleanup_free_ char *dir = NULL;
	int r;

	if (asprintf(&dir, "%s/nvidia/%s", base, driver->files_version) < 0)
		return NVB_OOM(err);
	r = list_matches(d, dir, "gsp*.bin", &names, err);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_free_ char *path = NULL, *target = NULL;

		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0 ||
			asprintf(&target, FIRMWARE_TARGET_DIR "/nvidia/%s/%s",
				driver->files_version, names.items[i]) < 0)
			return NVB_OOM(err);
		if (has_target(driver, target))
			continue;
		r = add_file(d, driver, &(struct file_request){
			.path = path,
			.type = S_IFREG,
			.file = {
				.kind = DRIVER_FILE_FIRMWARE,
				.needed_for = driver_any_capability(),
				.target = target,
			},
		}, err);
	}
	return r < 0 ? r : 0;
}

/*
 * The GSP firmware, in the kernel's search order.
 * Source: Documentation/driver-api/firmware/fw_search_path.rst.
 */
static int add_firmware(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err)
{
	struct arena *a = d->inv->arena;
	const char *custom = NULL, *release = NULL;
	const char *bases[5];
	size_t n = 0;
	int r = 0;

	if (!driver->files_version)
		return 0;
	(void)host_tree_read_line(d->tree, a, "/sys/module/firmware_class/parameters/path",
		&custom);
	(void)host_tree_read_line(d->tree, a, "/proc/sys/kernel/osrelease", &release);
	if (custom && custom[0] == '/')
		bases[n++] = custom;
	if (release && !strchr(release, '/')) {
		bases[n++] = arena_printf(a, "/lib/firmware/updates/%s", release);
		bases[n++] = arena_printf(a, "/lib/firmware/%s", release);
	}
	bases[n++] = "/lib/firmware/updates";
	bases[n++] = "/lib/firmware";
	for (size_t i = 0; i < n && r >= 0; i++)
		r = bases[i] ? add_firmware_of(d, driver, bases[i], err) : NVB_OOM(err);
	return r;
}

/*
 * The directories of the X server's modules that exist. They go by their real names: a container's
 * /usr/lib64 may be a directory of its own where this machine has a link.
 */
static int find_xorg_dirs(struct gpu_discovery *d, struct string_list *ret, struct nvb_error **err)
{
	for (const char *const *dir = driver_xorg_dirs; *dir; dir++) {
		_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
		const char *copy;

		if (!host_tree_exists(d->tree, *dir) ||
			host_tree_resolve(d->tree, *dir, &real) < 0)
			continue;
		copy = arena_strdup(d->inv->arena, real.path);
		if (!copy || string_list_add(d->inv->arena, ret, copy) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* Adds the first of the modules named `name` that the directories hold. */
static int add_xorg_module(struct gpu_discovery *d, struct gpu_driver *driver,
	const struct string_list *dirs, const char *name, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < dirs->n && r == 0; i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", dirs->items[i], name) < 0)
			return NVB_OOM(err);
		r = add_file(d, driver, &(struct file_request){
			.path = path,
			.type = S_IFREG,
			.file = {
				.kind = DRIVER_FILE_DATA,
				.needed_for = CAPABILITY_DISPLAY,
				.target = path,
			},
		}, err);
	}
	return r;
}

/* The X server loads "libglxserver_nvidia.so" whatever file is behind it. */
static int add_xorg_modules(struct gpu_discovery *d, struct gpu_driver *driver,
	struct nvb_error **err)
{
	struct string_list dirs = { 0 };
	int r = find_xorg_dirs(d, &dirs, err);

	for (const char *const *module = driver_xorg_modules; *module && r >= 0; module++)
		r = add_xorg_module(d, driver, &dirs, *module, err);
	return r < 0 ? r : 0;
}

static int compare_files(const void *left, const void *right)
{
	const struct driver_file *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->elf_class != b->elf_class)
		return a->elf_class > b->elf_class ? -1 : 1;
	return strcmp(a->target, b->target);
}

static int warn_if_none(struct gpu_discovery *d, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	struct inventory *inv = d->inv;

	if (driver->files_version)
		return 0;
	return string_list_add(inv->arena, &inv->warnings,
		"the NVIDIA driver's libraries are not installed: only the kernel module is there") < 0
		? NVB_OOM(err)
		: 0;
}

int nvidia_find_driver_files(struct gpu_discovery *d, struct gpu_driver *driver,
	struct nvb_error **err)
{
	struct string_list dirs = { 0 };
	int r;

	driver->brings_user_space = true;
	r = driver_libraries_find(d, driver, &dirs, err);
	if (r >= 0)
		r = wine_files_find(d, driver, &dirs, err);
	if (r >= 0)
		r = add_programs(d, driver, err);
	if (r >= 0)
		r = add_firmware(d, driver, err);
	if (r >= 0)
		r = add_configs(d, driver, err);
	if (r >= 0)
		r = add_xorg_modules(d, driver, err);
	if (r >= 0)
		r = add_sockets(d, driver, err);
	if (r >= 0)
		r = warn_if_none(d, driver, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "find the files of the NVIDIA driver");
	if (driver->files.n)
		qsort(driver->files.items, driver->files.n, sizeof(*driver->files.items),
			compare_files);
	return 0;
}
