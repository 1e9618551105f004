/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what a container starts from into its capsule: config.json, the places for its mounts,
 * and the small files that every container has (hosts, hostname, resolv.conf).
 */
#pragma once

#include "engine/bolt/bolt.h"
#include "engine/bolt/idmap.h"
#include "engine/bolt/image.h"
#include "engine/bolt/runtime.h"
#include "engine/bolt/state.h"
#include "engine/bolt/user.h"

struct bundle {
	const struct plan *plan;
	const struct bolt_options *options;
	const struct image *image;
	const struct container_user *user;
	const struct bolt_capsule *capsule;
	const struct low_level_runtime *runtime;
	const struct idmap *map;
};

/*
 * *ret_doubt is set if the command is not in the image but a volume may bring it: why it cannot
 * be run, should it turn out so.
 */
int bundle_write(const struct bundle *bundle, struct arena *a, struct nvb_error **ret_doubt,
	struct nvb_error **err);
