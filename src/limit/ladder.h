/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of limits: what this machine could keep a container within its share with, and doing
 * it.
 *
 *	r = ladder_probe(&probe, &abilities, err);	// for requests that have limits
 *	...						// the planner takes a rung for each GPU
 *	r = ladder_apply(&applying, &applied, err);	// the container is made, and not started
 *	...
 *	ladder_undo(applied);				// it has ended
 *
 * What is applied belongs to the container's control group and ends with it: so nothing is left
 * behind where nobody could undo it. Undoing takes the limit off a group that lives on.
 */
#pragma once

#include "gpu/abilities.h"
#include "lease/lease.h"
#include "plan/plan.h"

struct ladder_probe {
	const struct host_tree *tree;
	struct inventory *inv; /* sizes that are not known are asked of the vendor's library */
	const struct selection *gpus;
	/* inventory_ask_library() or inventory_ask_library_apart(); NULL: nothing is asked. */
	int (*ask_library)(struct inventory *inv, struct nvb_error **err);
	const struct lease_dir *leases; /* NULL: nobody holds anything */
	bool applies; /* the engine calls ladder_apply() before the container starts */
};

/* Borrows the inventory's GPUs. Errors: NVB_ERR_NO_MEMORY; what cannot be read is not usable. */
int ladder_probe(
	const struct ladder_probe *probe, struct machine_abilities **ret, struct nvb_error **err);
void machine_abilities_free(struct machine_abilities *abilities);
DEFINE_FREEP(struct machine_abilities, machine_abilities_free)

struct ladder_applying {
	const struct plan *plan;
	const struct inventory *inv;
	const struct host_tree *tree;
	/* The container's own control group, below /sys/fs/cgroup: "/nvbind/ID". NULL where no
	 * limit needs it: ladder_needs_cgroup(). */
	const char *cgroup;
};

struct ladder_applied;

bool ladder_needs_cgroup(const struct plan *plan);

/*
 * All limits or none. What was written is read again: a limit that did not stick is an error.
 * *ret is NULL where nothing had to be done. Errors: NVB_ERR_UNSUPPORTED, NVB_ERR_PERMISSION,
 * NVB_ERR_IO, NVB_ERR_DRIVER, NVB_ERR_NOT_FOUND, NVB_ERR_NO_MEMORY.
 */
int ladder_apply(const struct ladder_applying *applying, struct ladder_applied **ret,
	struct nvb_error **err);
/* Are all limits still what was applied? Errors: as above. */
int ladder_verify(const struct ladder_applied *applied, struct nvb_error **err);
/* Frees it; NULL is nothing. What cannot be undone is a warning. */
void ladder_undo(struct ladder_applied *applied);
DEFINE_FREEP(struct ladder_applied, ladder_undo)
