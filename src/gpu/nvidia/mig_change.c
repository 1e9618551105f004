/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/mig_change.h"

#include "base/log.h"
#include "gpu/nvidia/nvml_control.h"

/* `a` and `b`: NULL for none. */
static int control(const struct inventory *inv, const struct gpu *gpu, const char *verb,
	const char *a, const char *b, uint64_t *ret, struct nvb_error **err)
{
	const char *const words[] = { verb, gpu->pci_address, a, b, NULL };

	if (gpu->vendor != GPU_VENDOR_NVIDIA || !gpu->pci_address)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "GPU %u has no MIG", gpu->index);
	return nvml_control(inv, words, ret, err);
}

int mig_change_mode(const struct inventory *inv, const struct gpu *gpu, struct nvb_error **err)
{
	uint64_t mode = 0;
	int r = control(inv, gpu, NVML_MIG_MODE, NULL, NULL, &mode, err);

	return r < 0 ? r : mode == 1;
}

int mig_change_room(const struct inventory *inv, const struct gpu *gpu, const char *profile,
	uint64_t *ret_n, struct nvb_error **err)
{
	return control(inv, gpu, NVML_MIG_ROOM, profile, NULL, ret_n, err);
}

int mig_change_destroy(
	const struct inventory *inv, const struct gpu *gpu, uint64_t id, struct nvb_error **err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
	return control(inv, gpu, NVML_MIG_DESTROY, text, NULL, NULL, err);
}

int mig_change_create(const struct inventory *inv, const struct gpu *gpu, const char *profile,
	const char *start, size_t count, uint64_t *ret_ids, struct nvb_error **err)
{
	for (size_t n = 0; n < count; n++) {
		int r = control(
			inv, gpu, NVML_MIG_CREATE, profile, start ? start : "-", &ret_ids[n], err);

		if (r >= 0)
			continue;
		while (n-- > 0) {
			_cleanup_error_ struct nvb_error *problem = NULL;

			if (mig_change_destroy(inv, gpu, ret_ids[n], &problem) < 0)
				log_warning("GPU instance %llu of GPU %u is left over: %s",
					(unsigned long long)ret_ids[n], gpu->index,
					nvb_error_message(problem));
		}
		return r;
	}
	return 0;
}
