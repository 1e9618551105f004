/* SPDX-License-Identifier: Apache-2.0 */
/* gpu/enrich.h for the vendors whose library is NVML. */
#pragma once

#include "gpu/enrich.h"

/* The `enrich` of a vendor's table entry. */
int nvml_enrich(struct inventory *inv, enum gpu_vendor vendor, const struct enrich_options *options,
	struct nvb_error **err);

/*
 * The file of NVML that may be loaded. Returns 1: *ret_path. 0: none; *ret_why says why it must not
 * be loaded, NULL where there is no such file. Both are malloc'd. Errors: NVB_ERR_NO_MEMORY.
 */
int nvml_library_find(const struct inventory *inv, enum gpu_vendor vendor, char **ret_path,
	char **ret_why, struct nvb_error **err);
