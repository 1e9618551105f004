/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a cache; what can be read is written again, and every library must then be found. */
#include "fuzz.h"

#include "format/ldcache.h"

static void check_found(const struct ldcache *c, const struct ldcache_library *libraries, size_t n,
	const struct ldcache_library *wanted)
{
	struct ldcache_entry entry;

	CHECK(ldcache_find(c, wanted->soname, wanted->abi, &entry) == 1);
	/* The first library of that name and ABI wins. */
	for (size_t i = 0; i < n; i++) {
		if (libraries[i].abi != wanted->abi ||
			ldcache_compare(libraries[i].soname, wanted->soname) != 0)
			continue;
		CHECK(strcmp(entry.path, libraries[i].path) == 0);
		return;
	}
	CHECK(!"the library is its own match");
}

static void write_again(const struct ldcache *c, struct arena *a)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct ldcache_library *libraries = arena_alloc(a, (c->n + 1) * sizeof(*libraries));
	struct ldcache_entry entry;
	struct ldcache again;
	const void *data;
	size_t n = 0, size;

	CHECK(libraries);
	for (size_t i = 0; i < c->n; i++) {
		ldcache_get(c, i, &entry);
		CHECK(strlen(entry.soname) < 256 && strlen(entry.path) < 4096);
		libraries[n] = (struct ldcache_library){ entry.soname, entry.path, entry.abi };
		/* What one library cannot be, none of them may be: leave it out. */
		if (ldcache_write(&libraries[n], 1, a, &data, &size, NULL) == 0)
			n++;
	}
	CHECK(ldcache_write(libraries, n, a, &data, &size, &err) == 0);
	CHECK(ldcache_parse(data, size, &again, &err) == 0);
	CHECK(again.n == n && again.n_hwcap == 0);
	for (size_t i = 0; i < n; i++)
		check_found(&again, libraries, n, &libraries[i]);
}

/* A library put before any cache is found in the result, which itself can be read. */
static void merge(const uint8_t *data, size_t size, struct arena *a)
{
	static const struct ldcache_library ours = { "libcuda.so.1", "/usr/lib/libcuda.so.1",
		LDCACHE_X86_64 };
	_cleanup_error_ struct nvb_error *err = NULL;
	struct ldcache merged;
	const void *merged_data;
	size_t merged_size;

	if (ldcache_merge(data, size, &ours, 1, a, &merged_data, &merged_size, &err) < 0)
		return;
	CHECK(ldcache_parse(merged_data, merged_size, &merged, &err) == 0);
	check_found(&merged, &ours, 1, &ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct ldcache_entry entry;
	struct ldcache c;
	int r;

	CHECK(a);
	r = ldcache_parse(data, size, &c, &err);
	CHECK((r < 0) == (err != NULL));
	if (r < 0)
		return 0;
	CHECK(c.n <= size);
	(void)ldcache_find(&c, "libcuda.so.1", LDCACHE_X86_64, &entry);
	/* The pairwise check of the copy is quadratic. */
	if (c.n <= 200)
		write_again(&c, a);
	merge(data, size, a);
	return 0;
}
