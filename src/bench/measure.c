/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/measure.h"

#include "bench/process.h"

/* All variants take part until they fail. */
struct course {
	struct bench_report *report;
	const struct measure_options *options;
	struct measure_variant *order; /* the first n are left */
	size_t n;
	uint64_t random;
};

/* Source: Marsaglia, "Xorshift RNGs", 2003. Good enough to mix a handful of items. */
static uint64_t next_random(struct course *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

static void shuffle(struct course *c)
{
	for (size_t i = c->n; i > 1; i--) {
		size_t other = (size_t)(next_random(c) % i);
		struct measure_variant moved = c->order[other];

		c->order[other] = c->order[i - 1];
		c->order[i - 1] = moved;
	}
}

static bool is_stopped(const struct course *c)
{
	return c->options->stop && *c->options->stop;
}

static void tell(const struct course *c, const struct measure_variant *v, size_t round)
{
	const struct measure_progress progress = {
		.part = bench_part_title(bench_line_part(v->line)),
		.line = bench_line_title(v->line),
		.round = round,
		.rounds = c->options->rounds,
	};

	if (c->options->progress)
		c->options->progress(c->options->user, &progress);
}

/* Returns 0 if the variant is out of it. */
static int run_one(
	struct course *c, const struct measure_variant *v, size_t round, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct bench_line *line = &c->report->lines[v->line];
	int64_t took_ns = 0;
	int r;

	tell(c, v, round);
	r = v->run(v->target, &took_ns, &problem);
	if (r < 0) {
		r = bench_report_skip_error(c->report, v->line, &problem, err);
		return r < 0 ? r : 0;
	}
	if (round)
		line->samples[line->n++] = took_ns;
	return 1;
}

static int run_round(struct course *c, size_t round, struct nvb_error **err)
{
	size_t left = 0;

	shuffle(c);
	for (size_t i = 0; i < c->n && !is_stopped(c); i++) {
		int r = run_one(c, &c->order[i], round, err);

		if (r < 0)
			return r;
		if (r > 0)
			c->order[left++] = c->order[i];
	}
	if (is_stopped(c))
		return 1;
	c->n = left;
	return 0;
}

int measure_variants(struct bench_report *report, const struct measure_variant_list *variants,
	const struct measure_options *options, struct nvb_error **err)
{
	struct course c = {
		.report = report,
		.options = options,
		.n = variants->n,
		.random = options->seed,
	};
	int64_t end_ns;
	int r;

	if (!variants->n)
		return 0;
	c.order = arena_memdup(report->arena, variants->items, variants->n * sizeof(*c.order));
	if (!c.order)
		return NVB_OOM(err);
	for (size_t i = 0; i < c.n; i++) {
		struct bench_line *line = &report->lines[c.order[i].line];

		line->samples = arena_alloc(report->arena, options->rounds * sizeof(int64_t));
		line->n = 0;
		if (!line->samples)
			return NVB_OOM(err);
	}
	r = run_round(&c, 0, err);
	end_ns = process_clock_ns() + options->budget_ns;
	for (size_t round = 1; r == 0 && c.n && round <= options->rounds; round++) {
		r = run_round(&c, round, err);
		if (process_clock_ns() > end_ns)
			break;
	}
	return r;
}
