/* SPDX-License-Identifier: Apache-2.0 */
/* The building blocks that the vendor folders share. */
#include "gpu/vendor.h"

#include <string.h>

int gpu_add_node(struct gpu_discovery *d, struct gpu_node_list *list, const char *path,
	capability_set needed_for, bool optional, struct nvb_error **err)
{
	const struct host_tree *tree = d->dev_tree ? d->dev_tree : d->tree;
	struct host_node node;
	struct gpu_node *slot;
	errint_t r;

	r = host_tree_node(tree, d->inv->arena, path, &node);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0) {
		if (string_list_printf(d->inv->arena, &d->inv->warnings,
			    "device node '%s' cannot be examined: %s", path, strerror(-r)) < 0)
			return NVB_OOM(err);
		node = (struct host_node){
			.path = arena_strdup(d->inv->arena, path),
			.host_path = host_tree_path(tree, d->inv->arena, path),
		};
		if (!node.path || !node.host_path)
			return NVB_OOM(err);
	}
	if (!node.exists && optional)
		return 0;
	slot = vec_push(d->inv->arena, list);
	if (!slot)
		return NVB_OOM(err);
	*slot = (struct gpu_node){
		.node = node,
		.needed_for = needed_for,
		.optional = optional,
	};
	return 0;
}

void gpu_number_last_node(struct gpu_node_list *list, uint32_t major, uint32_t minor)
{
	struct host_node *node = &list->items[list->n - 1].node;

	if (node->type)
		return;
	node->type = 'c';
	node->major = major;
	node->minor = minor;
}

int gpu_add_drm_nodes(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	capability_set card_needed_for, capability_set render_needed_for, struct nvb_error **err)
{
	int r;

	gpu->card_node = drm->card;
	gpu->render_node = drm->render;
	if (drm->card) {
		r = gpu_add_node(d, &gpu->nodes, drm->card, card_needed_for, false, err);
		if (r < 0)
			return r;
	}
	if (drm->render)
		return gpu_add_node(d, &gpu->nodes, drm->render, render_needed_for, false, err);
	return 0;
}

struct gpu *gpu_add(struct gpu_discovery *d, enum gpu_vendor vendor, const struct pci_device *pci)
{
	struct gpu *gpu = vec_push(d->inv->arena, &d->inv->gpus);

	if (!gpu)
		return NULL;
	*gpu = (struct gpu){ .vendor = vendor, .state = GPU_USABLE, .minor = -1, .numa_node = -1 };
	if (pci) {
		gpu->pci_address = pci->address;
		gpu->pci_vendor = pci->vendor;
		gpu->pci_device = pci->device;
		gpu->driver = pci->driver;
		gpu->numa_node = pci->numa_node;
	}
	return gpu;
}

struct gpu_driver *gpu_add_driver(struct gpu_discovery *d, enum gpu_vendor vendor, const char *name)
{
	struct gpu_driver *driver = vec_push(d->inv->arena, &d->inv->drivers);
	const char *copy = arena_strdup(d->inv->arena, name);

	if (!driver || !copy)
		return NULL;
	*driver = (struct gpu_driver){ .vendor = vendor, .name = copy };
	return driver;
}

int gpu_add_in_tree_driver(struct gpu_discovery *d, enum gpu_vendor vendor, const char *name,
	struct nvb_error **err)
{
	struct gpu_driver *driver;

	vec_foreach (struct gpu_driver, known, &d->inv->drivers) {
		if (known->vendor == vendor && strcmp(known->name, name) == 0)
			return 0;
	}
	driver = gpu_add_driver(d, vendor, name);
	if (!driver)
		return NVB_OOM(err);
	driver->flavor = "in-tree";
	return 0;
}

int gpu_set_state(struct gpu_discovery *d, struct gpu *gpu, enum gpu_state state,
	struct nvb_error **err, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0) {
		text = NULL;
		return NVB_OOM(err);
	}
	gpu->state = state;
	gpu->state_reason = arena_strdup(d->inv->arena, text);
	return gpu->state_reason ? 0 : NVB_OOM(err);
}

int gpu_set_unserved(struct gpu_discovery *d, struct gpu *gpu, struct nvb_error **err)
{
	if (!gpu->driver)
		return gpu_set_state(d, gpu, GPU_NO_DRIVER, err, "no kernel driver is bound to it");
	if (strstr(gpu->driver, "vfio"))
		return gpu_set_state(d, gpu, GPU_RESERVED, err,
			"bound to '%s', which gives it to a virtual machine", gpu->driver);
	return gpu_set_state(d, gpu, GPU_RESERVED, err,
		"bound to '%s', which does not serve containers", gpu->driver);
}

int gpu_add_in_tree(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	struct nvb_error **err)
{
	const capability_set screen = CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY;
	const capability_set render = screen | CAPABILITY_COMPUTE | CAPABILITY_VIDEO;
	int r;

	r = gpu_add_in_tree_driver(d, gpu->vendor, gpu->driver, err);
	if (r < 0)
		return r;
	if (!drm->card && !drm->render)
		return gpu_set_state(d, gpu, GPU_LOST, err,
			"driver '%s' is bound to it but offers no DRM node", gpu->driver);
	return gpu_add_drm_nodes(d, gpu, drm, screen, render, err);
}
