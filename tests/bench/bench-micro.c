/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the parts of nvbind take inside of one process.
 *
 *	bench-micro [--runs N] [--first N] [--cold N] HOST ROOT CONFIG...
 *	bench-micro --only STEP --runs N HOST ROOT CONFIG...
 *
 * HOST is a machine's tree, ROOT a container's, CONFIG what engines wrote. The steps take turns:
 * each round runs all of them, and a disturbance hits all alike. What a step frees is not timed.
 * Three series: `warm` (the page cache, the allocator and the processor's caches have seen the
 * step), `first` (once in a process just forked, whose pages must be mapped and copied first),
 * `cold` (the kernel's caches of files are empty; root). One JSON object goes to standard output.
 *
 * With --only the one step runs N times and nothing is timed: for counting instructions.
 */
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/number.h"
#include "format/json.h"
#include "micro.h"
#include "samples.h"

#define MAX_RUNS    1000000
#define MAX_CONFIGS 8
#define WARM_ROUNDS 3
#define MAX_TRIES   20
#define PAUSE_US    50000
#define KEPT_BYTES  (32 << 20) /* the C library takes no more */

struct options {
	uint64_t runs, first, cold;
	const char *only;
};

enum series { SERIES_WARM, SERIES_FIRST, SERIES_COLD, SERIES_COUNT };

static const char *const series_names[SERIES_COUNT] = { "warm", "first", "cold" };

struct bench {
	struct micro micro;
	struct micro_step steps[MICRO_MAX_STEPS];
	size_t n_steps;
	/* [step * runs + run], shared with children. */
	uint64_t *ns[SERIES_COUNT];
	size_t runs[SERIES_COUNT];
};

static void result_done(struct micro_result *result)
{
	free(result->text);
	json_putp(&result->json);
	bundle_done(&result->bundle);
	cdi_spec_free(result->spec);
	plan_free(result->plan);
	container_root_free(result->facts);
	inventory_free(result->inv);
	arena_free(result->arena);
}

static int try_step(const struct micro *m, const struct micro_step *step, uint64_t *ret_ns,
	struct nvb_error **err)
{
	_cleanup_(result_done) struct micro_result result = {
		.arena = arena_new(),
		.bundle = BUNDLE_INIT,
	};
	uint64_t start_ns;
	int r = 0;

	if (!result.arena)
		return NVB_OOM(err);
	if (step->prepare)
		r = step->prepare(m, step->variant, err);
	start_ns = samples_now_ns();
	for (unsigned i = 0; r == 0 && i < (step->batch ? step->batch : 1); i++)
		r = step->run(m, step->variant, &result, err);
	*ret_ns = samples_now_ns() - start_ns;
	return r;
}

/* One time of the step, which is `batch` runs of it. */
static int run_step(const struct micro *m, const struct micro_step *step, uint64_t *ret_ns,
	struct nvb_error **err)
{
	int r = MICRO_AGAIN;

	for (unsigned i = 0; r == MICRO_AGAIN && i < MAX_TRIES; i++) {
		if (i > 1)
			(void)usleep(PAUSE_US);
		r = try_step(m, step, ret_ns, err);
	}
	if (r == MICRO_AGAIN)
		r = NVB_RAISE(err, NVB_ERR_FAILED, 0, "have it done %d times", MAX_TRIES);
	return r < 0 ? NVB_CONTEXT(err, r, "run '%s'", step->key) : 0;
}

static int run_round(struct bench *b, enum series series, size_t run, struct nvb_error **err)
{
	for (size_t i = 0; i < b->n_steps; i++) {
		uint64_t *ns = &b->ns[series][i * b->runs[series] + run];
		int r;

		if (series == SERIES_COLD && (!b->steps[i].cold || samples_drop_caches() < 0))
			continue;
		r = run_step(&b->micro, &b->steps[i], ns, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_in_child(struct bench *b, size_t run, struct nvb_error **err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "fork");
	if (pid == 0)
		_exit(run_round(b, SERIES_FIRST, run, NULL) < 0);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, 0, "run the steps in a child");
	return 0;
}

static int allocate(struct bench *b, struct nvb_error **err)
{
	for (size_t i = 0; i < SERIES_COUNT; i++) {
		const size_t size = (b->runs[i] + 1) * b->n_steps * sizeof(**b->ns);
		void *p =
			mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return NVB_OOM(err);
		b->ns[i] = p;
	}
	return 0;
}

/* Before anything ran here: the children's first time is to be a first time. */
static int run_all(struct bench *b, struct nvb_error **err)
{
	uint64_t unused;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < b->runs[SERIES_FIRST]; i++)
		r = run_in_child(b, i, err);
	for (size_t i = 0; r >= 0 && i < WARM_ROUNDS; i++)
		for (size_t step = 0; r >= 0 && step < b->n_steps; step++)
			r = run_step(&b->micro, &b->steps[step], &unused, err);
	for (size_t i = 0; r >= 0 && i < b->runs[SERIES_WARM]; i++)
		r = run_round(b, SERIES_WARM, i, err);
	for (size_t i = 0; r >= 0 && i < b->runs[SERIES_COLD]; i++)
		r = run_round(b, SERIES_COLD, i, err);
	return r;
}

static void print_step(struct bench *b, size_t index)
{
	const struct micro_step *step = &b->steps[index];

	printf("  {\"key\": \"%s\", \"name\": \"%s\"", step->key, step->name);
	for (size_t i = 0; i < SERIES_COUNT; i++) {
		struct samples samples = {
			.ns = b->ns[i] + index * b->runs[i],
			.n = b->runs[i],
			.batch = step->batch ? step->batch : 1,
		};

		if (!samples.n || !samples.ns[0])
			continue;
		(void)fputs(", ", stdout);
		samples_print(series_names[i], &samples);
	}
	(void)fputs(index + 1 < b->n_steps ? "},\n" : "}\n", stdout);
}

static void print_all(struct bench *b, int cpu)
{
	const struct micro *m = &b->micro;

	printf("{\"cpu\": %d, \"gpus\": %zu, \"driver_files\": %zu, \"mounts\": %zu, \"nodes\": "
	       "%zu,\n"
	       " \"libraries\": %zu, \"cdi_json_bytes\": %zu, \"cdi_yaml_bytes\": %zu,\n"
	       " \"steps\": [\n",
		cpu, m->inv->gpus.n, m->inv->drivers.n ? m->inv->drivers.items[0].files.n : 0,
		m->plan->mounts.n, m->plan->nodes.n, m->n_libraries, m->cdi_json.length,
		m->cdi_yaml.length);
	for (size_t i = 0; i < b->n_steps; i++)
		print_step(b, i);
	(void)fputs("]}\n", stdout);
}

static int run_only(const struct bench *b, const struct options *options, struct nvb_error **err)
{
	uint64_t unused;
	int r = 0;

	for (size_t i = 0; i < b->n_steps; i++) {
		if (strcmp(b->steps[i].key, options->only) != 0)
			continue;
		for (uint64_t run = 0; r >= 0 && run < options->runs; run++)
			r = run_step(&b->micro, &b->steps[i], &unused, err);
		return r;
	}
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "find the step '%s'", options->only);
}

