/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA's variables: which devices. What comes with them is in container_request_extras.c.
 *
 * Source: NVIDIA Container Toolkit documentation, "Specialized Configurations with Docker";
 * the behaviour of its version 1.20.
 */
#include <string.h>

#include "request/container_request_build.h"

#define VARIABLE CONTAINER_VARIABLE_NVIDIA
#define KIND	 "nvidia.com/gpu"

const char *container_legacy_version(const struct container_build *b)
{
	const char *version = container_build_env(b, CONTAINER_VARIABLE_LEGACY);
	const char *require = container_build_env(b, "NVIDIA_REQUIRE_CUDA");

	return version && *version && !(require && *require) ? version : NULL;
}

bool container_has_word(const struct string_list *items, const char *word)
{
	vec_foreach (const char *, item, items)
		if (container_item_is(*item, word))
			return true;
	return false;
}

/* Kubernetes' device plugin names the directory here where it asks by mounts. */
static int select_item(struct container_build *b, const char *item, struct nvb_error **err)
{
	int r;

	if (strcmp(item, CONTAINER_MOUNT_ROOT) != 0)
		return container_build_select(b, KIND, item, err);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"the devices are mounts below '%s', and the policy takes none", item);
	return NVB_HINT(err, r, "set accept_volume_mounts in the runtime's policy");
}

/* "void" anywhere asks for nothing. Of "all" and "none", the first one decides alone. */
int container_nvidia_items(
	struct container_build *b, const struct string_list *items, struct nvb_error **err)
{
	if (container_has_word(items, "void"))
		return 0;
	vec_foreach (const char *, item, items) {
		if (container_item_is(*item, "all"))
			return container_build_select(b, KIND, "all", err);
		if (container_item_is(*item, "none"))
			return container_build_select(b, KIND, "none", err);
	}
	vec_foreach (const char *, item, items) {
		int r = select_item(b, *item, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Adds the items of a variable. Returns 1 if it is set. */
static int split_variable(struct container_build *b, const char *name, struct string_list *items,
	struct nvb_error **err)
{
	const char *value = container_build_env(b, name);
	int r;

	if (!value)
		return 0;
	b->asker = container_build_shown(b, name);
	r = container_build_split(b, b->asker, value, items, err);
	return r < 0 ? r : 1;
}

/* Swarm's resources that are set stand for NVIDIA_VISIBLE_DEVICES, all of them together. Returns 1
 * if any is set. */
static int collect_named(
	struct container_build *b, struct string_list *items, struct nvb_error **err)
{
	bool set = false;
	int r;

	vec_foreach (const char *, name, &b->policy->swarm_resources) {
		r = split_variable(b, *name, items, err);
		if (r < 0)
			return r;
		set |= r > 0;
	}
	return set ? 1 : split_variable(b, VARIABLE, items, err);
}

static int collect_items(
	struct container_build *b, struct string_list *items, struct nvb_error **err)
{
	int r = collect_named(b, items, err);

	if (r != 0 || !container_legacy_version(b))
		return r;
	b->asker = CONTAINER_VARIABLE_LEGACY;
	return string_list_add(b->arena, items, "all") < 0 ? NVB_OOM(err) : 0;
}

int container_read_nvidia(struct container_build *b, struct nvb_error **err)
{
	struct string_list items = { 0 };
	int r;

	r = collect_items(b, &items, err);
	if (r < 0)
		return r;
	r = container_nvidia_items(b, &items, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read '%s'", b->asker);
	return b->request.selectors.n || b->request.driver_only;
}

int container_bound_nvidia(struct container_build *b, struct nvb_error **err)
{
	struct string_list items = { 0 };
	int r, set;

	set = collect_named(b, &items, err);
	/* A resource of nothing does not hide the list. */
	r = set > 0 && !items.n ? split_variable(b, VARIABLE, &items, err) : set;
	if (r < 0 || !set)
		return r;
	r = container_nvidia_items(b, &items, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", b->asker) : 1;
}
