/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/enrich.h"

#include "gpu/vendor.h"

/* A worker is started by it even where the program's file was replaced, or is in no place that
 * nobody can reach. */
#define OWN_PROGRAM "/proc/self/exe"
/* NVML initialises in tens of milliseconds, in seconds on a machine without persistence mode. */
#define TIMEOUT_MS 10000

int inventory_enrich(
	struct inventory *inv, const struct enrich_options *options, struct nvb_error **err)
{
	int answered = 0;

	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		int r = (*ops)->enrich ? (*ops)->enrich(inv, (*ops)->vendor, options, err) : 0;

		if (r < 0)
			return r;
		answered |= r;
	}
	return answered;
}

int inventory_ask_library(struct inventory *inv, struct nvb_error **err)
{
	static const struct enrich_options options = { OWN_PROGRAM, TIMEOUT_MS };

	return inventory_enrich(inv, &options, err);
}
