/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/requirement_facts.h"

#include "gpu/vendor.h"

int gpu_requirement_facts(const struct inventory *inv, const struct gpu *const *gpus, size_t n,
	struct gpu_requirement_facts *ret)
{
	*ret = (struct gpu_requirement_facts){ 0 };
	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		if ((*ops)->requirement_facts && (*ops)->requirement_facts(inv, gpus, n, ret))
			return 1;
	}
	return 0;
}
