/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bench/lines.h"
#include "format/json.h"

#define MS INT64_C(1000000)

static void set(struct bench_report *report, enum bench_line_id id, int64_t a, int64_t b, int64_t c)
{
	struct bench_line *line = &report->lines[id];
	const int64_t samples[] = { a, b, c };

	line->wanted = true;
	line->samples = arena_memdup(report->arena, samples, sizeof(samples));
	line->n = 3;
}

static struct bench_report *make(void)
{
	struct bench_report *report = bench_report_new();

	assert_non_null(report);
	set(report, BENCH_START_ALONE, 10 * MS, 12 * MS, 11 * MS);
	set(report, BENCH_START_ALL, 14 * MS, 15 * MS, 16 * MS);
	set(report, BENCH_START_TOOLKIT, 30 * MS, 32 * MS, 35 * MS);
	report->lines[BENCH_START_PASS].wanted = true;
	assert_int_equal(bench_report_skip(report, BENCH_START_PASS, "no such\nluck", NULL), 0);
	assert_int_equal(bench_report_derive(report, NULL), 0);
	return report;
}

/* Within each round: not of sorted samples. */
static void test_differences(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = make();
	const struct bench_line *line = &report->lines[BENCH_ADDED_ALL];

	(void)state;
	assert_true(line->wanted);
	assert_int_equal(line->n, 3);
	assert_int_equal(line->samples[0], 4 * MS);
	assert_int_equal(line->samples[1], 3 * MS);
	assert_int_equal(line->samples[2], 5 * MS);
	/* 20 to 4 */
	assert_int_equal(report->lines[BENCH_RATIO_TOOLKIT].samples[0], 5000);
}

/* What one of the two lacks, the difference lacks for the same reason; nobody asked: not shown. */
static void test_missing(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = make();

	(void)state;
	assert_true(report->lines[BENCH_ADDED_PASS].wanted);
	assert_int_equal(report->lines[BENCH_ADDED_PASS].n, 0);
	assert_string_equal(report->lines[BENCH_ADDED_PASS].reason, "no such\nluck");
	assert_false(report->lines[BENCH_ADDED_ONE].wanted);
	assert_false(report->lines[BENCH_RATIO_SPEC].wanted);
}

/* A ratio to what is lost in the noise would be a number without a meaning. */
static void test_noise(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();

	(void)state;
	set(report, BENCH_START_ALONE, 10, 12, 11);
	set(report, BENCH_START_ALL, 9, 13, 10);
	set(report, BENCH_START_TOOLKIT, 30, 32, 35);
	assert_int_equal(bench_report_derive(report, NULL), 0);
	assert_int_equal(report->lines[BENCH_RATIO_TOOLKIT].n, 0);
	assert_non_null(strstr(report->lines[BENCH_RATIO_TOOLKIT].reason, "noise"));
}

static void test_skip_part(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();

	(void)state;
	assert_int_equal(bench_report_skip(report, BENCH_RUN_ALL, "first", NULL), 0);
	assert_int_equal(bench_report_skip_part(report, BENCH_PART_RUN, "second", NULL), 0);
	assert_string_equal(report->lines[BENCH_RUN_ALL].reason, "first");
	assert_string_equal(report->lines[BENCH_RUN_DOCKER].reason, "second");
	assert_null(report->lines[BENCH_RATIO_DOCKER].reason);
	assert_null(report->lines[BENCH_SPEC_NVBIND].reason);
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void test_text(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = make();
	_cleanup_free_ char *text = NULL;

	(void)state;
	report->machine.n_gpus = 8;
	assert_int_equal(bench_report_format_text(report, &text, NULL), 0);
	expect(text,
		"  low-level runtime alone                       11.00    10.00    12.00      3\n");
	expect(text, "    times as much as nvbind-runtime adds         5.0x\n");
	expect(text, "not measured: no such\\x0aluck\n");
	expect(text, "processor           -\n");
	assert_null(strstr(text, bench_part_rows[BENCH_PART_MEMORY].title));
	assert_null(strstr(text, bench_line_rows[BENCH_START_ONE].title));
}

static void test_json(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = make();
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	struct json_at top, machine, lines;
	size_t measured = 0;

	(void)state;
	assert_int_equal(bench_report_format_json(report, &text, NULL), 0);
	assert_int_equal(json_parse(text, strlen(text), &root, NULL), 0);
	assert_true(json_root(root, json_type_object, &top, NULL) >= 0);
	assert_int_equal(json_member(&top, "machine", json_type_object, &machine, NULL), 1);
	assert_null(json_object_object_get(machine.value, "processor"));
	assert_int_equal(json_member(&top, "lines", json_type_array, &lines, NULL), 1);
	for (size_t i = 0; i < json_length(&lines); i++) {
		const char *key = NULL, *reason = NULL, *unit = NULL;
		uint64_t runs = 0, p50 = 0;
		struct json_at line;

		assert_true(json_item(&lines, i, json_type_object, &line, NULL) >= 0);
		assert_int_equal(json_get_string(&line, "key", &key, NULL), 1);
		assert_int_equal(json_get_string(&line, "unit", &unit, NULL), 1);
		assert_int_equal(json_get_uint(&line, "runs", 1000, &runs, NULL), 1);
		/* Numbers or a reason, never both. */
		assert_int_equal(json_get_uint(&line, "p50", INT64_MAX, &p50, NULL), runs > 0);
		assert_int_equal(json_get_string(&line, "reason", &reason, NULL), runs == 0);
		measured += runs > 0;
		if (strcmp(key, "added.gpus") == 0)
			assert_int_equal(p50, 4 * MS);
		assert_string_equal(unit, strcmp(key, "ratio.nvidia") == 0 ? "permille" : "ns");
	}
	assert_int_equal(measured, 6);
}

/* Keys are what programs hold on to: each once, in the part that they begin with. */
static void test_table(void **state)
{
	(void)state;
	for (int i = 0; i < BENCH_LINES; i++) {
		const struct bench_line_row *row = &bench_line_rows[i];

		assert_true(row->note[0] && row->title[0]);
		for (int other = 0; other < i; other++)
			assert_string_not_equal(row->key, bench_line_rows[other].key);
		if (row->kind == BENCH_KIND_MEASURED)
			continue;
		/* Derived from what stands above: one pass in the order of the table is enough. */
		assert_true((int)row->more < i && (int)row->less < i);
	}
	assert_int_equal(bench_line_part(BENCH_START_ALONE), BENCH_PART_START);
	assert_int_equal(bench_line_part(BENCH_START_TOOLKIT), BENCH_PART_START);
	assert_int_equal(bench_line_part(BENCH_ADDED_PASS), BENCH_PART_ADDED);
	assert_int_equal(bench_line_part(BENCH_RATIO_SPEC), BENCH_PART_SPEC);
	assert_string_equal(bench_line_unit(BENCH_MEMORY_ALL), "bytes");
	assert_string_equal(bench_line_unit(BENCH_STEP_PLAN), "ns");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_skip_part),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
