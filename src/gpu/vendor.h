/* SPDX-License-Identifier: Apache-2.0 */
/* What a vendor folder provides. One table entry each; the rest of the room knows nothing else. */
#pragma once

#include "gpu/inventory.h"
#include "host/pci.h"

struct enrich_options;
struct gpu_requirement_facts;
struct tuning_reader;

struct gpu_discovery {
	const struct host_tree *tree;
	/* Where a containerised driver has its files and its nodes; NULL: in `tree`. */
	const struct host_tree *driver_tree, *dev_tree;
	const struct pci_device_list *pci;
	struct inventory *inv;
};

struct gpu_vendor_ops {
	enum gpu_vendor vendor;
	/*
	 * Appends the vendor's GPUs (in PCI order; index is set by the caller) and its drivers to
	 * d->inv. Nothing of this vendor on the machine is success. Expected breakage goes into
	 * the GPU's state and d->inv->warnings.
	 */
	int (*discover)(struct gpu_discovery *d, struct nvb_error **err);
	/* Appends the vendor's classes of other devices to d->inv->companions; NULL: it has none.
	 * d->pci is not set. */
	int (*find_companions)(struct gpu_discovery *d, struct nvb_error **err);
	/* inventory_find_mig_control() for the vendor's drivers and GPUs; NULL: it has no MIG.
	 * d->pci is not set. */
	int (*find_mig_control)(struct gpu_discovery *d, struct nvb_error **err);
	/* gpu_requirement_facts() for the vendor's own among the GPUs. Returns 1, 0 if the facts
	 * are not its own. NULL: images require nothing of it. */
	int (*requirement_facts)(const struct inventory *inv, const struct gpu *const *gpus,
		size_t n, struct gpu_requirement_facts *ret);
	/* inventory_enrich() for the GPUs of `vendor`; NULL: there is no library to ask. */
	int (*enrich)(struct inventory *inv, enum gpu_vendor vendor,
		const struct enrich_options *options, struct nvb_error **err);
	/* Adds the files by which the power of a usable GPU is chosen (gpu/tuning.h); NULL: it has
	 * none. */
	int (*find_power)(const struct tuning_reader *r, const struct gpu *gpu,
		struct nvb_error **err);
	/* gpu_power_limit() of a GPU of its own; NULL: there is no library to ask. */
	int (*power_limit)(const struct inventory *inv, const struct gpu *gpu, const char *value,
		uint64_t *ret_milliwatts, struct nvb_error **err);
};

/* All of them in the order of the global index; ends with NULL. */
extern const struct gpu_vendor_ops *const gpu_vendors[];
extern const struct gpu_vendor_ops gpu_vendor_nvidia;
extern const struct gpu_vendor_ops gpu_vendor_amd;
extern const struct gpu_vendor_ops gpu_vendor_intel;
extern const struct gpu_vendor_ops gpu_vendor_wsl;

/* Building blocks for the vendors. */

/* Appends the node at `path` (also if missing, unless optional). */
int gpu_add_node(struct gpu_discovery *d, struct gpu_node_list *list, const char *path,
	capability_set needed_for, bool optional, struct nvb_error **err);
/* Appends the card and render nodes of a device and sets gpu->card_node and render_node. */
int gpu_add_drm_nodes(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	capability_set card_needed_for, capability_set render_needed_for, struct nvb_error **err);
/* A new GPU with everything unknown, filled from its PCI device (may be NULL). */
struct gpu *gpu_add(struct gpu_discovery *d, enum gpu_vendor vendor,
	const struct pci_device *pci);
struct gpu_driver *gpu_add_driver(struct gpu_discovery *d, enum gpu_vendor vendor,
	const char *name);
/* The same as an in-tree kernel driver, whose user space is the image's own; once per name. */
int gpu_add_in_tree_driver(struct gpu_discovery *d, enum gpu_vendor vendor, const char *name,
	struct nvb_error **err);
/* A GPU of an in-tree driver that needs nothing but its DRM nodes: adds those and the driver. */
int gpu_add_in_tree(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	struct nvb_error **err);
/* Numbers of the node added last, known from elsewhere; what the node itself says wins. */
void gpu_number_last_node(struct gpu_node_list *list, uint32_t major, uint32_t minor);
int gpu_set_state(struct gpu_discovery *d, struct gpu *gpu, enum gpu_state state,
	struct nvb_error **err, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The state of a GPU whose driver (or none) is not one that the vendor folder knows. */
int gpu_set_unserved(struct gpu_discovery *d, struct gpu *gpu, struct nvb_error **err);

/* A name is anyone's bytes (firmware, pci.ids), but JSON and terminals take text: '?' stands for
 * every byte that is none. Returns -1 when out of memory. */
int discover_clean_name(struct inventory *inv, const char **name);
