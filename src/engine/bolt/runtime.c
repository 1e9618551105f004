/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/runtime.h"

#include <string.h>

#include "base/path.h"
#include "base/spawn.h"

bool low_level_runtime_choose(const char *crun, const char *runc, enum cgroup_layout layout,
	bool rootless, struct low_level_runtime *ret)
{
	bool crun_first = layout == CGROUP_UNIFIED;
	bool use_crun = crun && (crun_first || !runc);

	if (!crun && !runc)
		return false;
	*ret = (struct low_level_runtime){
		.path = use_crun ? crun : runc,
		.is_crun = use_crun,
		.device_cgroup = !rootless && layout != CGROUP_NONE &&
				 !(use_crun && layout == CGROUP_HYBRID),
		.mount_cgroup2 = use_crun && !rootless && layout == CGROUP_HYBRID,
	};
	return true;
}

static int find_in_arena(
	struct arena *a, const char *name, const char **ret, struct nvb_error **err)
{
	_cleanup_free_ char *found = spawn_find_program(name, SPAWN_SYSTEM_PATH);

	*ret = found ? arena_strdup(a, found) : NULL;
	return found && !*ret ? NVB_OOM(err) : 0;
}

static int use_named(struct arena *a, const char *named, const char **ret_crun,
	const char **ret_runc, struct nvb_error **err)
{
	const char *path;
	int r;

	r = find_in_arena(a, named, &path, err);
	if (r < 0)
		return r;
	if (!path)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0,
			"find the low-level runtime '%s' that NVBIND_OCI_RUNTIME names", named);
	*ret_crun = strstr(path_base_name(path), "crun") ? path : NULL;
	*ret_runc = *ret_crun ? NULL : path;
	return 0;
}

int low_level_runtime_find(
	struct arena *a, bool rootless, struct low_level_runtime *ret, struct nvb_error **err)
{
	const char *named = secure_getenv("NVBIND_OCI_RUNTIME");
	const char *crun = NULL, *runc = NULL;
	int r;

	if (named && *named) {
		r = use_named(a, named, &crun, &runc, err);
	} else {
		r = find_in_arena(a, "crun", &crun, err);
		if (r == 0)
			r = find_in_arena(a, "runc", &runc, err);
	}
	if (r < 0)
		return r;
	if (low_level_runtime_choose(crun, runc, cgroup_layout_read(), rootless, ret)) {
		/* crun mounts the root again without nodev: nodes in the image would open. */
		if (rootless || ret->device_cgroup || !ret->is_crun || (named && *named))
			return 0;
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_ENGINE, 0,
				"run containers with '%s': it has no device cgroup in the %s "
				"layout",
				ret->path, cgroup_layout_name(cgroup_layout_read())),
			"install the package 'runc'; NVBIND_OCI_RUNTIME=crun accepts that device "
			"nodes in an image can be opened");
	}
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, 0,
			"find a low-level runtime: neither 'crun' nor 'runc' is installed"),
		"install the package 'crun' or 'runc'");
}

const char **low_level_runtime_argv(struct arena *a, const struct low_level_runtime *runtime,
	bool rootless, const char *capsule_path, const char *id)
{
	const char *mode = runtime->is_crun ? (runtime->device_cgroup ? "--cgroup-manager=cgroupfs"
								      : "--cgroup-manager=disabled")
					    : (rootless ? "--rootless=true" : "--rootless=false");
	const char *const argv[] = {
		runtime->path,
		"--root",
		arena_printf(a, "%s/runtime", capsule_path),
		"--log",
		arena_printf(a, "%s/log", capsule_path),
		"--log-format",
		"json",
		mode,
		"run",
		"--bundle",
		capsule_path,
		"--pid-file",
		arena_printf(a, "%s/pid", capsule_path),
		arena_printf(a, "nvbind-%s", id),
		NULL,
	};

	for (size_t i = 0; i + 1 < ELEMENTS(argv); i++)
		if (!argv[i])
			return NULL;
	return arena_memdup(a, argv, sizeof(argv));
}
