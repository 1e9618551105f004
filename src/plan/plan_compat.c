/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUDA forward compatibility: an image may bring a libcuda that is newer than the host's kernel
 * driver, in /usr/local/cuda/compat. It is for the user to want it, and it is of no use if it is
 * older than the host's own.
 *
 *   the image's ld.so.cache names it, newer than the host    it stays: its loader takes it
 *   the image's ld.so.cache names it, not newer              the host's libraries cover it
 *   the cache does not name it, newer                        it stays idle; we say how to use it
 *   the cache does not name it, not newer                    nothing to do
 *
 * Only major versions are compared: a driver branch is compatible in itself.
 * Source: CUDA Compatibility guide, "Forward Compatibility"; the rule is that of NVIDIA's own
 * enable-cuda-compat hook where the library carries no note of its own.
 */
#include <string.h>

#include "base/number.h"
#include "plan/plan_build.h"

#define COMPAT_DIR "/usr/local/cuda/compat"
#define LIBCUDA_SONAME "libcuda.so.1"
#define LIBCUDA_PREFIX "libcuda.so."

bool plan_compat_has_place(const char *path)
{
	static const char cuda[] = "/usr/local/cuda", compat[] = "/compat/";
	const char *rest;

	if (strncmp(path, cuda, sizeof(cuda) - 1) != 0)
		return false;
	/* "", "-12", "-12.4" */
	rest = path + sizeof(cuda) - 1;
	if (*rest != '/' && *rest != '-')
		return false;
	rest += strcspn(rest, "/");
	return strncmp(rest, compat, sizeof(compat) - 1) == 0;
}

static bool parse_major(const char *version, uint64_t *ret_major)
{
	return number_parse_n(version, strcspn(version, "."), UINT32_MAX, ret_major);
}

static bool is_newer(const char *version, const struct gpu_driver *driver)
{
	const char *host = driver->version ? driver->version : driver->files_version;
	uint64_t ours, theirs;

	return host && version && parse_major(version, &theirs) && parse_major(host, &ours) &&
		theirs > ours;
}

/* The real file in a compat directory that the image's loader takes for libcuda; or NULL. */
static const char *cached_libcuda(const struct container_root *root)
{
	vec_foreach (struct root_cache_entry, entry, &root->cache) {
		if (entry->elf_class == 64 && entry->resolved &&
			strcmp(entry->soname, LIBCUDA_SONAME) == 0 &&
			plan_compat_has_place(entry->resolved))
			return entry->resolved;
	}
	return NULL;
}

static const char *version_of(const char *path)
{
	const char *name = path_base_name(path);

	if (strncmp(name, LIBCUDA_PREFIX, sizeof(LIBCUDA_PREFIX) - 1) != 0)
		return NULL;
	name += sizeof(LIBCUDA_PREFIX) - 1;
	/* "libcuda.so.1" has no version in its name; and the name is the image's. */
	return strchr(name, '.') && !name[strspn(name, "0123456789.")] ? name : NULL;
}

enum plan_compat plan_compat_decide(const struct plan_build *b, const char **ret_version)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);
	const char *cached;

	*ret_version = b->root->cuda_compat_version;
	if (!driver || !(b->req->capabilities & CAPABILITY_COMPUTE) || !b->root->lib64_dir)
		return PLAN_COMPAT_NONE;
	cached = cached_libcuda(b->root);
	if (cached) {
		if (version_of(cached))
			*ret_version = version_of(cached);
		return is_newer(*ret_version, driver) ? PLAN_COMPAT_KEPT : PLAN_COMPAT_REPLACED;
	}
	return is_newer(*ret_version, driver) ? PLAN_COMPAT_IDLE : PLAN_COMPAT_NONE;
}

int plan_compat_report(struct plan_build *b, struct nvb_error **err)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);
	const char *version, *host;
	enum plan_compat compat = plan_compat_decide(b, &version);

	if (compat == PLAN_COMPAT_NONE || plan_files_problem(b, driver))
		return 0;
	host = driver->version ? driver->version : driver->files_version;
	switch (compat) {
	case PLAN_COMPAT_NONE:
		break;
	case PLAN_COMPAT_KEPT:
		return plan_knob(b, err, "cuda_compat", version, KNOB_APPLIED,
			"the image's ld.so.cache",
			"the image's libcuda %s stays in charge: it is newer than the host's %s "
			"(forward compatibility, data-centre GPUs only)",
			version, host);
	case PLAN_COMPAT_REPLACED:
		return plan_knob(b, err, "cuda_compat", version ? version : "unknown", KNOB_APPLIED,
			"bind mounts over the image's copy",
			"the host's libcuda %s takes its place: the image's is not known to be newer",
			host ? host : "of unknown version");
	case PLAN_COMPAT_IDLE:
		return plan_knob(b, err, "cuda_compat", version, KNOB_ADVISORY, NULL,
			"the image has a newer libcuda than the host's %s that its loader does not "
			"look at; to use it (data-centre GPUs only): -e LD_LIBRARY_PATH=" COMPAT_DIR,
			host);
	}
	return 0;
}
