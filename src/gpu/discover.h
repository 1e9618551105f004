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

/* Where to look; the trees must outlive the call. */
struct discover_trees {
	const struct host_tree *machine; /* procfs, sysfs, and what the others do not have */
	const struct host_tree *driver;  /* a containerised driver's files; NULL: the machine's */
	const struct host_tree *dev;     /* device nodes; NULL: the machine's */
};

int inventory_discover_in(const struct discover_trees *trees, struct inventory **ret_inv,
	struct nvb_error **err);

/* Fills inv->companions from the same trees. Not on the path of a start. */
int inventory_find_companions(struct inventory *inv, const struct discover_trees *trees,
	struct nvb_error **err);

/*
 * Fills the MIG nodes of drivers and GPUs: for a container with the right to make or to watch MIG
 * instances (mig_config and mig_monitor of struct request), and for no other: the driver's table
 * is long. A machine that knows no MIG is success.
 */
int inventory_find_mig_control(struct inventory *inv, const struct discover_trees *trees,
	struct nvb_error **err);

/* Fills GPU names that the driver did not tell from pci.ids. Not on the path of a start. */
int inventory_name_gpus(struct inventory *inv, struct nvb_error **err);
