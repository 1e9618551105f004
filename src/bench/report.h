/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured, as data; and this as a table and as JSON.
 *
 * A line holds samples, or the reason why there are none. Nothing stands in a report that was not
 * measured by the process that made it.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "bench/stats.h"

enum bench_part_id {
#define PART(id, title, unit) BENCH_PART_##id,
#define LINE(id, key, title, note)
#define DIFFERENCE(id, key, more, less, title, note)
#define RATIO(id, key, more, less, title, note)
#include "bench/lines.def"
#undef PART
#undef LINE
#undef DIFFERENCE
#undef RATIO
	BENCH_PARTS,
};

enum bench_line_id {
#define PART(id, title, unit)
#define LINE(id, key, title, note)		     BENCH_##id,
#define DIFFERENCE(id, key, more, less, title, note) BENCH_##id,
#define RATIO(id, key, more, less, title, note)	     BENCH_##id,
#include "bench/lines.def"
#undef PART
#undef LINE
#undef DIFFERENCE
#undef RATIO
	BENCH_LINES,
};

/* Of the JSON output. A key or a meaning that goes or changes makes it higher. */
#define BENCH_JSON_VERSION 1

struct bench_line {
	bool wanted;	    /* else it is not shown at all */
	const char *reason; /* why there are no samples; NULL: nothing hindered */
	int64_t *samples;   /* by round, in nanoseconds or bytes; NULL: none */
	size_t n;
};

/* The machine; NULL and 0 are unknown. */
struct bench_machine {
	const char *kernel, *processor, *host_root;
	const char *low_level_runtime, *low_level_version;
	unsigned cores;
	size_t n_gpus, n_chosen;
};

struct bench_report {
	struct arena *arena; /* owns all strings and samples */
	struct bench_machine machine;
	struct bench_line lines[BENCH_LINES];
};

struct bench_report *bench_report_new(void);
void bench_report_free(struct bench_report *report);
DEFINE_FREEP(struct bench_report, bench_report_free)

/* Of parts and lines. */
const char *bench_part_title(enum bench_part_id part);
const char *bench_line_title(enum bench_line_id line);
const char *bench_line_key(enum bench_line_id line);
enum bench_part_id bench_line_part(enum bench_line_id line);

/* An error as a reason, with its hint. NULL: out of memory. */
const char *bench_report_reason(struct bench_report *report, const struct nvb_error *problem);

/* A line, or all measured lines of a part, that cannot be measured. The first reason stays. */
int bench_report_skip(struct bench_report *report, enum bench_line_id line, const char *reason,
	struct nvb_error **err);
int bench_report_skip_part(struct bench_report *report, enum bench_part_id part, const char *reason,
	struct nvb_error **err);
/* The same with the reason of an error, which is freed and emptied. */
int bench_report_skip_error(struct bench_report *report, enum bench_line_id line,
	struct nvb_error **take_problem, struct nvb_error **err);

/*
 * Fills differences and ratios from the lines that were measured: those of a line that is wanted
 * and has no samples get its reason.
 */
int bench_report_derive(struct bench_report *report, struct nvb_error **err);

/* malloc'd. Errors: NVB_ERR_NO_MEMORY, NVB_ERR_FORMAT. */
int bench_report_format_text(
	const struct bench_report *report, char **ret_text, struct nvb_error **err);
int bench_report_format_json(
	const struct bench_report *report, char **ret_text, struct nvb_error **err);
