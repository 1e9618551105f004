/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/enrichment.h"

#include "gpu/enrich.h"

int enrichment_run(struct inventory *inv, struct nvb_error **err)
{
	return inventory_ask_library(inv, err);
}
