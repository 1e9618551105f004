/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds what a plan holds to an existing config.json. Everything else in the document, known or
 * not, stays as it is and where it is; 64-bit numbers keep their digits.
 * Source: OCI runtime specification 1.0.2, config.md and config-linux.md.
 */
#pragma once

#include <json-c/json.h>

#include "plan/plan.h"

/* Where a container is made from the document as it stands, by somebody else. */
struct oci_edit_options {
	/*
	 * Nodes and mounts that the document has on the plan's places stay, each with a warning if
	 * the plan's differs; its mounts keep their order, and the plan's go where they neither cover
	 * one of them nor are covered.
	 */
	bool keep_own;
	int root_fd; /* with keep_own: the container's root, which tells where destinations lead */
	int bundle_fd; /* with keep_own: where its relative sources begin */
	/*
	 * With keep_own: makes a link of the plan in the container's root. Where it cannot, or where
	 * a mount of the document would hide it, the link becomes a mount. Called when nothing but
	 * memory can keep the rest of the plan out any more. NULL: all links become mounts.
	 */
	bool (*make_link)(void *user, const struct plan_link *link);
	void *link_user;
	/* A runtime binds nodes there, and from the very path: others must be mounts. */
	bool user_namespace;
	struct arena *arena; /* of the warnings; with keep_own */
	struct string_list *warnings;
};

/*
 * Environment (a name that is set is replaced), device nodes with their cgroup rules, network
 * devices, RDT, mounts (all of them sorted then: parents before what lies below them) with links as
 * mounts, hooks and group ids. What the plan has nothing of is left alone. A node or mount takes the place of
 * one with the same path. Errors: NVB_ERR_FORMAT (the document is no container configuration).
 */
int oci_edit_plan(struct json_object *config, const struct plan *plan, struct nvb_error **err);

/* The same with options. */
int oci_edit_plan_with(struct json_object *config, const struct plan *plan,
	const struct oci_edit_options *options, struct nvb_error **err);
