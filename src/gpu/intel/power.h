/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "gpu/tuning.h"

/* The find_power() of this vendor. */
int intel_find_power(const struct tuning_reader *r, const struct gpu *gpu, struct nvb_error **err);
