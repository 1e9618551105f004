/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the NVIDIA container toolkit, as this machine has them set up. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "gpu/inventory.h"
#include "request/selector.h"

/*
 * Found in the system's directories, or what NVBIND_BENCH_NVIDIA_RUNTIME and
 * NVBIND_BENCH_NVIDIA_CTK name. Errors: NVB_ERR_NOT_FOUND; NVB_ERR_UNSUPPORTED: on a simulated
 * machine they would look at the real one.
 */
int toolkit_find_runtime(
	struct arena *a, const char *host_root, const char **ret, struct nvb_error **err);
int toolkit_find_ctk(
	struct arena *a, const char *host_root, const char **ret, struct nvb_error **err);

/*
 * Checks that it would start the same low-level runtime: else the two would be compared, and not
 * what stands in front of them. Errors: NVB_ERR_UNSUPPORTED.
 */
int toolkit_check_low_level(const char *runtime, bool is_crun, struct nvb_error **err);

/* The variable by which a container asks it for these GPUs. Errors: NVB_ERR_UNSUPPORTED. */
int toolkit_request(struct arena *a, const struct inventory *inv, const struct selection *gpus,
	const char **ret, struct nvb_error **err);
