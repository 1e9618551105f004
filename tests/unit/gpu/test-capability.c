/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/capability.h"

static void test_parse(void **state)
{
	static const struct {
		const char *list;
		capability_set set;
	} cases[] = {
		{ "compute", CAPABILITY_COMPUTE },
		{ "compute,utility", CAPABILITY_DEFAULT },
		{ "utility,compute,utility", CAPABILITY_DEFAULT },
		{ " graphics , display ", CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY },
		{ ",video,,ngx,", CAPABILITY_VIDEO | CAPABILITY_NGX },
		{ "all", CAPABILITY_ALL },
		{ "compute,all", CAPABILITY_ALL },
		{ "compat32", CAPABILITY_COMPAT32 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		capability_set set = 0;

		assert_int_equal(capability_parse(cases[i].list, &set, NULL), 0);
		assert_int_equal(set, cases[i].set);
	}
}

static void test_parse_errors(void **state)
{
	static const struct {
		const char *list, *named;
	} cases[] = {
		{ "", "empty" },
		{ " , ,", "empty" },
		{ "computer", "'computer'" },
		{ "compute,gpu", "'gpu'" },
		{ "Compute", "'Compute'" },
		{ "compute;utility", "'compute;utility'" },
		{ "comp\033[31m", "'comp\\x1b[31m'" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		capability_set set = 99;

		assert_int_equal(capability_parse(cases[i].list, &set, &err), NVB_ERR_USAGE);
		assert_non_null(strstr(nvb_error_message(err), cases[i].named));
		assert_non_null(nvb_error_get_hint(err));
		assert_int_equal(set, 99);
	}
}

static void test_hint_lists_all(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	capability_set set;

	(void)state;
	assert_int_equal(capability_parse("x", &set, &err), NVB_ERR_USAGE);
	for (unsigned bit = 0; bit < CAPABILITY_BIT_COUNT; bit++)
		assert_non_null(strstr(nvb_error_get_hint(err), capability_name(bit)));
}

/* What is formatted parses to the same set, for every set. */
static void test_format(void **state)
{
	(void)state;
	for (capability_set set = 1; set <= CAPABILITY_ALL; set++) {
		_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);
		capability_set parsed = 0;

		capability_format(set, &text);
		assert_int_equal(capability_parse(strbuf_str(&text), &parsed, NULL), 0);
		assert_int_equal(parsed, set);
	}
}

static void test_format_text(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);

	(void)state;
	capability_format(0, &text);
	assert_string_equal(strbuf_str(&text), "");
	capability_format(CAPABILITY_DISPLAY | CAPABILITY_COMPUTE, &text);
	assert_string_equal(strbuf_str(&text), "compute,display");
	strbuf_truncate(&text, 0);
	capability_format(CAPABILITY_ALL, &text);
	assert_string_equal(strbuf_str(&text), "all");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(capability_name(CAPABILITY_BIT_COMPUTE), "compute");
	assert_string_equal(capability_meaning(CAPABILITY_BIT_UTILITY), "nvidia-smi, NVML");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_errors),
		cmocka_unit_test(test_hint_lists_all),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_text),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("gpu capability", tests, NULL, NULL);
}
