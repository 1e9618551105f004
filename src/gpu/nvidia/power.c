/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/power.h"

#include "gpu/nvidia/nvml_control.h"

int nvidia_power_limit(const struct inventory *inv, const struct gpu *gpu, const char *value,
	uint64_t *ret_milliwatts, struct nvb_error **err)
{
	const char *const get[] = { NVML_GET_POWER_LIMIT, gpu->pci_address, NULL };
	const char *const set[] = { NVML_SET_POWER_LIMIT, gpu->pci_address, value, NULL };

	return nvml_control(inv, value ? set : get, ret_milliwatts, err);
}
