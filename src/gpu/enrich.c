/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/enrich.h"

#include "gpu/vendor.h"

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
