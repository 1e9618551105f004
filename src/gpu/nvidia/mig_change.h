/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and removing MIG instances. The mode of a GPU is never changed, and no GPU is reset.
 * Errors of all: those of nvml_control(). Only root may.
 */
#pragma once

#include "gpu/inventory.h"

/* 1: the GPU is in MIG mode. 0: it is not. */
int mig_change_mode(const struct inventory *inv, const struct gpu *gpu, struct nvb_error **err);
/* How many GPU instances of the profile ("1g.10gb") could be made. NVB_ERR_NOT_FOUND: the GPU has
 * no such profile. */
int mig_change_room(const struct inventory *inv, const struct gpu *gpu, const char *profile,
	uint64_t *ret_n, struct nvb_error **err);
/*
 * `count` GPU instances, each with a compute instance that has all of it: all or none. `start` is
 * where the first (and only) one is placed, or NULL. ret_ids has room for `count`.
 */
int mig_change_create(const struct inventory *inv, const struct gpu *gpu, const char *profile,
	const char *start, size_t count, uint64_t *ret_ids, struct nvb_error **err);
/* With its compute instances. */
int mig_change_destroy(
	const struct inventory *inv, const struct gpu *gpu, uint64_t id, struct nvb_error **err);
