/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an inventory of a machine. Reads procfs, sysfs and driver files; loads no library. */
#pragma once

#include "gpu/inventory.h"

/*
 * A machine without a GPU gives an empty inventory. What is broken (a lost GPU, an unreadable
 * file) is in the GPUs' state and in `warnings`; an error is returned only where nothing can be
 * said: out of memory, no such tree.
 */
int inventory_discover(const struct host_tree *tree, struct inventory **ret_inv,
	struct nvb_error **err);

/* Fills GPU names that the driver did not tell from pci.ids. Not on the path of a start. */
int inventory_name_gpus(struct inventory *inv, struct nvb_error **err);
