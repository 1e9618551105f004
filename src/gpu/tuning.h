/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a machine can be tuned for as long as a container runs: files of sysfs with what they
 * take. Read on demand, for requests that tune something; the planner reads it and nothing else.
 * What the machine does not have is absent.
 */
#pragma once

#include "gpu/inventory.h"

struct tuning_file {
	const char *path;      /* as the machine sees it */
	const char *host_path; /* to open from outside of the tree */
	const char *current;   /* one line */
	/* 0: we may write to it; else the errno that says why not. Of a simulated machine always 0.
	 */
	int write_errnum;
};

/* A file of one GPU, and what it has to hold for each power profile. NULL: leave it as it is. */
struct tuning_power {
	const struct gpu *gpu;
	struct tuning_file file;
	const char *maximum, *balanced, *saver;
};

struct tuning_power_list VEC(struct tuning_power);

/* CPUs that have one frequency. */
struct tuning_cpus {
	struct tuning_file governor;
	const char *governors; /* those that it can have, separated by blanks; NULL: unknown */
};

struct tuning_cpus_list VEC(struct tuning_cpus);

struct tuning_node {
	int numa_node;
	const char *cpus; /* "0-15,32-47" */
};

struct tuning_node_list VEC(struct tuning_node);

struct machine_tuning {
	struct arena *arena;
	struct tuning_power_list power;
	struct tuning_cpus_list cpus;
	struct tuning_file huge_pages; /* the number of those of 2 MiB; path NULL: there are none */
	struct tuning_node_list nodes; /* of the inventory's GPUs, each once */
	const char *online_cpus;       /* "0-95"; NULL: unknown */
	int control_errnum; /* 0: we may change what drivers' libraries do; as write_errnum */
};

/* Borrows the inventory's GPUs. Errors: NVB_ERR_NO_MEMORY; what cannot be read is absent. */
int machine_tuning_read(const struct host_tree *tree, const struct inventory *inv,
	struct machine_tuning **ret, struct nvb_error **err);
void machine_tuning_free(struct machine_tuning *tuning);
DEFINE_FREEP(struct machine_tuning, machine_tuning_free)

/* True if its power limit is set through the driver's library, by gpu_power_limit(). */
bool gpu_has_power_limit(const struct inventory *inv, const struct gpu *gpu);
/*
 * The power limit of the GPU at this PCI address, after it was set to "max", "default" or "min",
 * which the board decides, or to milliwatts; `value` NULL: it is not set. A process that loads the
 * driver's library does it, which may take seconds. Errors: NVB_ERR_NOT_FOUND (no such GPU),
 * NVB_ERR_UNSUPPORTED (the board or its library has none), NVB_ERR_PERMISSION, NVB_ERR_DRIVER.
 */
int gpu_power_limit(const struct inventory *inv, const char *pci_address, const char *value,
	uint64_t *ret_milliwatts, struct nvb_error **err);

/* For the vendors. */
struct tuning_reader {
	const struct host_tree *tree;
	struct machine_tuning *tuning;
};

/* The value of sysfs at the formatted path; NULL: none, or no memory. */
const char *tuning_read_value(const struct tuning_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The file at `path`, if it is there and takes anything else than it has. */
int tuning_add_power(
	const struct tuning_reader *r, const struct tuning_power *power, struct nvb_error **err);
