/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench.h"

#include "base/strbuf.h"
#include "bench/bench_build.h"
#include "bench/facts.h"
#include "bench/lines.h"
#include "gpu/discover.h"
#include "gpu/enrich.h"

#define NAMES_BYTES 16384
/* Steps are quick: more of them tell more. */
#define STEP_ROUNDS 10
#define SECOND_NS   1000000000

static void bench_done(struct bench *b)
{
	engine_runs_done(&b->runs);
	steps_free(b->steps);
	place_close(&b->place);
	inventory_free(b->inv);
	host_tree_done(&b->tree);
	bench_report_free(b->report);
}

int bench_measure(struct bench *b, const struct measure_variant_list *variants, size_t rounds,
	struct nvb_error **err)
{
	const struct measure_options options = {
		.rounds = rounds,
		.budget_ns = (int64_t)b->options->seconds * SECOND_NS,
		.seed = (uint64_t)process_clock_ns() | 1,
		.stop = b->options->stop,
		.progress = b->options->progress,
		.user = b->options->user,
	};

	return measure_variants(b->report, variants, &options, err);
}

int bench_add_variant(struct bench *b, struct measure_variant_list *variants,
	enum bench_line_id line, measure_fn run, void *target, struct nvb_error **err)
{
	struct measure_variant *v = vec_push(b->arena, variants);

	if (!v)
		return NVB_OOM(err);
	*v = (struct measure_variant){ .line = line, .run = run, .target = target };
	return 0;
}

bool bench_is_open(const struct bench *b, enum bench_line_id line)
{
	return b->report->lines[line].wanted && !b->report->lines[line].reason;
}

int bench_measure_lines(struct bench *b, enum bench_line_id first, enum bench_line_id last,
	bench_add_fn add, struct nvb_error **err)
{
	struct measure_variant_list variants = { 0 };

	for (int i = (int)first; i <= (int)last; i++) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		enum bench_line_id line = (enum bench_line_id)i;
		int r = 0;

		if (bench_is_open(b, line) && add(b, &variants, line, &problem) < 0)
			r = bench_report_skip_error(b->report, line, &problem, err);
		if (r < 0)
			return r;
	}
	return bench_measure(b, &variants, b->options->rounds, err);
}

/* The machine. */

static int name_gpus(
	struct bench *b, const struct selection *gpus, const char **ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(NAMES_BYTES);
	struct string_list names = { 0 };
	int r = selector_cdi_names(gpus, b->inv, b->arena, &names, err);

	if (r < 0)
		return r;
	vec_foreach (const char *, name, &names)
		strbuf_printf(&text, "%s%s", name == names.items ? "" : ",", *name);
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	*ret = arena_strdup(b->arena, strbuf_str(&text));
	return *ret ? 0 : NVB_OOM(err);
}

/* Without a selector, a machine without a usable GPU is measured as far as that goes. */
static int select_gpus(struct bench *b, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	bool given = b->options->selectors.n > 0;
	int r;

	b->selectors = b->options->selectors;
	if (!given && string_list_add(b->arena, &b->selectors, "all") < 0)
		return NVB_OOM(err);
	r = selector_resolve(&b->selectors, b->inv, b->arena, &b->gpus, given ? err : &problem);
	if (r == NVB_ERR_NO_GPU && !given) {
		b->gpus = (struct selection){ 0 };
		b->selectors.n = 0;
		return 0;
	}
	if (r < 0 && !given && err)
		*err = TAKE_PTR(problem);
	return r;
}

static int read_machine(struct bench *b, struct nvb_error **err)
{
	struct selection first;
	int r = host_tree_open(b->options->host_root, &b->tree, err);

	if (r >= 0)
		r = inventory_discover(&b->tree, &b->inv, err);
	b->host_root = b->tree.prefix && b->tree.prefix[0] ? b->tree.prefix : "/";
	if (r >= 0 && selector_needs_enrichment(&b->options->selectors))
		r = inventory_ask_library(b->inv, err);
	if (r >= 0)
		r = select_gpus(b, err);
	if (r < 0 || !b->gpus.n)
		return r;
	first = (struct selection){ .items = b->gpus.items, .n = 1 };
	r = name_gpus(b, &b->gpus, &b->all, err);
	return r < 0 ? r : name_gpus(b, &first, &b->one, err);
}

/* Which lines there are, and those that no machine without a GPU can have. */
static int choose_lines(struct bench *b, struct nvb_error **err)
{
	static const enum bench_line_id with_gpus[] = { BENCH_START_ONE, BENCH_START_ALL,
		BENCH_START_ALONE_ALL, BENCH_START_TOOLKIT, BENCH_STEP_ROOT, BENCH_STEP_PLAN,
		BENCH_MEMORY_ALL, BENCH_RUN_ALL, BENCH_SPEC_NVBIND, BENCH_SPEC_TOOLKIT };
	struct bench_line *lines = b->report->lines;
	int r = 0;

	for (size_t i = 0; i < BENCH_LINES; i++)
		lines[i].wanted = bench_line_rows[i].kind == BENCH_KIND_MEASURED;
	lines[BENCH_START_TOOLKIT].wanted = b->options->compare_toolkit;
	lines[BENCH_SPEC_TOOLKIT].wanted = b->options->compare_toolkit;
	lines[BENCH_RUN_DOCKER].wanted = b->options->compare_docker;
	lines[BENCH_RUN_PODMAN].wanted = b->options->compare_podman;
	for (size_t i = 0; !b->gpus.n && r >= 0 && i < ELEMENTS(with_gpus); i++)
		r = bench_report_skip(b->report, with_gpus[i],
			"this machine has no GPU that a driver serves", err);
	return r;
}

/* Inside nvbind. */

static int measure_steps(struct bench *b, struct nvb_error **err)
{
	const struct steps_machine machine = {
		.arena = b->arena,
		.tree = &b->tree,
		.inv = b->inv,
		.selectors = &b->selectors,
		.place = &b->place,
	};
	struct measure_variant_list variants = { 0 };
	int r = steps_new(&machine, b->report, &variants, &b->steps, err);

	return r < 0 ? r : bench_measure(b, &variants, b->options->rounds * STEP_ROUNDS, err);
}

static int run_parts(struct bench *b, struct nvb_error **err)
{
	static int (*const parts[])(struct bench * b, struct nvb_error * *err) = {
		bench_measure_starts,
		measure_steps,
		bench_measure_runs,
		bench_measure_specs,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTS(parts); i++)
		r = parts[i](b, err);
	return r;
}

int bench_run(
	const struct bench_options *options, struct bench_report **ret, struct nvb_error **err)
{
	_cleanup_(bench_done) struct bench b = { .options = options, .tree = HOST_TREE_INIT };
	int r, stopped;

	b.report = bench_report_new();
	if (!b.report)
		return NVB_OOM(err);
	b.arena = b.report->arena;
	r = read_machine(&b, err);
	if (r >= 0)
		r = choose_lines(&b, err);
	if (r >= 0)
		r = place_open(b.arena, options->hook, &b.place, err);
	if (r < 0)
		return r;
	facts_read(b.arena, &b.report->machine);
	if (!host_tree_is_live(&b.tree))
		b.report->machine.host_root = arena_strdup(b.arena, b.host_root);
	b.report->machine.n_gpus = b.inv->gpus.n;
	b.report->machine.n_chosen = b.gpus.n;
	stopped = run_parts(&b, err);
	r = stopped < 0 ? stopped : bench_report_derive(b.report, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(b.report);
	return stopped;
}
