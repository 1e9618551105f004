/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's config.json from a plan.
 * Source: OCI runtime specification 1.0.2, config.md and config-linux.md.
 */
#pragma once

#include "plan/plan.h"

/* What a container needs beside its plan. Strings are borrowed. */
struct oci_container {
	const char *root_path; /* absolute, seen from where the low-level runtime runs */
	bool root_read_only;
	/* The root is the machine's own: hide its running state (/run, /tmp and their sockets). */
	bool root_is_host;
	const char *hostname;
	const char *cwd;
	const struct string_list *args;
	const struct string_list *env; /* NAME=VALUE, complete */
	uint32_t uid, gid;
	struct gid_list gids; /* of the user; the plan's are added */
	bool terminal;
	bool host_network;
	/* Inside a user namespace: nodes are bound, no cgroup, no group list. */
	bool rootless;
	const char *cgroup_path; /* NULL: the runtime manages no cgroup */
	/* Without a device cgroup a container that can mknod could reach every device. */
	bool device_cgroup;
	/* In order: before the plan's (hosts, resolv.conf). Destinations are resolved. */
	const struct plan_mount_list *extra_mounts;
	/* The plan's mounts with destinations as resolved in the root. */
	const struct plan_mount_list *mounts;
};

/* *ret_text is malloc'd JSON. Errors: NVB_ERR_FORMAT (a text that is not UTF-8), NO_MEMORY. */
int oci_config_format(const struct plan *plan, const struct oci_container *container,
	char **ret_text, size_t *ret_length, struct nvb_error **err);

/* True for nodes that go in as bind mounts rather than by number. */
bool oci_node_is_bound(const struct plan_node *node, bool rootless);
