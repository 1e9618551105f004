/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What configuration files and the environment say, for one container:
 *
 *	r = config_read_environment(&settings, err);
 *	r = config_load(arena, "/", &files, &config, err);
 *	r = config_merge(&config, &settings, err);
 *	r = config_merge_profile(&config, "competitive", &settings, &base, err);
 *
 * The sources of what is merged decide, not the order.
 */
#pragma once

#include "config/config_file.h"
#include "config/config_search.h"
#include "request/profile.h"

struct config_file_list VEC(struct config_file *);

struct config {
	struct arena *arena;
	struct config_candidate_list candidates;
	struct config_file_list files; /* that count; usually one or none */
	struct string_list warnings;   /* unknown keys, files that were passed over */
};

/*
 * `given` are the files of --config. All goes into `a`. Errors: those of config_search(),
 * NVB_ERR_FORMAT (FILE:LINE:COLUMN and what is wrong).
 */
int config_load(struct arena *a, const char *host_root, const struct string_list *given,
	struct config *ret, struct nvb_error **err);

/* What they say for all containers. NVB_ERR_USAGE: two of them contradict each other. */
int config_merge(const struct config *c, struct settings *into, struct nvb_error **err);

/*
 * What Boltfiles among them say for a service: that of `name`; of files that --config named, else
 * the only one there is. Returns 1 if there is one, 0 if none is meant. NVB_ERR_USAGE: --config
 * named files with several, and `name` is none of them.
 */
int config_merge_service(
	const struct config *c, const char *name, struct settings *into, struct nvb_error **err);

/* NULL: they define no profile of that name. */
const struct config_part *config_find_profile(const struct config *c, const char *name);

/*
 * A profile of theirs with those that it inherits from, and the built-in one that stands below it:
 * *ret_base. Of a name that they do not define, the built-in one. Errors: NVB_ERR_FORMAT (it
 * inherits from itself, or from one that nobody knows), NVB_ERR_USAGE (nobody knows it).
 */
int config_merge_profile(const struct config *c, const char *name, struct settings *into,
	const struct profile **ret_base, struct nvb_error **err);

/* The first profile of theirs that cannot be merged: see config_merge_profile(). */
int config_check_profiles(const struct config *c, struct nvb_error **err);

/* The variables that stand for knobs. BOLT_GPU_ENABLED=0 is devices=none. NVB_ERR_USAGE. */
int config_read_environment(struct settings *into, struct nvb_error **err);
/* Their names, for the manual; NULL behind the last. */
const char *config_variable(size_t i, const struct knob **ret_knob);
