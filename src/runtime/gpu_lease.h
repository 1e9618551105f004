/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leases of a container that another engine makes. They are taken before anything is changed,
 * and left to their witnesses: this process becomes the low-level runtime, or ends with an error.
 */
#pragma once

#include "oci/container_facts.h"
#include "request/container_request.h"
#include "runtime/arguments.h"
#include "runtime/bundle.h"
#include "runtime/gpu_plan.h"

/* The variable of a container that asks for its GPUs alone, with the words of --isolation. */
#define GPU_LEASE_VARIABLE "NVBIND_ISOLATION"

struct gpu_lease {
	const struct gpu_plan *made;
	const struct oci_facts *facts;
	const struct bundle *bundle;
	const struct runtime_arguments *arguments;
	enum policy_trust accept_exclusive;
};

/*
 * GPUs for one container alone need a witness that lasts: a pid-file or a control group. This
 * process is none, it ends with "create". Errors: those of lease_plan_take(); NVB_ERR_USAGE (the
 * variable's word), NVB_ERR_UNSUPPORTED (no limits are set here, no witness lasts),
 * NVB_ERR_PERMISSION (the policy).
 */
int gpu_lease_take(const struct gpu_lease *lease, struct arena *a, struct nvb_error **err);

/*
 * The container's control group below the top of each hierarchy, or only the end of that (no "/" in
 * front). NULL: it cannot be told. `path` is linux.cgroupsPath, NULL if it is not given.
 * Source: OCI runtime specification, config-linux.md, "Cgroups Path"; runc, docs/systemd.md.
 */
const char *gpu_lease_cgroup(const char *path, bool by_systemd, struct arena *a);
