/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One start of a container as an engine does it: "create", then "start", by a program that takes
 * the arguments of an OCI runtime. Both are timed, the removal is not. Each start finds its
 * configuration as the engine would have written it.
 */
#pragma once

#include "bench/place.h"

#include <stdbool.h>
#include <stdint.h>

/* What all variants share. Strings are borrowed. */
struct start_setup {
	struct arena *arena;
	const struct place *place;
	const char *runtime;   /* nvbind-runtime */
	const char *low_level; /* crun or runc */
	const char *nothing;   /* a program that ends at once */
	const char *host_root; /* "/" or a simulated machine */
	bool device_cgroup;    /* as of struct low_level_runtime */
	bool disable_cgroups;  /* crun, where it could not make one */
	unsigned n_variants;   /* made so far */
};

struct start_variant;

/*
 * `program` on a bundle of its own. `request`: the variable of the container that asks for GPUs;
 * NULL: none. In the arena.
 */
int start_variant_new(struct start_setup *setup, const char *program, const char *request,
	struct start_variant **ret, struct nvb_error **err);

/* The low-level runtime on what nvbind-runtime makes of the configuration. */
int start_variant_new_edited(struct start_setup *setup, const char *request,
	struct start_variant **ret, struct nvb_error **err);

/* A measure_fn; target: a struct start_variant. */
int start_variant_run(void *target, int64_t *ret_ns, struct nvb_error **err);

/* The peak memory of nvbind-runtime itself when it creates. Errors: as process_peak(). */
int start_variant_peak(
	struct start_setup *setup, const char *request, int64_t *ret_bytes, struct nvb_error **err);
