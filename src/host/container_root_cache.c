/* SPDX-License-Identifier: Apache-2.0 */
/* What the image's ld.so.cache says of the libraries that we are to place. */
#include <elf.h>
#include <string.h>

#include "format/ldcache.h"
#include "base/file.h"
#include "host/container_root_read.h"

#define CACHE_PATH "/etc/ld.so.cache"

/* A file that may be covered: regular, and not in a file system of the kernel. */
static int resolve_entry(struct root_reader *r, struct root_cache_entry *entry)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	_cleanup_free_ char *dir = NULL;
	const char *problem = NULL;
	struct stat st;
	errint_t e;

	if (entry->path[0] != '/')
		return 0;
	e = root_resolve(r, entry->path, &found);
	if (e == -ENOMEM)
		return -1;
	if (e < 0 || !found.exists || fstat(found.fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	dir = strndup(found.path, (size_t)(path_base_name(found.path) - found.path));
	if (!dir)
		return -1;
	if (dir[1])
		dir[strlen(dir) - 1] = '\0';
	if (root_place_check(r->a, dir, dir, &problem) < 0)
		return -1;
	if (problem)
		return 0;
	entry->resolved = arena_strdup(r->a, found.path);
	return entry->resolved ? 0 : -1;
}

static int add_entry(struct root_reader *r, const struct ldcache *cache, const char *name,
	enum ldcache_abi abi)
{
	struct ldcache_entry found;
	struct root_cache_entry *entry;

	if (!ldcache_find(cache, name, abi, &found))
		return 0;
	entry = vec_push(r->a, &r->root->cache);
	if (!entry)
		return -1;
	*entry = (struct root_cache_entry){
		.soname = arena_strdup(r->a, found.soname),
		.path = arena_strdup(r->a, found.path),
		.elf_class = ldcache_abi_class(abi),
	};
	return entry->soname && entry->path ? resolve_entry(r, entry) : -1;
}

static int look_up(struct root_reader *r, const struct ldcache *cache,
	const struct string_list *names)
{
	enum ldcache_abi abi64 = r->machine64 == EM_AARCH64 ? LDCACHE_AARCH64 : LDCACHE_X86_64;

	vec_foreach (const char *, name, names) {
		/* The loader looks up names, not paths. */
		if (strchr(*name, '/'))
			continue;
		if (r->root->lib64_dir && add_entry(r, cache, *name, abi64) < 0)
			return -1;
		if (r->root->lib32_dir && add_entry(r, cache, *name, LDCACHE_I386) < 0)
			return -1;
	}
	return 0;
}

static int set_problem(struct root_reader *r, const char *problem, struct nvb_error **err)
{
	r->root->cache_problem = arena_strdup(r->a, problem);
	return r->root->cache_problem ? 0 : NVB_OOM(err);
}

int root_read_cache(struct root_reader *r, const struct string_list *names, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_free_ char *data = NULL;
	struct ldcache cache;
	size_t size;
	errint_t e;
	int status;

	if (r->root->libc != ROOT_LIBC_GLIBC)
		return 0;
	e = file_read_regular_in(r->root_fd, CACHE_PATH, LDCACHE_LIMIT_BYTES, &data, &size);
	if (e == -ENOENT)
		return 0;
	if (e == -ENOMEM)
		return NVB_OOM(err);
	if (e < 0)
		return set_problem(r, strerror(-e), err);
	status = ldcache_parse(data, size, &cache, &problem);
	if (status == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (status < 0)
		return set_problem(r, nvb_error_message(problem), err);
	r->root->cache_present = true;
	return look_up(r, &cache, names) < 0 ? NVB_OOM(err) : 0;
}
