/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/plan: which of a GPU's partitions is as large as a container's share. */
#pragma once

#include "gpu/abilities.h"
#include "request/selector.h"

/* 0: not limited, or unknown. */
struct plan_share {
	uint64_t memory_bytes;
	unsigned percent;
};

/*
 * The smallest free partition that is large enough, and not more than twice as large; the one that
 * was selected by name may be smaller. NULL: none, and *ret_why says why.
 */
const struct gpu_partition *plan_partitions_fit(const struct selected_gpu *item,
	const struct gpu_abilities *able, const struct plan_share *wanted,
	struct plan_share *ret_has, const char **ret_why);

/* The largest that nobody holds; NULL: none. */
const struct gpu_partition *plan_partitions_largest(
	const struct gpu *gpu, const struct gpu_abilities *able);
