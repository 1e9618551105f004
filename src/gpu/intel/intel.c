/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel GPUs: i915 and xe. The DRM nodes are all that a container needs; the user space is the
 * image's own.
 */
#include <string.h>

#include "gpu/intel/power.h"
#include "gpu/vendor.h"

#define MAX_TILES 8

static bool is_gpu_driver(const char *driver)
{
	return driver && (strcmp(driver, "i915") == 0 || strcmp(driver, "xe") == 0);
}

/* Of a discrete GPU under xe, where the kernel tells it. Source: xe_tile_sysfs.c. */
static void read_memory(struct gpu_discovery *d, struct gpu *gpu)
{
	uint64_t total = 0;

	for (unsigned tile = 0; tile < MAX_TILES; tile++) {
		char path[128];
		uint64_t size;

		(void)snprintf(path, sizeof(path),
			"/sys/bus/pci/devices/%s/tile%u/physical_vram_size_bytes",
			gpu->pci_address, tile);
		if (host_tree_read_hex(d->tree, path, &size) < 0)
			break;
		if (__builtin_add_overflow(total, size, &total))
			return;
	}
	gpu->memory_bytes = total;
}

static int add_gpu(struct gpu_discovery *d, const struct pci_device *pci, struct nvb_error **err)
{
	struct gpu *gpu = gpu_add(d, GPU_VENDOR_INTEL, pci);

	if (!gpu)
		return NVB_OOM(err);
	if (!is_gpu_driver(pci->driver))
		return gpu_set_unserved(d, gpu, err);
	if (strcmp(pci->driver, "xe") == 0)
		read_memory(d, gpu);
	return gpu_add_in_tree(d, gpu, &pci->drm, err);
}

static int discover(struct gpu_discovery *d, struct nvb_error **err)
{
	vec_foreach (struct pci_device, pci, d->pci) {
		int r;

		/* Intel's processing accelerators (NPU, class 12) are no GPUs. */
		if (pci->vendor != PCI_VENDOR_INTEL || pci->class_code >> 16 != PCI_CLASS_DISPLAY)
			continue;
		r = add_gpu(d, pci, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "examine the GPU at '%s'", pci->address);
	}
	return 0;
}

const struct gpu_vendor_ops gpu_vendor_intel = {
	.vendor = GPU_VENDOR_INTEL,
	.discover = discover,
	.find_power = intel_find_power,
};
