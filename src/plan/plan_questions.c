/* SPDX-License-Identifier: Apache-2.0 */
/* What must be known of a container root before its plan can be made. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan_build.h"

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(struct string_list *list)
{
	size_t n = 0;

	if (!list->n)
		return;
	qsort(list->items, list->n, sizeof(list->items[0]), compare);
	for (size_t i = 1; i < list->n; i++) {
		if (strcmp(list->items[n], list->items[i]) != 0)
			list->items[++n] = list->items[i];
	}
	list->n = n + 1;
}

/* The directory part of a target; files directly in a library directory ask for none. */
static int ask_for_directory(struct arena *a, const char *target, struct string_list *dirs)
{
	const char *slash = strrchr(target, '/');
	const char *dir;

	if (!slash)
		return 0;
	dir = slash == target ? "/" : arena_strndup(a, target, (size_t)(slash - target));
	/* Most files of a directory stand together. */
	if (dir && dirs->n && strcmp(dirs->items[dirs->n - 1], dir) == 0)
		return 0;
	return dir ? string_list_add(a, dirs, dir) : -1;
}

/* A library's own name and all others, relative to the library directory. */
static int ask_for_library(struct arena *a, const struct driver_file *file,
	struct string_list *dirs, struct string_list *names)
{
	if (string_list_add(a, names, file->target) < 0)
		return -1;
	vec_foreach (const char *, alias, &file->aliases) {
		const char *name = plan_files_beside(a, file->target, *alias);

		if (!name || string_list_add(a, names, name) < 0 ||
			ask_for_directory(a, name, dirs) < 0)
			return -1;
		/* The loader's cache has no directories in its names. */
		if (strchr(name, '/') && string_list_add(a, names, path_base_name(name)) < 0)
			return -1;
	}
	return 0;
}

static int ask_for_companions(const struct inventory *inv, const struct request *req,
	struct arena *a, struct string_list *dirs, struct nvb_error **err)
{
	struct plan_companion_list companions = { 0 };
	int r = plan_companions_find(inv, req, a, &companions, err);

	if (r < 0)
		return r;
	vec_foreach (const struct plan_companion, item, &companions) {
		vec_foreach (const struct driver_file, file, &item->companion->files) {
			if (ask_for_directory(a, file->target, dirs) < 0)
				return NVB_OOM(err);
		}
	}
	return 0;
}

int plan_questions(const struct inventory *inv, const struct request *req, struct arena *a,
	struct string_list *ret_dirs, struct string_list *ret_names, struct nvb_error **err)
{
	struct string_list dirs = { 0 }, names = { 0 };
	int r = ask_for_companions(inv, req, a, &dirs, err);

	if (r < 0)
		return r;
	vec_foreach (struct gpu_driver, driver, &inv->drivers) {
		if (!plan_uses_driver(inv, req, driver))
			continue;
		vec_foreach (struct driver_file, file, &driver->files) {
			if (!plan_files_wanted(file, req->capabilities))
				continue;
			if (ask_for_directory(a, file->target, &dirs) < 0)
				return NVB_OOM(err);
			if (plan_files_is_library(file) &&
				ask_for_library(a, file, &dirs, &names) < 0)
				return NVB_OOM(err);
		}
	}
	sort_unique(&dirs);
	sort_unique(&names);
	*ret_dirs = dirs;
	*ret_names = names;
	return 0;
}
