/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated host with a cache of its inventory beside it, and the comparison of two inventories
 * member by member.
 */
#pragma once

#include "../host/scratch-tree.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/spawn.h"
#include "gpu/cache.h"
#include "gpu/discover.h"

/* Above a tick of a file system's clock, 10 ms at most. */
#define SETTLE_MS 20

/* s->tree is the host: the scratch directory's own tree is replaced by that of its "host". */
struct cache_case {
	struct scratch s;
	char directory[sizeof(((struct scratch *)0)->directory)]; /* of s and of the cache */
	char cache[96];
	char file[160]; /* "" until find_file() */
};

static inline void settle(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = (SETTLE_MS + 15) * 1000000L }, NULL);
}

static inline void run_make_host(const char *name, const char *directory)
{
	static const char *const environment[] = { "PATH=/usr/bin:/bin", NULL };
	const char *root = getenv("NVBIND_SOURCE_ROOT");
	_cleanup_free_ char *program = NULL, *output = NULL;
	struct spawn_exit end;

	assert_non_null(root);
	assert_true(asprintf(&program, "%s/tests/hosts/make-host", root) > 0);
	const char *argv[] = { program, "--nodes", "file", name, directory, NULL };

	assert_int_equal(spawn_capture(&(struct spawn_capture_options){ .argv = argv,
					       .envp = environment,
					       .timeout_ms = 60000,
					       .limit_bytes = 1 << 16,
					       .keep_stderr = true },
				 &output, &end, NULL),
		0);
	assert_int_equal(spawn_exit_code(end), 0);
}

static inline struct cache_case *case_new(const char *host)
{
	struct cache_case *c = calloc(1, sizeof(*c));
	char path[80];

	assert_non_null(c);
	(void)snprintf(c->directory, sizeof(c->directory), "%s", scratch_template());
	assert_non_null(mkdtemp(c->directory));
	(void)snprintf(c->cache, sizeof(c->cache), "%s/cache", c->directory);
	(void)snprintf(path, sizeof(path), "%s/host", c->directory);
	run_make_host(host, path);
	assert_int_equal(host_tree_open(path, &c->s.tree, NULL), 0);
	c->s.arena = arena_new();
	assert_non_null(c->s.arena);
	settle();
	return c;
}

static inline void case_free(struct cache_case *c)
{
	arena_free(c->s.arena);
	host_tree_done(&c->s.tree);
	assert_int_equal(path_remove_tree(AT_FDCWD, c->directory), 0);
	free(c);
}

static inline void case_freep(struct cache_case **c)
{
	if (*c)
		case_free(*c);
}

/* The inventory, and whether it came from the cache. */
static inline bool case_open(struct cache_case *c, struct inventory **ret)
{
	const struct inventory_cache_options options = { .directory = c->cache,
		.settle_ms = SETTLE_MS };
	int r = inventory_open(&c->s.tree, &options, ret, NULL);

	assert_true(r >= 0);
	return r == 1;
}

