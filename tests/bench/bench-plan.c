/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the steps of a container start take inside nvbind, one by one.
 *
 *	bench-plan HOST ROOT [RUNS]
 *
 * HOST is a machine's tree, ROOT a container's. One warm-up round precedes, so the page cache and
 * the allocator are warm. The steps take turns: each round runs all of them, and a disturbance hits
 * all alike. One JSON object a step goes to standard output. What a step frees is not counted.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "gpu/cache.h"
#include "gpu/discover.h"
#include "host/tree.h"
#include "oci/config.h"
#include "plan/plan.h"
#include "request/selector.h"

#define DEFAULT_RUNS 1000
#define MAX_RUNS     1000000
#define SETTLE_MS    20 /* the trees may be as young as this */

enum step {
	STEP_DISCOVER,
	STEP_OPEN,
	STEP_INSPECT,
	STEP_PLAN,
	STEP_CONFIG,
	STEPS,
};

static const char *const step_names[STEPS] = {
	[STEP_DISCOVER] = "discover the machine's GPUs and driver files",
	[STEP_OPEN] = "open the inventory's cache and validate it",
	[STEP_INSPECT] = "inspect the container root",
	[STEP_PLAN] = "request to plan",
	[STEP_CONFIG] = "plan to config.json",
};

/* What one round makes. */
struct round {
	const struct host_tree *tree;
	const char *cache;
	int root_fd;
	struct inventory *inv, *cached;
	size_t *n_cached; /* how often it was the cache's */
	struct arena *arena;
	struct request request;
	struct string_list dirs, names;
	struct container_root *root;
	struct plan *plan;
	char *config;
	size_t config_length;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int discover(struct round *round, struct nvb_error **err)
{
	return inventory_discover(round->tree, &round->inv, err);
}

static int open_cache(struct round *round, struct nvb_error **err)
{
	const struct inventory_cache_options options = { .directory = round->cache,
		.settle_ms = SETTLE_MS };

	int r = inventory_open(round->tree, &options, &round->cached, err);

	*round->n_cached += r == 1;
	return r;
}

/* What the planner asks of the root follows from the request: both come before. */
static int prepare_request(struct round *round, struct nvb_error **err)
{
	static const char *all = "all", *command = "/probe";
	const struct string_list selectors = { .items = &all, .n = 1 };

	round->arena = arena_new();
	if (!round->arena)
		return NVB_OOM(err);
	round->request = (struct request){
		.engine = "bolt",
		.command = { .items = &command, .n = 1 },
		.capabilities = CAPABILITY_COMPUTE | CAPABILITY_UTILITY,
	};
	return selector_resolve(&selectors, round->inv, round->arena, &round->request.gpus, err);
}

static int ask(struct round *round, struct nvb_error **err)
{
	return plan_questions(
		round->inv, &round->request, round->arena, &round->dirs, &round->names, err);
}

static int inspect(struct round *round, struct nvb_error **err)
{
	return container_root_inspect(
		round->root_fd, &round->dirs, &round->names, &round->root, err);
}

static int make_plan(struct round *round, struct nvb_error **err)
{
	return plan_make(round->inv, &round->request, round->root, &round->plan, err);
}

static int format_config(struct round *round, struct nvb_error **err)
{
	const struct plan_mount_list none = { 0 };
	const struct oci_container container = {
		.root_path = "/run/bundle/root",
		.hostname = "bench",
		.cwd = "/",
		.args = &round->plan->command,
		.env = &round->plan->env,
		.device_cgroup = true,
		.extra_mounts = &none,
		.mounts = &round->plan->mounts,
	};

	return oci_config_format(
		round->plan, &container, &round->config, &round->config_length, err);
}

static void round_done(struct round *round)
{
	free(round->config);
	plan_free(round->plan);
	container_root_free(round->root);
	arena_free(round->arena);
	inventory_free(round->inv);
	inventory_free(round->cached);
}

typedef int (*part_fn)(struct round *round, struct nvb_error **err);

/* Adds the time of one part to *total_ns. */
static int timed(part_fn part, struct round *round, uint64_t *total_ns, struct nvb_error **err)
{
	uint64_t start_ns = now_ns();
	int r = part(round, err);

	*total_ns += now_ns() - start_ns;
	return r;
}

static int run_round(const struct round *start, uint64_t ns[static STEPS],
	size_t *ret_config_length, struct nvb_error **err)
{
	static const struct {
		part_fn part;
		enum step step;
	} parts[] = {
		{ discover, STEP_DISCOVER },
		{ open_cache, STEP_OPEN },
		{ prepare_request, STEP_PLAN },
		{ ask, STEP_PLAN },
		{ inspect, STEP_INSPECT },
		{ make_plan, STEP_PLAN },
		{ format_config, STEP_CONFIG },
	};
	_cleanup_(round_done) struct round round = *start;

	memset(ns, 0, STEPS * sizeof(*ns));
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		int r = timed(parts[i].part, &round, &ns[parts[i].step], err);

		if (r < 0)
			return r;
	}
	*ret_config_length = round.config_length;
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Nearest rank. */
static double percentile_us(const uint64_t *sorted, size_t n, unsigned percent)
{
	size_t rank = (n * percent + 99) / 100;

	return (double)sorted[rank ? rank - 1 : 0] / 1000;
}

static void print_step(enum step step, uint64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), compare_ns);
	printf("{\"name\": \"%s\", \"runs\": %zu, \"p50_us\": %.1f, \"p95_us\": %.1f, "
	       "\"p99_us\": %.1f}\n",
		step_names[step], n, percentile_us(ns, n, 50), percentile_us(ns, n, 95),
		percentile_us(ns, n, 99));
}

