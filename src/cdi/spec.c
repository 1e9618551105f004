/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/spec.h"

#include <string.h>

struct cdi_spec *cdi_spec_new(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct cdi_spec *spec = a ? arena_new_object(a, struct cdi_spec) : NULL;

	if (spec)
		spec->arena = TAKE_PTR(a);
	return spec;
}

/* The spec itself lies in its arena. */
void cdi_spec_free(struct cdi_spec *spec)
{
	if (spec)
		arena_free(spec->arena);
}

const struct cdi_device *cdi_spec_device(const struct cdi_spec *spec, const char *name)
{
	vec_foreach (const struct cdi_device, device, &spec->devices)
		if (strcmp(device->name, name) == 0)
			return device;
	return NULL;
}

bool cdi_edits_are_empty(const struct cdi_edits *edits)
{
	return !edits->env.n && !edits->device_nodes.n && !edits->net_devices.n &&
	       !edits->mounts.n && !edits->hooks.n && !edits->additional_gids.n &&
	       !edits->intel_rdt;
}

static int append(struct arena *a, void *list, const void *from, size_t item_size_bytes)
{
	const struct items VEC(char) *source = from;

	for (size_t i = 0; i < source->n; i++) {
		void *slot = vec_push_sized(a, list, item_size_bytes);

		if (!slot)
			return -1;
		memcpy(slot, source->items + i * item_size_bytes, item_size_bytes);
	}
	return 0;
}

#define APPEND(member) append(a, &edits->member, &from->member, sizeof(*from->member.items))

int cdi_edits_append(struct arena *a, struct cdi_edits *edits, const struct cdi_edits *from)
{
	if (APPEND(env) < 0 || APPEND(device_nodes) < 0 || APPEND(net_devices) < 0 ||
		APPEND(mounts) < 0 || APPEND(hooks) < 0 || APPEND(additional_gids) < 0)
		return -1;
	if (from->intel_rdt)
		edits->intel_rdt = from->intel_rdt;
	return 0;
}

bool cdi_mount_has_bind_option(const struct cdi_mount *mount)
{
	vec_foreach (const char *const, option, &mount->options)
		if (strcmp(*option, "bind") == 0 || strcmp(*option, "rbind") == 0)
			return true;
	return false;
}

bool cdi_mount_is_bind(const struct cdi_mount *mount)
{
	return cdi_mount_has_bind_option(mount) || !mount->type || !mount->type[0] ||
	       strcmp(mount->type, "bind") == 0 || strcmp(mount->type, "none") == 0;
}
