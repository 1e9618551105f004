/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a container asks for to its plan: the one way for the runtime, the hook and the
 * command line that enter a container by name.
 *
 *	_cleanup_(gpu_plan_done) struct gpu_plan gpu_plan = GPU_PLAN_INIT;
 *
 *	r = gpu_plan_make(&request, policy, root_fd, &gpu_plan, err);
 *	...
 *	r = oci_edit_plan(config, gpu_plan.plan, err);
 */
#pragma once

#include "cdi/registry.h"
#include "gpu/discover.h"
#include "plan/plan.h"
#include "request/container_request.h"
#include "request/runtime_policy.h"

struct gpu_plan {
	struct arena *arena;
	struct host_tree tree;
	struct inventory *inv;
	struct cdi_registry *registry; /* NULL: no device of a CDI specification was asked for */
	struct container_root *root;
	struct plan *plan;
};

#define GPU_PLAN_INIT                                                                              \
	{                                                                                          \
		.tree = HOST_TREE_INIT                                                             \
	}

/*
 * root_fd is the container's root directory. Checks requirements, adds devices beside the GPUs
 * and those of CDI specifications. plan->warnings has all that there is to say, the machine's own
 * warnings among them; where there is no plan, those are logged: they may tell why.
 * Returns 1; 0 and a plan of nothing if the request names GPUs only for machines that have some,
 * and this one has none, or if its bounds leave none: the container stays as it is.
 * Errors: as selector_resolve(), plan_make(), requirement_check(), cdi_registry_resolve().
 */
int gpu_plan_make(const struct container_request *request, const struct runtime_policy *policy,
	int root_fd, struct gpu_plan *ret, struct nvb_error **err);
void gpu_plan_done(struct gpu_plan *gpu_plan);
