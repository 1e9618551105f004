/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source: NVIDIA Container Toolkit 1.20, WSL discovery (which files it takes from the store);
 * Microsoft, "GPU accelerated ML training inside the Windows Subsystem for Linux" (where the
 * store and the loader directory are). The toolkit asks libdxcore.so for the store; the store
 * that holds libcuda.so.1.1 is the same one and needs no library to be loaded.
 */
#include "gpu/wsl/driver_store.h"

#include <fnmatch.h>
#include <string.h>

#include "base/path.h"
#include "gpu/nvidia/driver_groups.h"

#define LOADER_DIR "/usr/lib/wsl/lib"
#define STORES_DIR "/usr/lib/wsl/drivers"
#define STORE_MARK "libcuda.so.1.1"
#define DXCORE LOADER_DIR "/libdxcore.so"
#define SMI "nvidia-smi"
#define SMI_TARGET "/usr/bin/nvidia-smi"

/* What libdxcore.so and the Direct3D libraries beside it are good for: any use of the GPU. */
static capability_set needed_for(const char *name)
{
	const struct driver_library *library;
	struct library_name parts;

	if (!library_name_parse(name, &parts))
		return driver_any_capability();
	library = driver_library_find(name, parts.stem_length);
	return library ? library->needed_for : driver_any_capability();
}

static bool is_driver_data(const char *name)
{
	static const char *const patterns[] = { "*.so", "*.so.*", "*.bin", "*.dll" };

	for (size_t i = 0; i < ELEMENTS(patterns); i++) {
		if (fnmatch(patterns[i], name, FNM_PERIOD) == 0)
			return true;
	}
	return false;
}

static bool has_target(const struct gpu_driver *driver, const char *target)
{
	vec_foreach (struct driver_file, f, &driver->files) {
		if (strcmp(f->target, target) == 0)
			return true;
	}
	return false;
}

static int add_file(struct gpu_discovery *d, struct gpu_driver *driver, const char *path,
	const struct driver_file *like, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved real = PATH_RESOLVED_INIT;
	struct arena *a = d->inv->arena;
	struct driver_file *file;
	struct stat st;

	if (has_target(driver, like->target) ||
		host_tree_resolve(d->tree, path, &real) < 0 || !real.exists ||
		fstat(real.fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	file = vec_push(a, &driver->files);
	if (!file)
		return NVB_OOM(err);
	*file = *like;
	file->host_path = host_tree_path(d->tree, a, real.path);
	file->target = arena_strdup(a, like->target);
	return file->host_path && file->target ? 0 : NVB_OOM(err);
}

static int add_entry(struct gpu_discovery *d, struct gpu_driver *driver, const char *dir,
	const char *name, struct nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	struct driver_file like = { .kind = DRIVER_FILE_DATA, .needed_for = needed_for(name) };

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NVB_OOM(err);
	like.target = path;
	if (strcmp(name, SMI) == 0) {
		like.kind = DRIVER_FILE_PROGRAM;
		like.needed_for = CAPABILITY_UTILITY;
		like.target = SMI_TARGET;
	} else if (!is_driver_data(name)) {
		return 0;
	}
	return add_file(d, driver, path, &like, err);
}

static int add_all(struct gpu_discovery *d, struct gpu_driver *driver, const char *dir,
	struct nvb_error **err)
{
	struct string_list names = { 0 };
	int r = 0;

	if (host_tree_list(d->tree, d->inv->arena, dir, &names) == -ENOMEM)
		return NVB_OOM(err);
	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = add_entry(d, driver, dir, names.items[i], err);
	return r;
}

/*
 * The store of the NVIDIA driver in use: Windows keeps the stores of earlier drivers. *ret_dir is
 * malloc'd; NULL if there is none.
 */
static int find_store(struct gpu_discovery *d, char **ret_dir, struct nvb_error **err)
{
	struct string_list names = { 0 };
	_cleanup_free_ char *best = NULL;
	struct timespec newest = { 0 };

	if (host_tree_list(d->tree, d->inv->arena, STORES_DIR, &names) == -ENOMEM)
		return NVB_OOM(err);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *mark = NULL;
		struct stat st;

		if (asprintf(&mark, STORES_DIR "/%s/" STORE_MARK, names.items[i]) < 0)
			return NVB_OOM(err);
		if (host_tree_stat(d->tree, mark, &st) < 0)
			continue;
		if (best && (st.st_mtim.tv_sec < newest.tv_sec ||
				    (st.st_mtim.tv_sec == newest.tv_sec &&
					    st.st_mtim.tv_nsec <= newest.tv_nsec)))
			continue;
		newest = st.st_mtim;
		free(best);
		best = TAKE_PTR(mark);
		best[strlen(best) - strlen("/" STORE_MARK)] = '\0';
	}
	*ret_dir = TAKE_PTR(best);
	return 0;
}

int wsl_find_driver_files(struct gpu_discovery *d, struct gpu_driver *driver,
	struct nvb_error **err)
{
	_cleanup_free_ char *store = NULL;
	int r;

	driver->brings_user_space = true;
	if (!host_tree_exists(d->tree, DXCORE))
		return string_list_add(d->inv->arena, &d->inv->warnings,
			       "the WSL driver's libraries are missing: there is no '" DXCORE "'") < 0
			? NVB_OOM(err)
			: 0;
	r = find_store(d, &store, err);
	if (r >= 0 && store)
		r = add_all(d, driver, store, err);
	if (r >= 0)
		r = add_all(d, driver, LOADER_DIR, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "find the files of the WSL driver");
	/* No loader searches this directory by default. */
	if (string_list_add(d->inv->arena, &driver->environment, "LD_LIBRARY_PATH=" LOADER_DIR) <
			0 ||
		string_list_add(d->inv->arena, &driver->loader_folders, LOADER_DIR) < 0)
		return NVB_OOM(err);
	return 0;
}
