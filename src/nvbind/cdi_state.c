/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/cdi_state.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/state_dir.h"

int cdi_state_open(struct cdi_store *ret, struct nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	int r = state_dir_path(&path, err);

	return r < 0 ? r : cdi_store_open(path, ret, err);
}

static bool is_listed(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, item, list) {
		if (strcmp(*item, text) == 0)
			return true;
	}
	return false;
}

int cdi_state_is_engines(const struct cdi_machine *machine, const char *directory)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list directories = { 0 };
	int r = a ? cdi_host_directories(&machine->tree, a, &directories, NULL) : NVB_OOM(NULL);

	return r < 0 ? r : is_listed(&directories, directory);
}

int cdi_state_registry(const struct cdi_machine *machine, const char *directory,
	struct cdi_registry **ret, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list directories = { 0 };
	int r;

	if (!a)
		return NVB_OOM(err);
	r = cdi_host_directories(&machine->tree, a, &directories, err);
	if (r < 0)
		return r;
	if (!is_listed(&directories, directory)) {
		directories = (struct string_list){ 0 };
		if (string_list_add(a, &directories, directory) < 0)
			return NVB_OOM(err);
	}
	return cdi_registry_read(&directories, ret, err);
}

const char *cdi_state_directory(struct arena *a, const char *path)
{
	size_t length = (size_t)(path_base_name(path) - path);

	return arena_strndup(a, path, length > 1 ? length - 1 : 1);
}

void cdi_state_warn(const struct cdi_maker *maker)
{
	vec_foreach (const char *, warning, &maker->warnings)
		log_warning("%s", *warning);
}

void cdi_state_report(
	const struct cdi_recipe *recipe, enum cdi_change change, const struct cdi_spec *spec)
{
	printf("%s: %s", recipe->path, cdi_change_name(change));
	if (spec)
		printf(": %s, %zu device name%s", spec->kind, spec->devices.n,
			spec->devices.n == 1 ? "" : "s");
	putchar('\n');
}
