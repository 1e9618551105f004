/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies the edits of CDI devices to a plan, as the specification's "Applying edits" and the
 * reference implementation do: each spec's own edits once, before those of its devices; a node
 * or mount replaces an earlier one of its path; a node without a major number takes both from the
 * host's node. What the user set with -e stays.
 *
 * Mounts of a spec name places that nobody has resolved in the container's root: the engine
 * resolves them there.
 */
#pragma once

#include "cdi/registry.h"
#include "host/tree.h"
#include "plan/plan.h"

struct cdi_apply_options {
	const struct cdi_found_list *devices;
	const struct host_tree *tree;        /* below a simulated root, stand-ins count as nodes */
	const struct string_list *user_env;  /* NAME=VALUE; NULL: none */
};

/*
 * The plan takes copies of nothing: the registry must outlive it.
 * Errors: NVB_ERR_DRIVER (a node or a mount's source does not exist: a stale spec; a node of
 * another type), NO_MEMORY.
 */
int cdi_apply_to_plan(const struct cdi_apply_options *options, struct plan *plan,
	struct nvb_error **err);
