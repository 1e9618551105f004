/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a machine still has what a specification names. A stale specification is the most
 * common reason for a container that does not start: after a driver update its files are gone, or
 * are those of another version than the kernel's.
 */
#pragma once

#include "cdi/spec.h"
#include "gpu/inventory.h"
#include "host/tree.h"

/* A specification with more findings than this is described well enough. */
#define CDI_FINDING_LIMIT 256

struct cdi_finding {
	const char *field;   /* "devices[0].containerEdits.mounts[2].hostPath" */
	const char *message; /* one line: "'/usr/lib/libx.so.1' does not exist" */
};

struct cdi_finding_list VEC(struct cdi_finding);

/*
 * Looks for nodes with their numbers, sources of bind mounts, hook programs, and file names that
 * carry a driver version other than `driver_version` (NULL: none runs). A path is looked up below
 * the tree's root, whether or not it begins with that root. What two devices name is found once.
 * Strings live in the arena. Errors: NVB_ERR_NO_MEMORY.
 */
int cdi_spec_find_missing(const struct cdi_spec *spec, const struct host_tree *tree,
	const char *driver_version, struct arena *a, struct cdi_finding_list *ret,
	struct nvb_error **err);

/* The version of the driver that the spec's vendor has here; NULL: none, or not known. */
const char *cdi_spec_driver_version(const struct cdi_spec *spec, const struct inventory *inv);
