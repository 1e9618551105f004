/* SPDX-License-Identifier: Apache-2.0 */
/* A report as a table for people and as JSON for programs. */
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "bench/lines.h"
#include "format/json.h"

#define TEXT_BYTES    ((size_t)1 << 18)
#define TITLE_COLUMNS 44
/* Of text that comes from programs. */
#define REASON_BYTES 400

static const struct {
	const char *name;
	double one; /* in nanoseconds or bytes */
	int digits;
} units[] = {
	[BENCH_MILLISECONDS] = { "ms", 1e6, 2 },
	[BENCH_MICROSECONDS] = { "us", 1e3, 1 },
	[BENCH_MEBIBYTES] = { "MiB", 1 << 20, 1 },
};

/* Returns 0 if the line holds no samples. */
static int line_stats(const struct bench_line *line, struct stats *ret, struct nvb_error **err)
{
	_cleanup_free_ int64_t *copy = NULL;

	if (!line->n)
		return 0;
	copy = calloc(line->n, sizeof(*copy));
	if (!copy)
		return NVB_OOM(err);
	memcpy(copy, line->samples, line->n * sizeof(*copy));
	*ret = stats_of(copy, line->n);
	return 1;
}

static void add_numbers(struct strbuf *out, enum bench_line_id id, const struct stats *s)
{
	enum bench_unit unit = bench_part_rows[bench_line_part(id)].unit;
	const int64_t values[] = { s->p50, s->p5, s->p95 };

	if (bench_line_rows[id].kind == BENCH_KIND_RATIO) {
		strbuf_printf(out, "%8.1fx", (double)s->p50 / 1000);
		return;
	}
	for (size_t i = 0; i < (s->n > 1 ? ELEMENTS(values) : 1); i++)
		strbuf_printf(
			out, "%9.*f", units[unit].digits, (double)values[i] / units[unit].one);
	if (s->n > 1)
		strbuf_printf(out, "%7zu", s->n);
}

static int add_line(struct strbuf *out, const struct bench_report *report, enum bench_line_id id,
	struct nvb_error **err)
{
	const struct bench_line *line = &report->lines[id];
	const struct bench_line_row *row = &bench_line_rows[id];
	struct stats s = { 0 };
	int r = line_stats(line, &s, err);

	if (r < 0)
		return r;
	strbuf_printf(out, "  %-*s", TITLE_COLUMNS - 2, row->title);
	if (r > 0) {
		add_numbers(out, id, &s);
		strbuf_printf(out, "\n      %s\n", row->note);
		return 0;
	}
	strbuf_str_add(out, "        -\n      not measured: ");
	strbuf_escaped_add(out, line->reason ? line->reason : "nothing was run", REASON_BYTES);
	strbuf_char_add(out, '\n');
	return 0;
}

static bool is_wanted(const struct bench_report *report, enum bench_part_id part)
{
	for (int i = 0; i < BENCH_LINES; i++)
		if (report->lines[i].wanted && bench_line_part((enum bench_line_id)i) == part)
			return true;
	return false;
}

static int add_part(struct strbuf *out, const struct bench_report *report, enum bench_part_id part,
	struct nvb_error **err)
{
	const struct bench_part_row *row = &bench_part_rows[part];
	int r = 0;

	if (!is_wanted(report, part))
		return 0;
	strbuf_printf(out, "\n%s, %s\n%*s%9s", row->title, units[row->unit].name, TITLE_COLUMNS, "",
		row->unit == BENCH_MEBIBYTES ? "peak" : "p50");
	if (row->unit != BENCH_MEBIBYTES)
		strbuf_printf(out, "%9s%9s%7s", "p5", "p95", "runs");
	strbuf_char_add(out, '\n');
	for (int i = 0; r >= 0 && i < BENCH_LINES; i++) {
		enum bench_line_id id = (enum bench_line_id)i;

		if (bench_line_part(id) == part && report->lines[id].wanted)
			r = add_line(out, report, id, err);
	}
	return r;
}

static void add_fact(struct strbuf *out, const char *name, const char *value)
{
	strbuf_printf(out, "  %-20s", name);
	strbuf_escaped_add(out, value ? value : "-", REASON_BYTES);
	strbuf_char_add(out, '\n');
}