static int read_configs(struct micro *m, char **paths, size_t n, struct nvb_error **err)
{
	m->configs = arena_alloc(m->arena, (n + 1) * sizeof(*m->configs));
	if (!m->configs)
		return NVB_OOM(err);
	for (size_t i = 0; i < n; i++) {
		struct micro_text *text = &m->configs[i];
		errint_t e =
			file_read_path(paths[i], JSON_TEXT_LIMIT_BYTES, &text->data, &text->length);

		if (e < 0)
			return NVB_RAISE(err, NVB_ERR_IO, -e, "read '%s'", paths[i]);
		m->n_configs++;
	}
	return 0;
}

static int prepare(struct bench *b, char **arguments, size_t n, struct nvb_error **err)
{
	struct micro *m = &b->micro;
	int r;

	m->host = arguments[0];
	m->root = arguments[1];
	m->root_fd = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->root_fd < 0)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, errno, "open '%s'", m->root);
	r = host_tree_open(m->host, &m->tree, err);
	if (r >= 0)
		r = read_configs(m, arguments + 2, n - 2, err);
	if (r >= 0)
		r = micro_start_init(m, err);
	if (r >= 0)
		r = micro_formats_init(m, err);
	if (r >= 0)
		r = micro_lease_init(m, err);
	if (r < 0)
		return r;
	b->n_steps = micro_start_steps(m, b->steps);
	b->n_steps += micro_formats_steps(m, b->steps + b->n_steps);
	b->n_steps += micro_lease_steps(m, b->steps + b->n_steps);
	return 0;
}

