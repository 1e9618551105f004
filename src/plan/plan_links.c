/* SPDX-License-Identifier: Apache-2.0 */
/* The further names of libraries, as links or as mounts. */
#include <string.h>

#include "plan/plan_build.h"

/*
 * A name without a version is for programs that dlopen it, or that are built in the container.
 * Hosts have more of them, which nothing asks for.
 * Source: NVIDIA Container Toolkit 1.20 for libcuda and libnvidia-opticalflow; `-l` in the
 * documentation of CUDA (driver API, NVML), the Video Codec SDK and the Capture SDK; the strings of
 * driver 550.163.01 (allocator, nvvm, vdpau, vulkan-producer); the attestation tools' documentation
 * (NVML, NSCQ).
 */
static const char *const names_without_version[] = {
	"libcuda.so",
	"libnvcuvid.so",
	"libnvidia-allocator.so",
	"libnvidia-encode.so",
	"libnvidia-fbc.so",
	"libnvidia-ifr.so",
	"libnvidia-ml.so",
	"libnvidia-nscq.so",
	"libnvidia-nvvm.so",
	"libnvidia-opticalflow.so",
	"libnvidia-vulkan-producer.so",
	"libvdpau_nvidia.so",
};

/* "libcuda.so" of "libcuda.so.550.163.01". */
static bool lacks_version(const char *alias, const char *name)
{
	size_t length = strlen(alias);

	return strncmp(name, alias, length) == 0 && name[length] == '.' && length > 3 &&
	       strcmp(alias + length - 3, ".so") == 0;
}

bool plan_links_wanted(
	const struct plan_build *b, const struct driver_file *file, const char *alias)
{
	if (b->for_spec || !lacks_version(alias, path_base_name(file->target)))
		return true;
	for (size_t i = 0; i < ELEMENTS(names_without_version); i++) {
		if (strcmp(alias, names_without_version[i]) == 0)
			return true;
	}
	return false;
}

static size_t dir_length(const char *path)
{
	return (size_t)(path_base_name(path) - path);
}

/* True if `path` is `name` in the directory of `beside`. */
static bool is_beside(const char *path, const char *beside, const char *name)
{
	size_t length = dir_length(beside);

	return dir_length(path) == length && memcmp(path, beside, length) == 0 &&
	       strcmp(path + length, name) == 0;
}

static bool in_same_dir(const char *x, const char *y)
{
	return dir_length(x) == dir_length(y) && memcmp(x, y, dir_length(x)) == 0;
}

static bool has_mount(const struct plan *plan, const char *destination)
{
	vec_foreach (const struct plan_mount, mount, &plan->mounts) {
		if (strcmp(mount->destination, destination) == 0)
			return true;
	}
	return false;
}

/*
 * Where a mount goes: among those of the directory it shares with the file that the link names, in
 * the order of destinations; in front of the volumes if that file is no longer there.
 */
static size_t find_place(const struct plan *plan, const struct plan_link *link)
{
	const struct plan_mount *items = plan->mounts.items;
	size_t n = plan->mounts.n, at = 0;

	while (at < n && !is_beside(items[at].destination, link->path, link->text))
		at++;
	if (at == n) {
		for (at = 0; at < n && !items[at].is_volume; at++)
			;
		return at;
	}
	while (at && in_same_dir(items[at - 1].destination, link->destination) &&
		strcmp(items[at - 1].destination, link->destination) > 0)
		at--;
	while (at < n && !items[at].is_volume &&
		in_same_dir(items[at].destination, link->destination) &&
		strcmp(items[at].destination, link->destination) < 0)
		at++;
	return at;
}

struct plan_mount plan_link_mount(const struct plan_link *link)
{
	return (struct plan_mount){
		.source = link->source,
		.destination = link->destination,
		.options = *plan_files_mount_options(),
	};
}

static int add_mount(struct plan *plan, const struct plan_link *link, struct nvb_error **err)
{
	size_t at = find_place(plan, link);

	if (!vec_push(plan->arena, &plan->mounts))
		return NVB_OOM(err);
	memmove(plan->mounts.items + at + 1, plan->mounts.items + at,
		(plan->mounts.n - 1 - at) * sizeof(*plan->mounts.items));
	plan->mounts.items[at] = plan_link_mount(link);
	return 0;
}

int plan_links_to_mounts(struct plan *plan, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct plan_link, link, &plan->links) {
		if (r >= 0 && !has_mount(plan, link->destination))
			r = add_mount(plan, link, err);
	}
	if (r >= 0)
		plan->links = (struct plan_link_list){ 0 };
	return r;
}
