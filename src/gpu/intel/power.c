/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frequency files of i915 and xe, in MHz. The most power: the least frequency is the highest.
 * The least power: the highest is the efficient one. What lies between is the driver's default.
 * Source: Linux, xe_gt_freq.c (tileN/gtN/freq0: rp0_freq the highest, rpe_freq the efficient one);
 * i915_sysfs.c (drm/cardN: gt_RP0_freq_mhz, gt_RP1_freq_mhz), which write to all GTs.
 */
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "gpu/intel/power.h"

#define MAX_TILES 8
#define MAX_GTS	  16

/* `directory` with the names of its files: of the highest, the efficient, the limits. */
struct frequency_names {
	const char *highest, *efficient, *least, *most;
};

static int add_frequencies(const struct tuning_reader *r, const struct gpu *gpu,
	const char *directory, const struct frequency_names *names, struct nvb_error **err)
{
	struct tuning_power least = { .gpu = gpu }, most = { .gpu = gpu };
	char path[256];
	int added;

	least.maximum = tuning_read_value(r, "%s/%s", directory, names->highest);
	most.saver = tuning_read_value(r, "%s/%s", directory, names->efficient);
	(void)snprintf(path, sizeof(path), "%s/%s", directory, names->least);
	least.file.path = path;
	added = tuning_add_power(r, &least, err);
	if (added < 0)
		return added;
	(void)snprintf(path, sizeof(path), "%s/%s", directory, names->most);
	most.file.path = path;
	return tuning_add_power(r, &most, err);
}

static int find_xe(const struct tuning_reader *r, const struct gpu *gpu, struct nvb_error **err)
{
	static const struct frequency_names names = { "rp0_freq", "rpe_freq", "min_freq",
		"max_freq" };

	for (unsigned tile = 0; tile < MAX_TILES; tile++)
		for (unsigned gt = 0; gt < MAX_GTS; gt++) {
			char directory[192];
			int added;

			(void)snprintf(directory, sizeof(directory),
				"/sys/bus/pci/devices/%s/tile%u/gt%u/freq0", gpu->pci_address, tile,
				gt);
			added = add_frequencies(r, gpu, directory, &names, err);
			if (added < 0)
				return added;
		}
	return 0;
}

static int find_i915(const struct tuning_reader *r, const struct gpu *gpu, struct nvb_error **err)
{
	static const struct frequency_names names = { "gt_RP0_freq_mhz", "gt_RP1_freq_mhz",
		"gt_min_freq_mhz", "gt_max_freq_mhz" };
	char directory[192];

	if (!gpu->card_node)
		return 0;
	(void)snprintf(directory, sizeof(directory), "/sys/bus/pci/devices/%s/drm/%s",
		gpu->pci_address, path_base_name(gpu->card_node));
	return add_frequencies(r, gpu, directory, &names, err);
}

int intel_find_power(const struct tuning_reader *r, const struct gpu *gpu, struct nvb_error **err)
{
	return strcmp(gpu->driver, "xe") == 0 ? find_xe(r, gpu, err) : find_i915(r, gpu, err);
}
