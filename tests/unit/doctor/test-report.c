/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/check.h"

static struct doctor_finding findings[] = {
	{ "gpus", DOCTOR_OK, "8 of 8 GPUs can be used", NULL },
	{ "driver-files", DOCTOR_FAILED, "two \"versions\"", "restart" },
	{ "cgroups", DOCTOR_SKIPPED, "no", NULL },
};

static struct doctor_report report = {
	.findings = { findings, ELEMENTS(findings), ELEMENTS(findings) },
	.counts = { [DOCTOR_OK] = 1, [DOCTOR_FAILED] = 1, [DOCTOR_SKIPPED] = 1 },
};

static void test_text(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(doctor_format_text(&report, false, &text, NULL), 0);
	assert_string_equal(text, "failed   driver-files     two \"versions\"\n"
				  "                          fix: restart\n"
				  "\n"
				  "1 ok, 0 warnings, 1 failed, 1 skipped\n");
}

static void test_detailed_text(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(doctor_format_text(&report, true, &text, NULL), 0);
	assert_string_equal(text, "ok       gpus             8 of 8 GPUs can be used\n"
				  "failed   driver-files     two \"versions\"\n"
				  "                          fix: restart\n"
				  "skipped  cgroups          no\n"
				  "\n"
				  "1 ok, 0 warnings, 1 failed, 1 skipped\n");
}

static void test_nothing_to_say(void **state)
{
	const struct doctor_report empty = { 0 };
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(doctor_format_text(&empty, false, &text, NULL), 0);
	assert_string_equal(text, "0 ok, 0 warnings, 0 failed, 0 skipped\n");
}

static void test_json(void **state)
{
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(doctor_format_json(&report, &text, NULL), 0);
	assert_non_null(strstr(text, "\"name\": \"driver-files\""));
	assert_non_null(strstr(text, "\"reason\": \"two \\\"versions\\\"\""));
	assert_non_null(strstr(text, "\"fix\": null"));
	assert_non_null(strstr(text, "\"failed\": 1"));
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static struct doctor new_doctor(struct arena *arena)
{
	return (struct doctor){ .arena = arena, .reason = STRBUF_INIT(8192) };
}

static void test_the_worst_note_decides(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct doctor d = new_doctor(arena);

	(void)state;
	check_note(&d, DOCTOR_OK, "fine");
	check_fix(&d, "nothing");
	check_note(&d, DOCTOR_WARNING, "first %d", 1);
	check_fix(&d, "fix 1");
	check_note(&d, DOCTOR_OK, "fine too");
	check_fix(&d, "nothing");
	check_note(&d, DOCTOR_WARNING, "second");
	check_fix(&d, "fix 2");
	assert_int_equal(d.result, DOCTOR_WARNING);
	assert_string_equal(strbuf_str(&d.reason), "first 1; second");
	assert_string_equal(d.fix, "fix 1");
	check_note(&d, DOCTOR_FAILED, "worse");
	assert_int_equal(d.result, DOCTOR_FAILED);
	assert_string_equal(strbuf_str(&d.reason), "worse");
	assert_null(d.fix);
	strbuf_done(&d.reason);
}

static void test_a_second_note_brings_the_fix(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct doctor d = new_doctor(arena);

	(void)state;
	check_note(&d, DOCTOR_FAILED, "a");
	check_note(&d, DOCTOR_FAILED, "b");
	check_fix(&d, "mend \x01%s", "b");
	assert_string_equal(d.fix, "mend \\x01b");
	strbuf_done(&d.reason);
}

static void test_many_and_long_notes(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct doctor d = new_doctor(arena);
	char text[5000];

	(void)state;
	memset(text, '\x1b', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		check_note(&d, DOCTOR_FAILED, "%s", text);
	assert_false(strbuf_failed(&d.reason));
	assert_false(d.out_of_memory);
	assert_int_equal(d.n_reasons, 1000);
	strbuf_done(&d.reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_detailed_text),
		cmocka_unit_test(test_nothing_to_say),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_the_worst_note_decides),
		cmocka_unit_test(test_a_second_note_brings_the_fix),
		cmocka_unit_test(test_many_and_long_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
