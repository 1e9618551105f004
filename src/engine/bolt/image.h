/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is made from: a directory and the settings that came with it.
 *
 *	host		the machine's own root file system
 *	oci:DIR[:TAG]	an image in an OCI layout, unpacked once by umoci
 *	--rootfs DIR	any directory
 *
 * None of them is ever written to.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

struct image {
	int root_fd;
	const char *root_path; /* absolute */
	bool is_host;	       /* the machine's own root */
	/* Settings of the image; empty or NULL where it has none. */
	struct string_list entrypoint, command, env;
	const char *cwd, *user;
};

#define IMAGE_INIT                                                                                 \
	{                                                                                          \
		.root_fd = -1                                                                      \
	}

struct image_request {
	const char *name;   /* NULL with rootfs */
	const char *rootfs; /* wins over name */
	/* Where unpacked images are kept; -1: an image that needs unpacking is an error. */
	int store_fd;
	const char *store_path;
};

/* True if `name` needs the store. */
bool image_needs_store(const struct image_request *request);

/*
 * Errors: NVB_ERR_IMAGE (no such image, damaged, not of this machine), UNSUPPORTED (umoci is
 * missing). Strings live in the arena.
 */
int image_open(struct arena *a, const struct image_request *request, struct image *ret,
	struct nvb_error **err);
void image_done(struct image *image);
