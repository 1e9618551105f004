/* SPDX-License-Identifier: Apache-2.0 */
/* Private to container_root*.c: the parts of an inspection. All are bounded and trust nothing. */
#pragma once

#include "base/path.h"
#include "host/container_root.h"

#define ROOT_TOPS 5

/* A directory at the top of the root that may be a link: container_root_resolve.c. */
struct root_top {
	const char *target;
	bool is_read;
};

struct root_reader {
	int root_fd;
	struct arena *a; /* root->arena */
	struct container_root *root;
	int machine64; /* e_machine of the 64-bit libc; 0: none */
	struct root_top tops[ROOT_TOPS];
	const char *no_link, *no_link_dir; /* the last that was found to be none; NULL: none yet */
};

/* The path with the link at its top followed: `path` itself or in the arena. -1: out of memory. */
int root_rewrite(struct root_reader *r, const char *path, const char **ret_path);
/* path_resolve_in() of an absolute path. */
errint_t root_resolve(struct root_reader *r, const char *path, struct path_resolved *ret);

/*
 * Why nothing of ours may be placed in the directory `resolved`, which was asked for as `asked`;
 * NULL: nothing speaks against it. *ret_problem lives in the arena. 0, or -1: out of memory.
 */
int root_place_check(struct arena *a, const char *asked, const char *resolved,
	const char **ret_problem);
/* True for /lib, /usr/lib, /usr/local/lib with their 32 and 64 variants, and all below. */
bool root_is_library_place(const char *path);
/* dir/name; NULL: out of memory. */
const char *root_join(struct arena *a, const char *dir, const char *name);

/* container_root_libc.c: sets libc, lib64_dir, lib32_dir, unsafe_path. */
int root_read_libc(struct root_reader *r, struct nvb_error **err);
/* container_root_cache.c: sets cache, cache_present, cache_problem. */
int root_read_cache(struct root_reader *r, const struct string_list *names,
	struct nvb_error **err);
/* container_root_links.c: sets links. */
int root_read_links(struct root_reader *r, const struct string_list *names,
	struct nvb_error **err);
/* container_root_image.c: sets cuda_compat_version. */
int root_read_compat(struct root_reader *r, struct nvb_error **err);
