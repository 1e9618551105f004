/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of amdgpu by which power is traded for speed.
 * Source: Linux kernel documentation, gpu/amdgpu/thermal: power_dpm_force_performance_level takes
 * "auto", "low" (the lowest clocks) and "high" (the highest); power1_cap takes microwatts between
 * power1_cap_min and power1_cap_max, and power1_cap_default is what the board came with.
 */
#include <stdio.h>
#include <string.h>

#include "gpu/amd/power.h"

#define DEVICE_PATH "/sys/bus/pci/devices/%s"

/* The only directory in DEVICE/hwmon; NULL: none. */
static const char *find_hwmon(const struct tuning_reader *r, const struct gpu *gpu)
{
	struct string_list names = { 0 };
	char path[128];

	(void)snprintf(path, sizeof(path), DEVICE_PATH "/hwmon", gpu->pci_address);
	if (host_tree_list(r->tree, r->tuning->arena, path, &names) < 0)
		return NULL;
	vec_foreach (const char *, name, &names)
		if (strncmp(*name, "hwmon", strlen("hwmon")) == 0)
			return *name;
	return NULL;
}

static const char *read_cap(
	const struct tuning_reader *r, const struct gpu *gpu, const char *hwmon, const char *name)
{
	const char *value =
		tuning_read_value(r, DEVICE_PATH "/hwmon/%s/%s", gpu->pci_address, hwmon, name);

	/* Some boards say 0, and mean that they do not know. */
	return value && strcmp(value, "0") != 0 ? value : NULL;
}

int amd_find_power(const struct tuning_reader *r, const struct gpu *gpu, struct nvb_error **err)
{
	const char *hwmon = find_hwmon(r, gpu);
	struct tuning_power level = { .gpu = gpu, .maximum = "high", .balanced = "auto" };
	struct tuning_power cap = { .gpu = gpu };
	char path[384];
	int added;

	if (hwmon) {
		cap.maximum = read_cap(r, gpu, hwmon, "power1_cap_max");
		cap.balanced = read_cap(r, gpu, hwmon, "power1_cap_default");
		cap.saver = read_cap(r, gpu, hwmon, "power1_cap_min");
	}
	/* With the least power the clocks find their own way. */
	level.saver = cap.saver ? "auto" : "low";
	(void)snprintf(path, sizeof(path), DEVICE_PATH "/power_dpm_force_performance_level",
		gpu->pci_address);
	level.file.path = path;
	added = tuning_add_power(r, &level, err);
	if (added < 0 || !hwmon)
		return added;
	(void)snprintf(
		path, sizeof(path), DEVICE_PATH "/hwmon/%s/power1_cap", gpu->pci_address, hwmon);
	cap.file.path = path;
	return tuning_add_power(r, &cap, err);
}
