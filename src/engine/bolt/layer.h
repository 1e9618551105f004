/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of the container's own, above the image's: places for mounts, small files, links.
 *
 * A mount needs something to be mounted on. The low-level runtime would make it inside the
 * merged root, which fails without root where a directory belongs to a user that is not mapped,
 * and follows what the image put there. This layer is ours: directories are made in it
 * with the mode and owner of the image's, and a file in it hides whatever the image has of that
 * name, a link to anywhere included, even one that comes to be later. The image itself is never
 * written to.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "plan/plan.h"

struct layer {
	int lower_fd; /* the image's root */
	int upper_fd;
	int beside_fd;	 /* a directory of ours on the same file system; -1: none */
	bool keep_owner; /* we are root: give made directories the image's owner */
	/* The directory that was made last, and its path: neighbours are made without a walk. */
	char *last_path;
	int last_fd;
};

#define LAYER_INIT                                                                                 \
	{                                                                                          \
		.lower_fd = -1, .upper_fd = -1, .beside_fd = -1, .last_fd = -1                     \
	}

/* Closes what the layer opened itself. */
void layer_done(struct layer *layer);

/* `destination` is resolved: absolute and without links in the lower root. */
int layer_add_place(
	struct layer *layer, const char *destination, bool is_directory, struct nvb_error **err);

/*
 * A file, and a symbolic link, at `path`, resolved as above. Return 1 if it is there; 0 if it
 * cannot be and has to be mounted: a mount or another file of ours has this place, or a file
 * system that the runtime mounts would hide it.
 */
int layer_add_file(struct layer *layer, const char *path, const char *text, struct nvb_error **err);
int layer_add_link(struct layer *layer, const char *path, const char *text, struct nvb_error **err);

/* Resolves `destination` in the lower root. Errors: NVB_ERR_UNSAFE_PATH. */
int layer_resolve(const struct layer *layer, struct arena *a, const char *destination,
	const char **ret_resolved, struct nvb_error **err);
