/* SPDX-License-Identifier: Apache-2.0 */
/* Into how many slices of compute MIG divides a GPU. */
#pragma once

#include "gpu/inventory.h"

/* 0: unknown. */
unsigned mig_slices_of(const struct gpu *gpu);
