/* SPDX-License-Identifier: Apache-2.0 */
/* The container's /etc/ld.so.cache, written without ldconfig. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum cache_loader {
	CACHE_LOADER_NONE, /* static programs only */
	CACHE_LOADER_GLIBC,
	CACHE_LOADER_MUSL, /* has no cache, and cannot load the driver's libraries */
};

/* By the names that programs are linked with. */
enum cache_loader cache_find_loader(int root_fd);

struct cache_request {
	const struct string_list *folders; /* of mounted driver libraries */
	const char *compat_folder;	   /* its libraries come first; NULL: none */
};

/*
 * Puts the libraries of the folders before those of the image's own cache and replaces it,
 * unless they are there already. An image's ldconfig, should it run later, finds the folders too:
 * they are written to /etc/ld.so.conf.d. A cache of the image that cannot be read counts as absent.
 * Returns 1; 0: nothing had to be changed.
 * Errors: NVB_ERR_IO, NVB_ERR_LIMIT, NVB_ERR_UNSAFE_PATH, NVB_ERR_NO_MEMORY.
 */
int cache_update(
	int root_fd, const struct cache_request *request, struct arena *a, struct nvb_error **err);
