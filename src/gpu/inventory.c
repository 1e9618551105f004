/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/inventory.h"

#include <string.h>

void inventory_free(struct inventory *inv)
{
	/* The inventory lives in its own arena. */
	if (inv)
		arena_free(inv->arena);
}

const struct gpu_driver *inventory_driver(const struct inventory *inv, const struct gpu *gpu)
{
	if (!gpu->driver)
		return NULL;
	vec_foreach (struct gpu_driver, driver, &inv->drivers) {
		if (driver->vendor == gpu->vendor && strcmp(driver->name, gpu->driver) == 0)
			return driver;
	}
	return NULL;
}

const char *gpu_vendor_name(enum gpu_vendor vendor)
{
	static const char *const names[GPU_VENDOR_COUNT] = {
		[GPU_VENDOR_NVIDIA] = "nvidia",
		[GPU_VENDOR_AMD] = "amd",
		[GPU_VENDOR_INTEL] = "intel",
		[GPU_VENDOR_WSL] = "wsl",
	};

	return names[vendor];
}

const char *const *gpu_vendor_kinds(enum gpu_vendor vendor)
{
	/* gpu-bolt: the name that Bolt's capsules ask for. */
	static const char *const nvidia[] = { "nvidia.com/gpu", "nvidia.com/gpu-bolt", NULL };
	static const char *const amd[] = { "amd.com/gpu", NULL };
	static const char *const intel[] = { "intel.com/gpu", NULL };
	static const char *const *const kinds[GPU_VENDOR_COUNT] = {
		[GPU_VENDOR_NVIDIA] = nvidia,
		[GPU_VENDOR_AMD] = amd,
		[GPU_VENDOR_INTEL] = intel,
		/* NVIDIA's user space, on a kernel driver of Microsoft's. */
		[GPU_VENDOR_WSL] = nvidia,
	};

	return kinds[vendor];
}

const char *gpu_state_name(enum gpu_state state)
{
	static const char *const names[] = {
		[GPU_USABLE] = "usable",
		[GPU_LOST] = "lost",
		[GPU_NO_DRIVER] = "no-driver",
		[GPU_RESERVED] = "reserved",
	};

	return names[state];
}