static void add_machine(struct strbuf *out, const struct bench_machine *m)
{
	char gpus[64], cores[32];

	(void)snprintf(gpus, sizeof(gpus), "%zu, of them chosen: %zu", m->n_gpus, m->n_chosen);
	(void)snprintf(cores, sizeof(cores), "%u", m->cores);
	strbuf_str_add(out, "Measured here and now; the numbers are of this machine alone:\n");
	add_fact(out, "kernel", m->kernel);
	add_fact(out, "processor", m->processor);
	add_fact(out, "cores", m->cores ? cores : NULL);
	add_fact(out, "nvbind", NVBIND_VERSION);
	add_fact(out, "low-level runtime", m->low_level_runtime);
	if (m->low_level_version)
		add_fact(out, "", m->low_level_version);
	add_fact(out, "GPUs", gpus);
	if (m->host_root)
		add_fact(out, "simulated machine", m->host_root);
	strbuf_str_add(out, "p50 is the median; of 100 runs, 5 are at most p5, and 5 above p95.\n");
}

int bench_report_format_text(
	const struct bench_report *report, char **ret_text, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(TEXT_BYTES);
	int r = 0;

	add_machine(&out, &report->machine);
	for (int part = 0; r >= 0 && part < BENCH_PARTS; part++)
		r = add_part(&out, report, (enum bench_part_id)part, err);
	if (r < 0)
		return r;
	*ret_text = strbuf_take(&out);
	return *ret_text ? 0 : NVB_OOM(err);
}

static void add_or_null(
	struct json_builder *b, struct json_object *object, const char *key, uint64_t value)
{
	if (value)
		json_add_uint(b, object, key, value);
	else
		json_add_null(b, object, key);
}

static void add_machine_json(
	struct json_builder *b, struct json_object *object, const struct bench_machine *m)
{
	json_add_string(b, object, "kernel", m->kernel);
	json_add_string(b, object, "processor", m->processor);
	add_or_null(b, object, "cores", m->cores);
	json_add_string(b, object, "nvbind", NVBIND_VERSION);
	json_add_string(b, object, "low_level_runtime", m->low_level_runtime);
	json_add_string(b, object, "low_level_version", m->low_level_version);
	json_add_string(b, object, "host_root", m->host_root);
	json_add_uint(b, object, "gpus", m->n_gpus);
	json_add_uint(b, object, "gpus_chosen", m->n_chosen);
}

static void add_stats_json(
	struct json_builder *b, struct json_object *object, const struct stats *s)
{
	const struct {
		const char *key;
		int64_t value;
	} members[] = {
		{ "min", s->min },
		{ "p5", s->p5 },
		{ "p50", s->p50 },
		{ "p95", s->p95 },
		{ "max", s->max },
	};

	json_add_uint(b, object, "runs", s->n);
	for (size_t i = 0; i < ELEMENTS(members); i++) {
		if (s->n)
			json_add_int(b, object, members[i].key, members[i].value);
		else
			json_add_null(b, object, members[i].key);
	}
}

static int add_line_json(struct json_builder *b, struct json_object *lines,
	const struct bench_report *report, enum bench_line_id id, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf reason = STRBUF_INIT(4 * REASON_BYTES + 1);
	const struct bench_line *line = &report->lines[id];
	const char *title = bench_line_rows[id].title;
	struct json_object *object = json_append_object(b, lines);
	struct stats s = { 0 };
	int r = line_stats(line, &s, err);

	if (r < 0)
		return r;
	if (!r)
		strbuf_escaped_add(
			&reason, line->reason ? line->reason : "nothing was run", REASON_BYTES);
	json_add_string(b, object, "key", bench_line_rows[id].key);
	/* A table shows by the indent what is a part of what. */
	json_add_string(b, object, "title", title + strspn(title, " "));
	json_add_string(b, object, "unit", bench_line_unit(id));
	add_stats_json(b, object, &s);
	json_add_string(b, object, "reason", r ? NULL : strbuf_str(&reason));
	return 0;
}

int bench_report_format_json(
	const struct bench_report *report, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *lines;
	int r = 0;

	json_add_uint(&b, root, "version", BENCH_JSON_VERSION);
	add_machine_json(&b, json_add_object(&b, root, "machine"), &report->machine);
	lines = json_add_array(&b, root, "lines");
	for (int i = 0; r >= 0 && i < BENCH_LINES; i++)
		if (report->lines[i].wanted)
			r = add_line_json(&b, lines, report, (enum bench_line_id)i, err);
	if (r >= 0)
		r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret_text, NULL, err);
}
