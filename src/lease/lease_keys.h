/* SPDX-License-Identifier: Apache-2.0 */
/* The GPUs of a plan as keys of leases. */
#pragma once

#include "lease/lease.h"
#include "plan/plan.h"

/* Strings go into `a`. Errors: NVB_ERR_NO_MEMORY. */
int lease_keys_of(const struct selection *gpus, struct arena *a, struct lease_key_list *ret,
	struct nvb_error **err);

/* The name of a GPU's file, and of a partition in it; NULL: out of memory. */
const char *lease_key_of_gpu(const struct gpu *gpu, struct arena *a);
const char *lease_key_of_partition(const struct gpu_partition *partition, struct arena *a);
