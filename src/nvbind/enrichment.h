/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the vendor's library through this very program: see gpu/enrich.h. */
#pragma once

#include "gpu/inventory.h"

/* 1: the library answered; 0: it did not, the inventory holds a warning if it should have. */
int enrichment_run(struct inventory *inv, struct nvb_error **err);
