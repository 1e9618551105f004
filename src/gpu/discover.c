/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/discover.h"

#include <string.h>

#include "base/log.h"
#include "format/json_syntax.h"
#include "gpu/vendor.h"
#include "host/pci.h"

const struct gpu_vendor_ops *const gpu_vendors[] = {
	&gpu_vendor_nvidia,
	&gpu_vendor_amd,
	&gpu_vendor_intel,
	&gpu_vendor_wsl,
	NULL,
};

static struct inventory *inventory_new(const struct host_tree *tree)
{
	struct arena *arena = arena_new();
	struct inventory *inv = arena ? arena_new_object(arena, struct inventory) : NULL;

	if (inv) {
		inv->arena = arena;
		inv->host_prefix = arena_strdup(arena, tree->prefix);
	}
	if (!inv || !inv->host_prefix) {
		arena_free(arena);
		return NULL;
	}
	return inv;
}

/* A driver works with it, or did until it was lost. */
static bool is_served(const struct gpu *gpu)
{
	return gpu->state == GPU_USABLE || gpu->state == GPU_LOST;
}

/*
 * Orders the GPUs of one vendor: those that a driver serves, then the others, each by address. A
 * GPU given to a virtual machine must not shift the numbers of the others: the vendor's tools do
 * not count it either. Normalised addresses compare as text.
 */
static int compare_gpus(const void *a, const void *b)
{
	const struct gpu *left = a, *right = b;

	if (is_served(left) != is_served(right))
		return is_served(left) ? -1 : 1;
	if (!left->pci_address || !right->pci_address)
		return 0;
	return strcmp(left->pci_address, right->pci_address);
}

/* Bytes of one UTF-8 character that is no control character; 0 if none stands there. */
static size_t character_length(const char *s, size_t left)
{
	if (!((unsigned char)*s & 0x80))
		return *s >= ' ' && *s != 0x7f;
	for (size_t n = 2; n <= 4 && n <= left; n++) {
		if (json_is_utf8(s, n))
			return n;
	}
	return 0;
}

int discover_clean_name(struct inventory *inv, const char **name)
{
	size_t length = *name ? strlen(*name) : 0;
	char *copy = NULL;

	for (size_t i = 0, n; i < length; i += n ? n : 1) {
		n = character_length(*name + i, length - i);
		if (n)
			continue;
		copy = copy ? copy : arena_strdup(inv->arena, *name);
		if (!copy)
			return -1;
		copy[i] = '?';
	}
	*name = copy ? copy : *name;
	return 0;
}

static struct gpu_discovery discovery_in(const struct discover_trees *trees, struct inventory *inv)
{
	return (struct gpu_discovery){
		.tree = trees->machine,
		.driver_tree = trees->driver,
		.dev_tree = trees->dev,
		.inv = inv,
	};
}

int inventory_discover_in(const struct discover_trees *trees, struct inventory **ret_inv,
	struct nvb_error **err)
{
	_cleanup_(inventory_freep) struct inventory *inv = inventory_new(trees->machine);
	struct pci_device_list pci = { 0 };
	struct gpu_discovery d = discovery_in(trees, inv);
	int r;

	if (!inv)
		return NVB_OOM(err);
	d.pci = &pci;
	r = pci_list_display(d.tree, inv->arena, &pci, &inv->warnings, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		size_t first = inv->gpus.n;

		r = (*ops)->discover(&d, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "look for GPUs of vendor '%s'",
				gpu_vendor_name((*ops)->vendor));
		if (inv->gpus.n > first)
			qsort(inv->gpus.items + first, inv->gpus.n - first,
				sizeof(*inv->gpus.items), compare_gpus);
	}
	for (size_t i = 0; i < inv->gpus.n; i++) {
		inv->gpus.items[i].index = (unsigned)i;
		if (discover_clean_name(inv, &inv->gpus.items[i].name) < 0)
			return NVB_OOM(err);
	}
	log_debug("inventory", "%zu display devices on the bus, %zu GPUs, %zu drivers", pci.n,
		inv->gpus.n, inv->drivers.n);
	*ret_inv = TAKE_PTR(inv);
	return 0;
}

int inventory_discover(const struct host_tree *tree, struct inventory **ret_inv,
	struct nvb_error **err)
{
	return inventory_discover_in(&(struct discover_trees){ .machine = tree }, ret_inv, err);
}

int inventory_find_companions(struct inventory *inv, const struct discover_trees *trees,
	struct nvb_error **err)
{
	struct gpu_discovery d = discovery_in(trees, inv);

	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		int r = (*ops)->find_companions ? (*ops)->find_companions(&d, err) : 0;

		if (r < 0)
			return NVB_CONTEXT(err, r, "look for devices beside the GPUs");
	}
	return 0;
}

int inventory_find_mig_control(struct inventory *inv, const struct discover_trees *trees,
	struct nvb_error **err)
{
	struct gpu_discovery d = discovery_in(trees, inv);

	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		int r = (*ops)->find_mig_control ? (*ops)->find_mig_control(&d, err) : 0;

		if (r < 0)
			return NVB_CONTEXT(err, r, "look for the nodes that control MIG");
	}
	return 0;
}
