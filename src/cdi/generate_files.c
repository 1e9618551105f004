/* SPDX-License-Identifier: Apache-2.0 */
/* Driver files as mounts, for containers of any layout. */
#include <stdlib.h>
#include <string.h>

#include "cdi/generate_build.h"

const char *generate_place(const struct gpu_driver *driver, const struct driver_file *file)
{
	/* Other files are looked for at a fixed place, wherever the host keeps them. */
	if (!plan_files_is_library(file))
		return file->target;
	return file->host_path + strlen(driver->files_prefix ? driver->files_prefix : "");
}

static bool has_mount(const struct cdi_edits *edits, const char *destination)
{
	vec_foreach (const struct cdi_mount, mount, &edits->mounts) {
		if (strcmp(mount->container_path, destination) == 0)
			return true;
	}
	return false;
}

int generate_mount(struct generate *g, struct cdi_edits *edits, const char *source,
	const char *destination, const struct string_list *options, struct nvb_error **err)
{
	struct arena *a = g->spec->arena;
	struct cdi_mount *mount;

	if (has_mount(edits, destination))
		return 0;
	mount = vec_push(a, &edits->mounts);
	if (!mount)
		return NVB_OOM(err);
	*mount = (struct cdi_mount){
		.host_path = generate_keep(g, source),
		.container_path = generate_keep(g, destination),
	};
	if (!mount->host_path || !mount->container_path)
		return NVB_OOM(err);
	vec_foreach (const char *, option, options) {
		/* The words themselves are static. */
		if (string_list_add(a, &mount->options, *option) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

int generate_files(struct generate *g, struct cdi_edits *edits, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct driver_file, file, &driver->files) {
		if (r >= 0 && plan_files_wanted(file, g->options->capabilities))
			r = generate_mount(g, edits, file->host_path, generate_place(driver, file),
				plan_files_options(file), err);
	}
	return r;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int compare_paths(const char *x, const char *y)
{
	size_t x_depth = depth(x), y_depth = depth(y);

	return x_depth != y_depth ? (x_depth > y_depth) - (x_depth < y_depth) : strverscmp(x, y);
}

static int compare_mounts(const void *a, const void *b)
{
	const struct cdi_mount *x = a, *y = b;

	return compare_paths(x->container_path, y->container_path);
}

static int compare_nodes(const void *a, const void *b)
{
	const struct cdi_device_node *x = a, *y = b;

	return compare_paths(x->path, y->path);
}

void generate_sort(struct cdi_edits *edits)
{
	if (edits->mounts.n)
		qsort(edits->mounts.items, edits->mounts.n, sizeof(*edits->mounts.items),
			compare_mounts);
	if (edits->device_nodes.n)
		qsort(edits->device_nodes.items, edits->device_nodes.n,
			sizeof(*edits->device_nodes.items), compare_nodes);
}