static int measure_in(const char *cache, const char *host, const char *root, size_t runs,
	struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	_cleanup_close_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ uint64_t *ns = calloc(runs, STEPS * sizeof(*ns));
	uint64_t round_ns[STEPS];
	size_t config_length, n_cached = 0;
	const struct round start = {
		.tree = &tree, .cache = cache, .root_fd = root_fd, .n_cached = &n_cached
	};
	int r;

	if (!ns)
		return NVB_OOM(err);
	if (root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, errno, "open '%s'", root);
	r = host_tree_open(host, &tree, err);
	if (r >= 0)
		r = run_round(&start, round_ns, &config_length, err);
	n_cached = 0;
	for (size_t i = 0; r >= 0 && i < runs; i++) {
		r = run_round(&start, round_ns, &config_length, err);
		for (size_t step = 0; step < STEPS; step++)
			ns[step * runs + i] = round_ns[step];
	}
	if (r < 0)
		return r;
	for (size_t step = 0; step < STEPS; step++)
		print_step((enum step)step, ns + step * runs, runs);
	/* Where nothing can be kept, the step is a discovery. */
	printf("{\"config_json_bytes\": %zu, \"opened_from_cache\": %zu}\n", config_length,
		n_cached);
	return 0;
}

static int measure(const char *host, const char *root, size_t runs, struct nvb_error **err)
{
	char cache[] = "/tmp/nvbind-bench-XXXXXX";
	int r;

	if (!mkdtemp(cache))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "make a directory for the cache");
	r = measure_in(cache, host, root, runs, err);
	(void)path_remove_tree(AT_FDCWD, cache);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	uint64_t runs = DEFAULT_RUNS;

	if (argc < 3 || argc > 4 || (argc == 4 && !number_parse(argv[3], MAX_RUNS, &runs)) ||
		!runs) {
		(void)fputs("usage: bench-plan HOST ROOT [RUNS]\n", stderr);
		return 2;
	}
	if (measure(argv[1], argv[2], runs, &err) < 0) {
		(void)fprintf(stderr, "bench-plan: %s\n", nvb_error_message(err));
		return 1;
	}
	return 0;
}
