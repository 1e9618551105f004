/* SPDX-License-Identifier: Apache-2.0 */
/* What bench-micro times: tables of steps, and what they all work on. */
#pragma once

#include "cdi/spec.h"
#include "gpu/inventory.h"
#include "host/container_root.h"
#include "host/tree.h"
#include "plan/plan.h"
#include "request/request.h"
#include "runtime/bundle.h"

struct micro_text {
	char *data;
	size_t length;
};

struct ldcache_library;

/* Made once; the steps only read it. */
struct micro {
	struct arena *arena;
	struct host_tree tree;
	int root_fd;			   /* the container's root */
	const char *host, *root, *scratch; /* a directory of our own, for the cache and a bundle */

	struct inventory *inv;
	struct request request;
	struct string_list dirs, names;
	struct container_root *facts;
	struct plan *plan;

	struct micro_text *configs; /* configurations as engines write them */
	size_t n_configs;
	struct micro_text cdi_json, cdi_yaml;
	struct cdi_spec *spec;
	struct ldcache_library *libraries;
	size_t n_libraries;
	const void *older_cache; /* of an image */
	size_t older_cache_size;
};

/* What one step made. It is released when the clock stands. */
struct micro_result {
	struct arena *arena; /* empty at the start of every step */
	struct inventory *inv;
	struct container_root *facts;
	struct plan *plan;
	struct cdi_spec *spec;
	struct json_object *json;
	struct bundle bundle;
	char *text;
	size_t length;
};

struct micro_step {
	const char *key, *name;
	unsigned batch; /* 0: 1 */
	bool cold; /* reads files of the machine: worth timing with empty caches of the kernel */
	/* 0, MICRO_AGAIN, or an error. */
	int (*run)(const struct micro *m, size_t variant, struct micro_result *ret,
		struct nvb_error **err);
	size_t variant;
	/* NULL, or what goes before, untimed. */
	int (*prepare)(const struct micro *m, size_t variant, struct nvb_error **err);
};

#define MICRO_MAX_STEPS 32
#define MICRO_AGAIN	1 /* something else was done than what is to be timed */

/* Each fills its part of *m, and returns its steps behind those that are there. */
int micro_start_init(struct micro *m, struct nvb_error **err);
size_t micro_start_steps(const struct micro *m, struct micro_step *steps);
int micro_formats_init(struct micro *m, struct nvb_error **err);
size_t micro_formats_steps(const struct micro *m, struct micro_step *steps);
int micro_lease_init(struct micro *m, struct nvb_error **err);
size_t micro_lease_steps(const struct micro *m, struct micro_step *steps);
