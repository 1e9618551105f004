/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gpu/inventory.h"

/* The power_limit() of this vendor. */
int nvidia_power_limit(const struct inventory *inv, const struct gpu *gpu, const char *value,
	uint64_t *ret_milliwatts, struct nvb_error **err);
