/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from discover.c: who shows no names needs no libpci. */
#include "gpu/discover.h"
#include "gpu/vendor.h"
#include "host/pci.h"

/* Gives `name` to all unnamed GPUs of one kind: reading pci.ids is slow. */
static void name_kind(struct inventory *inv, uint32_t vendor, uint32_t device, const char *name)
{
	vec_foreach (struct gpu, gpu, &inv->gpus) {
		if (!gpu->name && gpu->pci_vendor == vendor && gpu->pci_device == device)
			gpu->name = name;
	}
}

int inventory_name_gpus(struct inventory *inv, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	int r;

	vec_foreach (struct gpu, gpu, &inv->gpus) {
		const char *name;

		if (gpu->name || !gpu->pci_device)
			continue;
		if (tree.root_fd < 0) {
			r = host_tree_open(*inv->host_prefix ? inv->host_prefix : "/", &tree, err);
			if (r < 0)
				return NVB_CONTEXT(err, r, "look for the names of GPUs");
		}
		name = pci_device_name(&tree, inv->arena, gpu->pci_vendor, gpu->pci_device);
		if (discover_clean_name(inv, &name) < 0)
			return NVB_OOM(err);
		name_kind(inv, gpu->pci_vendor, gpu->pci_device, name);
	}
	return 0;
}