static void bench_done(struct bench *b)
{
	struct micro *m = &b->micro;

	for (size_t i = 0; i < m->n_configs; i++)
		free(m->configs[i].data);
	free(m->cdi_json.data);
	free(m->cdi_yaml.data);
	cdi_spec_free(m->spec);
	plan_free(m->plan);
	container_root_free(m->facts);
	inventory_free(m->inv);
	host_tree_done(&m->tree);
	closep(&m->root_fd);
	arena_free(m->arena);
	if (m->scratch)
		(void)path_remove_tree(AT_FDCWD, m->scratch);
}

static int measure(
	const struct options *options, char **arguments, size_t n, struct nvb_error **err)
{
	char scratch[] = "/dev/shm/nvbind-bench-XXXXXX";
	_cleanup_(bench_done) struct bench bench = {
		.micro = { .arena = arena_new(), .tree = HOST_TREE_INIT, .root_fd = -1 },
		.runs = { options->runs, options->first, options->cold },
	};
	int cpu = samples_pin(), r;

	if (!bench.micro.arena)
		return NVB_OOM(err);
	if (!mkdtemp(scratch))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "make '%s'", scratch);
	bench.micro.scratch = scratch;
	r = prepare(&bench, arguments, n, err);
	if (r < 0)
		return r;
	if (options->only)
		return run_only(&bench, options, err);
	r = allocate(&bench, err);
	if (r >= 0)
		r = run_all(&bench, err);
	if (r >= 0)
		print_all(&bench, cpu);
	return r;
}

static bool parse(int argc, char **argv, struct options *options)
{
	static const struct option long_options[] = {
		{ "runs", required_argument, NULL, 'r' },
		{ "first", required_argument, NULL, 'f' },
		{ "cold", required_argument, NULL, 'c' },
		{ "only", required_argument, NULL, 'o' },
		{ 0 },
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		if (c == 'r')
			good = number_parse(optarg, MAX_RUNS, &options->runs);
		else if (c == 'f')
			good = number_parse(optarg, MAX_RUNS, &options->first);
		else if (c == 'c')
			good = number_parse(optarg, MAX_RUNS, &options->cold);
		else if (c == 'o')
			options->only = optarg;
		else
			good = false;
	}
	return good && argc - optind >= 2 && argc - optind <= 2 + MAX_CONFIGS;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct options options = { .runs = 1000 };

	/* What one step frees goes to the next one: giving it back to the kernel in between, and
	 * faulting it in again, is no part of any step. */
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	if (!parse(argc, argv, &options)) {
		(void)fputs("usage: bench-micro [--runs N] [--first N] [--cold N] [--only STEP] "
			    "HOST ROOT CONFIG...\n",
			stderr);
		return 2;
	}
	if (measure(&options, argv + optind, (size_t)(argc - optind), &err) < 0) {
		(void)fprintf(stderr, "bench-micro: %s\n", nvb_error_message(err));
		return 1;
	}
	return 0;
}
