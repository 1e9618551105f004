/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in profiles, from profiles.def: values of knobs under a name. Profiles of a
 * configuration file stand on one of them (config/config.h).
 */
#pragma once

#include "request/settings.h"

enum profile_id {
	PROFILE_ID_NONE,
#define PROFILE(id, ...) PROFILE_ID_##id,
#define SET(...)
#define STAND_IN(...)
#include "request/profiles.def"
#undef PROFILE
#undef SET
#undef STAND_IN
	PROFILE_ID_COUNT,
};

struct profile {
	enum profile_id id;
	const char *name;
	const struct profile *parent; /* NULL: none */
	enum workload_profile workload;
	const char *summary;
};

/* In the order of profiles.def; from 1. */
const struct profile *profile_get(enum profile_id id);

/* The one that is nothing but its kind of workload. */
const struct profile *profile_of_workload(enum workload_profile workload);

/*
 * By its name, by another name of a workload ("aiml", "bolt-gaming"), or by a name that stands for
 * it for want of a definition: then *ret_stands_in is true. Case does not count, `_` stands for
 * `-`. NULL: unknown.
 */
const struct profile *profile_find(const char *name, bool *ret_stands_in);

/* The built-in name that is probably meant, or NULL. */
const char *profile_nearest(const char *name);

/* Unknown: NVB_ERR_USAGE, with what there is. A name that stands in becomes one of `warnings`. */
int profile_parse(const char *name, struct arena *a, struct string_list *warnings,
	const struct profile **ret, struct nvb_error **err);

/*
 * What it and its parents set, where `into` has nothing. The source is SOURCE_PROFILE, the origin
 * "profile 'NAME'" of the one that says it.
 */
int profile_fill(const struct profile *profile, struct settings *into, struct nvb_error **err);
