/* SPDX-License-Identifier: Apache-2.0 */
/* gpu/enrich.h for the vendors whose library is NVML. */
#pragma once

#include "gpu/enrich.h"

/* The `enrich` of a vendor's table entry. */
int nvml_enrich(struct inventory *inv, enum gpu_vendor vendor, const struct enrich_options *options,
	struct nvb_error **err);
