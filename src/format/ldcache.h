/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc's ld.so.cache: which file a SONAME stands for.
 *
 * The cache of a container is hostile input. ldcache_parse() checks every offset and every name
 * once; afterwards nothing in it can lead outside the buffer.
 *
 * Source: glibc 2.36, sysdeps/generic/dl-cache.h, elf/cache.c, elf/dl-cache.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define LDCACHE_LIMIT_BYTES ((size_t)64 << 20)

enum ldcache_abi {
	LDCACHE_OTHER, /* an architecture that is not named here */
	LDCACHE_X86_64,
	LDCACHE_I386,
	LDCACHE_AARCH64,
	LDCACHE_ARMHF,
	LDCACHE_ANY, /* not bound to one: every loader takes it (the loader's own entry) */
};

/* 64 or 32; 0 for LDCACHE_OTHER and LDCACHE_ANY. */
int ldcache_abi_class(enum ldcache_abi abi);

struct ldcache {
	const unsigned char *entries;
	size_t n;
	size_t entry_size;
	bool has_hwcap;	     /* the new format */
	const char *strings; /* offsets count from here */
	size_t n_hwcap;	     /* entries that need a hardware capability */
};

struct ldcache_entry {
	const char *soname;
	const char *path; /* as the cache says: any text below 4096 bytes */
	enum ldcache_abi abi;
	bool needs_hwcap; /* from a glibc-hwcaps or platform directory: not for every CPU */
};

/*
 * Borrows `data`, which must outlive *ret. Reads "glibc-ld.so.cache1.1", alone or behind the old
 * "ld.so-1.7.0" part, and the old part alone. Extensions are skipped.
 * Errors: NVB_ERR_FORMAT (names the entry or number that lies), NVB_ERR_LIMIT, NVB_ERR_UNSUPPORTED
 * (big endian).
 */
int ldcache_parse(const void *data, size_t size, struct ldcache *ret, struct nvb_error **err);

/* `index` < cache->n. Cannot fail: the cache was checked. */
void ldcache_get(const struct ldcache *cache, size_t index, struct ldcache_entry *ret);

/*
 * The entry that the loader of that ABI uses for `soname`: found by the same binary search, so
 * what a badly sorted cache hides from the loader is hidden here too. An entry of LDCACHE_ANY is
 * returned only where none of `abi` exists, and one that needs a hardware capability only where
 * nothing else does. Returns 1, or 0 if there is none.
 */
int ldcache_find(const struct ldcache *cache, const char *soname, enum ldcache_abi abi,
	struct ldcache_entry *ret);

struct ldcache_library {
	const char *soname; /* a file name in printable ASCII */
	const char *path;   /* absolute */
	enum ldcache_abi abi;
};

/*
 * Writes a new-format cache. The order of `libraries` matters only where SONAME and ABI are the
 * same: the loader takes the first. *ret_data lies in `a`.
 * Errors: NVB_ERR_FORMAT (a name that a cache cannot hold), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int ldcache_write(const struct ldcache_library *libraries, size_t n, struct arena *a,
	const void **ret_data, size_t *ret_size, struct nvb_error **err);

/*
 * The same behind an older cache: its entries stay, with their flags and hardware capabilities,
 * but for those whose name and ABI `libraries` has. An entry that no cache should hold is left
 * out. Errors: those of ldcache_parse() too.
 */
int ldcache_merge(const void *older, size_t older_size, const struct ldcache_library *libraries,
	size_t n, struct arena *a, const void **ret_data, size_t *ret_size, struct nvb_error **err);

/* True if a cache can hold a library of this name. */
bool ldcache_name_is_sound(const char *name);

/* The order of names in a cache: digits compare as numbers. For ldcache_write() and its tests. */
int ldcache_compare(const char *left, const char *right);
