/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of one bench share. */
#pragma once

#include "bench/bench.h"
#include "bench/compare_engines.h"
#include "bench/start_variant.h"
#include "bench/steps.h"
#include "engine/bolt/runtime.h"

struct bench {
	const struct bench_options *options;
	struct bench_report *report;
	struct arena *arena; /* the report's */
	struct host_tree tree;
	const char *host_root; /* absolute */
	struct inventory *inv;
	struct string_list selectors;
	struct selection gpus; /* empty: there is none */
	const char *all, *one; /* them, and the first of them, as --gpu takes them */
	struct place place;
	struct low_level_runtime low_level;
	struct start_setup setup; /* of starts by it */
	struct engine_runs runs;
	struct steps *steps;
};

/* Parts: return 1 if the bench was stopped. Errors: NVB_ERR_NO_MEMORY. */
int bench_measure_starts(struct bench *b, struct nvb_error **err); /* and memory */
int bench_measure_runs(struct bench *b, struct nvb_error **err);
int bench_measure_specs(struct bench *b, struct nvb_error **err);

/* True if the line is to be measured, and nothing hinders so far. */
bool bench_is_open(const struct bench *b, enum bench_line_id line);

int bench_add_variant(struct bench *b, struct measure_variant_list *variants,
	enum bench_line_id line, measure_fn run, void *target, struct nvb_error **err);

/* Adds what a line measures. Its errors are the line's reason. */
typedef int (*bench_add_fn)(struct bench *b, struct measure_variant_list *variants,
	enum bench_line_id line, struct nvb_error **err);

/* Adds the open ones of the lines from `first` to `last` and measures them. */
int bench_measure_lines(struct bench *b, enum bench_line_id first, enum bench_line_id last,
	bench_add_fn add, struct nvb_error **err);
/* Measures variants as the options say. */
int bench_measure(struct bench *b, const struct measure_variant_list *variants, size_t rounds,
	struct nvb_error **err);
