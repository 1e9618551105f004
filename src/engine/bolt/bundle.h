/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container starts from: config.json, and a layer above its image with the places for its
 * mounts and the small files that every container has (hosts, hostname, resolv.conf).
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
	struct arena *arena; /* for the rest, and while the bundle is written */
	/* By bundle_check(). */
	const char *hostname, *cwd;
	struct string_list env;
};

/*
 * Finds out whether the container can start, before anything of it runs.
 * *ret_doubt is set if the command is not in the image but a volume may bring it: why it cannot
 * be run, should it turn out so.
 */
int bundle_check(struct bundle *bundle, struct nvb_error **ret_doubt, struct nvb_error **err);

/*
 * Writes it: config.json into files_fd, which the low-level runtime will see at the capsule's path;
 * what the container sees into the empty directory layer_fd.
 */
int bundle_write(const struct bundle *bundle, int files_fd, int layer_fd, struct nvb_error **err);
