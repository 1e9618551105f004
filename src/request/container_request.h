/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container that another engine starts asks for: read from its environment, its
 * annotations and its mounts, as far as the policy of the machine lets it.
 *
 * Pure: no system call. Everything in here comes from an image or a user and is hostile.
 *
 * Which source counts, the first that asks for anything:
 *	1. annotations "cdi.k8s.io/...": CDI names
 *	2. mounts of /dev/null below /var/run/nvidia-container-devices/: one device each
 *	3. NVBIND_GPU: a selector for the GPUs of all vendors
 *	4. the vendors' variables, together: NVIDIA_VISIBLE_DEVICES (or the swarm resources that
 *	   stand for it), AMD_VISIBLE_DEVICES, and those of CONTAINER_REQUEST_FILTERS
 *
 * A source that says "nothing" ends the search as well: NVBIND_GPU=none is how a user takes the
 * GPUs from an image that says NVIDIA_VISIBLE_DEVICES=all.
 *
 * NVBIND_GPU never widens and is never widened. Any of these may be the image's and another one
 * the user's or a scheduler's, and nobody can tell which. So where NVBIND_GPU counts, the vendors'
 * own lists bound what it takes of their GPUs, and where annotations or mounts count, NVBIND_GPU
 * bounds them: see struct container_bound. Under Podman the vendors' lists bound annotations too;
 * elsewhere these are a device plugin's, and the lists may be the image's.
 * As a bound, a vendor's list that is set to nothing is "void".
 *
 * Source: NVIDIA Container Toolkit documentation, "Specialized Configurations with Docker";
 * AMD Container Toolkit documentation, "Running Workloads".
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "gpu/capability.h"
#include "gpu/inventory.h"
#include "request/vocabulary.h"

/*
 * Variables that programs read themselves, to use fewer of the GPUs that they see: X(variable,
 * vendor, grammar). Their numbers count what the process sees, from 0: with GPU 1 alone inside, a
 * process that is told "1" would find none. So a filter never chooses GPUs here. It asks for all
 * of its vendor's, the process then takes its own, and only
 *	- where nothing else asks: no list of any vendor, no guess from CUDA_VERSION;
 *	- where its vendor's own list (AMD_VISIBLE_DEVICES) is not set, not even to nothing;
 *	- if the machine has any: batch systems set these for every GPU job, whatever the vendor
 *	  (Slurm sets ROCR_VISIBLE_DEVICES and ZE_AFFINITY_MASK beside CUDA_VISIBLE_DEVICES).
 * CUDA_VISIBLE_DEVICES is none of them: NVIDIA's images have NVIDIA_VISIBLE_DEVICES, and no runtime
 * ever took the former for a request.
 *
 * Source: ROCm documentation, "GPU isolation techniques"; Level Zero specification, "Environment
 * Variables"; DPC++ documentation, "ONEAPI_DEVICE_SELECTOR"; Slurm, gres.conf(5).
 */
#define CONTAINER_REQUEST_FILTERS(X)                             \
	X("ROCR_VISIBLE_DEVICES", GPU_VENDOR_AMD, FILTER_LIST)   \
	X("HIP_VISIBLE_DEVICES", GPU_VENDOR_AMD, FILTER_LIST)    \
	X("GPU_DEVICE_ORDINAL", GPU_VENDOR_AMD, FILTER_LIST)     \
	X("ZE_AFFINITY_MASK", GPU_VENDOR_INTEL, FILTER_LIST)     \
	X("ONEAPI_DEVICE_SELECTOR", GPU_VENDOR_INTEL, FILTER_ONEAPI)

struct container_pair {
	const char *key, *value; /* an annotation; or a mount: destination, source */
};

struct container_pair_list VEC(struct container_pair);

/* The facts of one config.json. Strings are borrowed. */
struct container_facts {
	const struct string_list *env; /* as in process.env: of one name the last counts */
	const struct container_pair_list *annotations, *mounts;
	bool privileged; /* CAP_SYS_ADMIN in the bounding set, and no user namespace of its own */
	bool podman;	 /* Podman made it: no cluster, and before 4.6 annotations may be the image's */
};

/* Who may ask in which way. */
enum policy_trust {
	POLICY_NEVER,
	POLICY_PRIVILEGED, /* containers with CAP_SYS_ADMIN */
	POLICY_ALWAYS,
};

