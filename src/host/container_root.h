/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a planner must know of a container's root: its C library, where its loader looks, and
 * where a few directories really are. The root is hostile; everything is read by descriptor
 * inside it and every parser is bounded.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

enum root_libc {
	ROOT_LIBC_NONE,  /* no dynamic loader found: static programs only */
	ROOT_LIBC_GLIBC,
	ROOT_LIBC_MUSL,
};

/* A directory of the host's layout and where it really is in the container. */
struct root_dir {
	const char *path;     /* as asked for; a relative one as LIBRARY DIRECTORY/path */
	const char *resolved; /* without links, may not exist yet; NULL: unusable */
	const char *problem;  /* why, if resolved is NULL: "it leads to '/etc'" */
};

struct root_dir_list VEC(struct root_dir);

/* An entry of the image's ld.so.cache for a name that was asked for. */
struct root_cache_entry {
	const char *soname;
	const char *path;     /* as the cache says */
	const char *resolved; /* the real file below the root; NULL: it does not exist */
	int elf_class;        /* 32 or 64 */
};

struct root_cache_entry_list VEC(struct root_cache_entry);

/* A link where a library is to be placed: a mount there would cover what it leads to. */
struct root_link {
	const char *path;     /* library directory + name */
	const char *resolved; /* the end of it, may not exist; NULL: unusable */
	const char *problem;  /* why, if resolved is NULL */
};

struct root_link_list VEC(struct root_link);

struct container_root {
	struct arena *arena;
	bool assumed; /* no root at hand: these are the facts of a Debian multiarch root */
	enum root_libc libc;
	/*
	 * The default library directory per ELF class, resolved; NULL: the root cannot run
	 * programs of that class. It is the directory that holds the root's own libc.so.6: the one
	 * place that its loader surely searches without a cache.
	 */
	const char *lib64_dir;
	const char *lib32_dir;
	/*
	 * Set if a library directory leads out of the places for libraries: "'/usr/lib' leads to
	 * '/etc'". The plan fails with it if it has libraries to place.
	 */
	const char *unsafe_path, *unsafe_reason;
	struct root_dir_list dirs;
	struct root_link_list links;
	struct root_cache_entry_list cache;
	bool cache_present;
	const char *cache_problem; /* set if the cache is damaged: it is then treated as absent */
	/* Highest libcuda version in /usr/local/cuda/compat: "575.57.08"; NULL: none. */
	const char *cuda_compat_version;
};

/*
 * Reads the facts of the root behind root_fd. `dirs` are the directories to resolve: absolute,
 * or relative to each library directory ("vdpau"). `names` are what libraries are to be placed
 * as, relative to the library directories: each is checked for a link in its place, and plain
 * names are looked up in the cache. A hostile or odd root is not an error: see the fields.
 * Errors: NVB_ERR_NO_MEMORY.
 */
int container_root_inspect(int root_fd, const struct string_list *dirs,
	const struct string_list *names, struct container_root **ret_root,
	struct nvb_error **err);

/* Debian multiarch with a 32-bit sibling, no cache: for a dry run without an image. */
int container_root_assume(const struct string_list *dirs, struct container_root **ret_root,
	struct nvb_error **err);

/* Layouts that stand for a root of their kind; ends with NULL. "debian" is the first. */
extern const char *const container_root_layouts[];
/* The same for one of these layouts. Errors: NVB_ERR_USAGE (no such layout), NO_MEMORY. */
int container_root_assume_layout(const char *layout, const struct string_list *dirs,
	struct container_root **ret_root, struct nvb_error **err);

void container_root_free(struct container_root *root);
DEFINE_FREEP(struct container_root, container_root_free)

/* NULL if `path` was not asked for. */
const struct root_dir *container_root_dir(const struct container_root *root, const char *path);
/* NULL if no link is there. */
const struct root_link *container_root_link(const struct container_root *root, const char *path);
