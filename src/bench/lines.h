/* SPDX-License-Identifier: Apache-2.0 */
/* lines.def as tables. */
#pragma once

#include "bench/report.h"

enum bench_unit {
	BENCH_MILLISECONDS,
	BENCH_MICROSECONDS,
	BENCH_MEBIBYTES,
};

enum bench_line_kind {
	BENCH_KIND_MEASURED,
	BENCH_KIND_DIFFERENCE,
	BENCH_KIND_RATIO, /* one sample, in permille */
};

struct bench_part_row {
	const char *title;
	enum bench_unit unit;
	enum bench_line_id first; /* of its lines; the next part's first ends them */
};

struct bench_line_row {
	enum bench_line_kind kind;
	const char *key, *title, *note;
	enum bench_line_id more, less; /* of differences and ratios */
};

extern const struct bench_line_row bench_line_rows[BENCH_LINES];
extern const struct bench_part_row bench_part_rows[BENCH_PARTS];

/* What a line's samples count: "ns", "bytes", "permille". */
const char *bench_line_unit(enum bench_line_id line);