static inline void find_file(struct cache_case *c)
{
	struct stat st;

	assert_int_equal(fstat(c->s.tree.root_fd, &st), 0);
	(void)snprintf(c->file, sizeof(c->file), "%s/inventory-%jx-%jx", c->cache,
		(uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

#define SAME_STRING(a, b, member)                                                                  \
	do {                                                                                       \
		if ((a)->member && (b)->member)                                                    \
			assert_string_equal((a)->member, (b)->member);                             \
		else                                                                               \
			assert_true(!(a)->member && !(b)->member);                                 \
	} while (0)
#define SAME_NUMBER(a, b, member) assert_true((a)->member == (b)->member)
#define SAME_LIST(a, b, member, compare)                                                           \
	do {                                                                                       \
		assert_int_equal((a)->member.n, (b)->member.n);                                    \
		for (size_t i_ = 0; i_ < (a)->member.n; i_++)                                      \
			compare(&(a)->member.items[i_], &(b)->member.items[i_]);                   \
	} while (0)

static inline void same_text(const char *const *a, const char *const *b)
{
	assert_string_equal(*a, *b);
}

static inline void same_node(const struct gpu_node *a, const struct gpu_node *b)
{
	SAME_STRING(a, b, node.path);
	SAME_STRING(a, b, node.host_path);
	SAME_NUMBER(a, b, node.type);
	SAME_NUMBER(a, b, node.exists);
	SAME_NUMBER(a, b, node.is_device);
	SAME_NUMBER(a, b, node.major);
	SAME_NUMBER(a, b, node.minor);
	SAME_NUMBER(a, b, node.mode);
	SAME_NUMBER(a, b, node.uid);
	SAME_NUMBER(a, b, node.gid);
	SAME_NUMBER(a, b, needed_for);
	SAME_NUMBER(a, b, optional);
}

static inline void same_partition(const struct gpu_partition *a, const struct gpu_partition *b)
{
	SAME_NUMBER(a, b, index);
	SAME_NUMBER(a, b, gi);
	SAME_NUMBER(a, b, ci);
	SAME_STRING(a, b, uuid);
	SAME_STRING(a, b, profile);
	SAME_STRING(a, b, render_node);
	SAME_NUMBER(a, b, memory_bytes);
	SAME_LIST(a, b, nodes, same_node);
	SAME_NUMBER(a, b, standalone);
}

static inline void same_gpu(const struct gpu *a, const struct gpu *b)
{
	SAME_NUMBER(a, b, index);
	SAME_NUMBER(a, b, vendor);
	SAME_NUMBER(a, b, state);
	SAME_STRING(a, b, state_reason);
	SAME_STRING(a, b, name);
	SAME_STRING(a, b, uuid);
	SAME_STRING(a, b, pci_address);
	SAME_NUMBER(a, b, pci_vendor);
	SAME_NUMBER(a, b, pci_device);
	SAME_STRING(a, b, driver);
	SAME_NUMBER(a, b, minor);
	SAME_NUMBER(a, b, numa_node);
	SAME_NUMBER(a, b, memory_bytes);
	SAME_STRING(a, b, compute_capability);
	SAME_STRING(a, b, render_node);
	SAME_STRING(a, b, card_node);
	SAME_NUMBER(a, b, mig_enabled);
	SAME_LIST(a, b, nodes, same_node);
	SAME_LIST(a, b, partitions, same_partition);
	SAME_LIST(a, b, mig_nodes, same_node);
}

static inline void same_file(const struct driver_file *a, const struct driver_file *b)
{
	SAME_NUMBER(a, b, kind);
	SAME_NUMBER(a, b, needed_for);
	SAME_NUMBER(a, b, requires_all);
	SAME_STRING(a, b, host_path);
	SAME_STRING(a, b, target);
	SAME_LIST(a, b, aliases, same_text);
	SAME_STRING(a, b, soname);
	SAME_NUMBER(a, b, elf_class);
}

static inline void same_driver(const struct gpu_driver *a, const struct gpu_driver *b)
{
	SAME_NUMBER(a, b, vendor);
	SAME_STRING(a, b, name);
	SAME_STRING(a, b, version);
	SAME_STRING(a, b, flavor);
	SAME_STRING(a, b, files_version);
	SAME_LIST(a, b, common_nodes, same_node);
	SAME_LIST(a, b, mig_config_nodes, same_node);
	SAME_LIST(a, b, mig_monitor_nodes, same_node);
	SAME_LIST(a, b, files, same_file);
	SAME_STRING(a, b, files_prefix);
	SAME_LIST(a, b, environment, same_text);
	SAME_LIST(a, b, loader_folders, same_text);
	SAME_LIST(a, b, spec_environment, same_text);
	SAME_NUMBER(a, b, makes_nodes);
	SAME_NUMBER(a, b, brings_user_space);
}

static inline void same_inventory(const struct inventory *a, const struct inventory *b)
{
	SAME_STRING(a, b, host_prefix);
	SAME_LIST(a, b, gpus, same_gpu);
	SAME_LIST(a, b, drivers, same_driver);
	SAME_LIST(a, b, warnings, same_text);
	assert_int_equal(a->companions.n, 0);
	assert_int_equal(b->companions.n, 0);
}

/* Opens, and compares with a discovery at the same time. */
static inline bool case_open_checked(struct cache_case *c)
{
	_cleanup_(inventory_freep) struct inventory *opened = NULL, *fresh = NULL;
	bool cached = case_open(c, &opened);

	assert_int_equal(inventory_discover(&c->s.tree, &fresh, NULL), 0);
	same_inventory(opened, fresh);
	return cached;
}
