/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could keep a container within its share of a GPU, on this machine, now: found out by
 * src/limit for requests with limits, read by the pure planner. See research in the table of
 * docs/LIMITS.md. Unknown is 0 or NULL.
 */
#pragma once

#include "gpu/inventory.h"

/* From strong to weak; the planner takes the first that does all that was asked for. */
enum limit_rung {
	LIMIT_MIG,	       /* an existing instance that is large enough */
	LIMIT_NVML_MEMORY_MPS, /* driver memory limit (R615) and a static MPS partition of SMs */
	LIMIT_NVML_MEMORY,     /* driver memory limit alone */
	LIMIT_MPS,	       /* MPS: pinned memory limit, ceiling on threads */
	LIMIT_PARTITION,       /* AMD: an existing compute partition */
	LIMIT_DMEM,	       /* dmem cgroup: memory alone */
	LIMIT_VF,	       /* Intel: an existing virtual function */
	LIMIT_RUNG_COUNT,
};

/* What a rung bounds, and whose GPUs it is for. */
struct limit_rung_facts {
	const char *name;  /* "mig", "nvml-memory+mps", ... */
	const char *title; /* for people: "MIG instance" */
	bool memory, compute;
	unsigned vendors; /* bits: 1 << GPU_VENDOR_... */
};

/* A partition that another container holds. */
struct held_partition {
	const struct gpu_partition *partition;
	const char *holder;
};

struct held_partition_list VEC(struct held_partition);

struct gpu_abilities {
	const struct gpu *gpu;
	uint64_t total_memory_bytes;
	/* For each rung: NULL if it can be used, else why not, with the minimum that it needs. */
	const char *unusable[LIMIT_RUNG_COUNT];
	bool mps_static_partitions; /* of SMs: CUDA 13.1, Ampere */
	unsigned sm_chunks;	    /* how many there are to give; 0: unknown */
	const char *dmem_region;    /* "drm/0000:03:00.0/vram" */
	unsigned mig_slices;	    /* of compute, of the whole GPU; 0: unknown */
	struct held_partition_list held;
};

struct gpu_abilities_list VEC(struct gpu_abilities);

struct machine_abilities {
	struct arena *arena;
	struct gpu_abilities_list gpus; /* of the selected ones, in the inventory's order */
	bool cgroup_v2;
	const char *mps_control; /* program's path */
	bool is_root;
};

const struct limit_rung_facts *limit_rung_get(enum limit_rung rung);
const char *limit_rung_name(enum limit_rung rung);

/* NULL: nothing is known of this GPU. */
const struct gpu_abilities *machine_abilities_of(
	const struct machine_abilities *machine, const struct gpu *gpu);