struct container_policy {
	enum policy_trust accept_environment;   /* default POLICY_ALWAYS, as the field does */
	enum policy_trust accept_volume_mounts; /* default POLICY_NEVER */
	/* Default as accept_environment: engines set them, but Podman before 4.6 takes them from
	 * images too. */
	enum policy_trust accept_annotations;
	enum policy_trust accept_exclusive;	/* of NVBIND_ISOLATION; default as those */
	struct string_list annotation_prefixes; /* default "cdi.k8s.io/" */
	struct string_list swarm_resources;     /* names of variables; default none */
	/* CDI kinds that an environment may name without privileges, beside those of GPU vendors. */
	struct string_list environment_kinds;
	capability_set capabilities;            /* the most a container may have; default all */
	bool disable_require;
	bool ignore_imex_channels;
};

enum container_source {
	CONTAINER_SOURCE_NONE,
	CONTAINER_SOURCE_ANNOTATIONS,
	CONTAINER_SOURCE_MOUNTS,
	CONTAINER_SOURCE_NVBIND,  /* NVBIND_GPU */
	CONTAINER_SOURCE_VENDORS, /* the vendors' variables */
};

/* What a container may have at most of the GPUs of a vendor, or of all. */
struct container_bound {
	const char *variable; /* that says so */
	enum gpu_vendor vendor;
	bool all_vendors;
	/* As those of the request: a GPU must be one of them. Empty: none may be given. */
	struct string_list selectors;
	/* It leaves NVIDIA's driver files where it leaves no GPU: NVIDIA_VISIBLE_DEVICES=none. */
	bool driver_only;
};

struct container_bound_list VEC(struct container_bound);

struct container_request {
	/* NONE: the container asks for nothing and must stay as it is, to the byte. */
	enum container_source source;
	/* For selector_split_foreign() and selector_resolve(): "nvidia.com/gpu=all", "amd.com/gpu=1",
	 * CDI names of others. Each once, in the order given. */
	struct string_list selectors;
	/* The variable or annotation that asked, for messages; of several one. */
	const char *asker;
	/* All of them hold. They say nothing of devices that others define, but for those under the
	 * domain of a GPU vendor that the bound is for: these must be among its selectors, or all of
	 * the vendor's. */
	struct container_bound_list bounds;
	/*
	 * Asked for if the machine has any: "amd.com/gpu=all", from CONTAINER_REQUEST_FILTERS. Filled
	 * only where `selectors` is empty and `driver_only` false. To be resolved one by one: one that
	 * finds no GPU (NVB_ERR_NO_GPU) is left out, and where none finds any, the container asks for
	 * nothing: it stays as it is, to the byte.
	 */
	struct string_list optional_selectors;
	/* NVIDIA's driver files and control nodes without a GPU: NVIDIA_VISIBLE_DEVICES=none. Never
	 * with a selector. */
	bool driver_only;
	capability_set capabilities;
	bool capabilities_given; /* false: the default, or the profile's */
	enum workload_profile profile;
	/*
	 * "cuda>=12.0 brand=tesla,driver>=535": one per variable, all must hold. Empty if the check is
	 * switched off. They are about NVIDIA's GPUs: where none of these is selected in the end
	 * (NVBIND_GPU=0 names one of any vendor), they do not count.
	 */
	struct string_list requirements;
	bool mig_config, mig_monitor;
	/* CDI names of devices beside the GPUs: "nvidia.com/gds=all", "nvidia.com/imex-channel=7". */
	struct string_list companions;
	/* What was ignored, and why. */
	struct string_list warnings;
	/* With NONE: the sentence about a request that the policy does not take; NULL: none was
	 * made. */
	const char *refused;
};

/*
 * Strings go into `a` or are borrowed from the facts. A source that the policy forbids is ignored
 * with a warning. Errors: NVB_ERR_USAGE (a value that is not the grammar, an unknown capability),
 * NVB_ERR_PERMISSION (MIG configuration without privileges, a CDI kind that an environment may not
 * name), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int container_request_make(const struct container_facts *facts,
	const struct container_policy *policy, struct arena *a, struct container_request *ret,
	struct nvb_error **err);

/*
 * False: whatever container `json` describes, container_request_make() finds no request in it and
 * has nothing to say, under this policy. Does not parse; `json` may be no JSON at all.
 */
bool container_request_is_possible(
	const char *json, size_t length, const struct container_policy *policy);

/* The policy where the machine has none of its own. Static text only. */
extern const struct container_policy container_policy_default;
