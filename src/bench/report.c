/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report.h"

#include "bench/lines.h"

struct bench_report *bench_report_new(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct bench_report *report = a ? arena_new_object(a, struct bench_report) : NULL;

	if (report)
		report->arena = TAKE_PTR(a);
	return report;
}

void bench_report_free(struct bench_report *report)
{
	/* It lies in its own arena. */
	if (report)
		arena_free(report->arena);
}

int bench_report_skip(struct bench_report *report, enum bench_line_id id, const char *reason,
	struct nvb_error **err)
{
	struct bench_line *line = &report->lines[id];

	if (line->reason)
		return 0;
	line->reason = arena_strdup(report->arena, reason);
	line->n = 0;
	return line->reason ? 0 : NVB_OOM(err);
}

int bench_report_skip_part(struct bench_report *report, enum bench_part_id part, const char *reason,
	struct nvb_error **err)
{
	int r = 0;

	for (int i = 0; r >= 0 && i < BENCH_LINES; i++) {
		enum bench_line_id id = (enum bench_line_id)i;

		if (bench_line_part(id) == part && bench_line_rows[id].kind == BENCH_KIND_MEASURED)
			r = bench_report_skip(report, id, reason, err);
	}
	return r;
}

const char *bench_report_reason(struct bench_report *report, const struct nvb_error *problem)
{
	const char *hint = nvb_error_get_hint(problem);

	return arena_printf(report->arena, "%s%s%s", nvb_error_message(problem), hint ? "; " : "",
		hint ? hint : "");
}

int bench_report_skip_error(struct bench_report *report, enum bench_line_id line,
	struct nvb_error **take_problem, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = TAKE_PTR(*take_problem);
	const char *reason = bench_report_reason(report, problem);

	return reason ? bench_report_skip(report, line, reason, err) : NVB_OOM(err);
}

static int derive_difference(struct bench_report *report, struct bench_line *line,
	const struct bench_line *more, const struct bench_line *less, struct nvb_error **err)
{
	size_t n = more->n < less->n ? more->n : less->n;
	int64_t *samples = arena_alloc(report->arena, n * sizeof(*samples));

	if (!samples)
		return NVB_OOM(err);
	for (size_t i = 0; i < n; i++)
		samples[i] = more->samples[i] - less->samples[i];
	line->samples = samples;
	line->n = n;
	return 0;
}

/* Returns 0 and leaves *ret alone if there are no samples. */
static int median(const struct bench_report *report, const struct bench_line *line, int64_t *ret,
	struct nvb_error **err)
{
	int64_t *copy;

	if (!line->n)
		return 0;
	copy = arena_memdup(report->arena, line->samples, line->n * sizeof(*copy));
	if (!copy)
		return NVB_OOM(err);
	*ret = stats_of(copy, line->n).p50;
	return 1;
}

static int derive_ratio(struct bench_report *report, enum bench_line_id id, struct nvb_error **err)
{
	const struct bench_line_row *row = &bench_line_rows[id];
	struct bench_line *line = &report->lines[id];
	int64_t more = 0, less = 0;
	uint64_t permille;
	int r = median(report, &report->lines[row->more], &more, err);

	if (r >= 0)
		r = median(report, &report->lines[row->less], &less, err);
	if (r < 0)
		return r;
	permille = stats_ratio_permille(more, less);
	if (!permille || permille > INT64_MAX)
		return bench_report_skip(
			report, id, "one of the two is lost in the noise of this machine", err);
	line->samples = arena_new_object(report->arena, int64_t);
	if (!line->samples)
		return NVB_OOM(err);
	line->samples[0] = (int64_t)permille;
	line->n = 1;
	return 0;
}

static int derive(struct bench_report *report, enum bench_line_id id, struct nvb_error **err)
{
	const struct bench_line_row *row = &bench_line_rows[id];
	struct bench_line *line = &report->lines[id];
	const struct bench_line *more = &report->lines[row->more],
				*less = &report->lines[row->less];

	line->wanted = more->wanted && less->wanted;
	if (!line->wanted)
		return 0;
	if (!more->n || !less->n) {
		const char *reason = more->n ? less->reason : more->reason;

		return bench_report_skip(report, id, reason ? reason : "it was not measured", err);
	}
	return row->kind == BENCH_KIND_RATIO ? derive_ratio(report, id, err)
					     : derive_difference(report, line, more, less, err);
}

int bench_report_derive(struct bench_report *report, struct nvb_error **err)
{
	int r = 0;

	/* In the order of the table: a ratio may be one of differences, which stand above it. */
	for (int i = 0; r >= 0 && i < BENCH_LINES; i++)
		if (bench_line_rows[i].kind != BENCH_KIND_MEASURED)
			r = derive(report, (enum bench_line_id)i, err);
	return r;
}
