/* SPDX-License-Identifier: Apache-2.0 */
/* The leases that a plan's container needs: the one call of every engine. */
#pragma once

#include "lease/lease.h"
#include "plan/plan.h"

struct lease_plan {
	const struct plan *plan;
	const struct host_tree *tree;			 /* whose processes may use the GPUs */
	const char *holder, *engine, *pid_file, *cgroup; /* as of struct lease_request */
	bool keep_lock;
};

/*
 * *ret_lease is NULL where nothing is to be held: a plan without GPUs, or a shared one of a user
 * who has no place for leases; nobody else of his could hold one either. With `ret_lease` NULL, the
 * lease is left to its witnesses at once: the process becomes another program. Exclusive GPUs must
 * have no foreign users. Errors: those of lease_dir_open() and lease_take(); NVB_ERR_BUSY.
 */
int lease_plan_take(
	const struct lease_plan *request, struct lease **ret_lease, struct nvb_error **err);
