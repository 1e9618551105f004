/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/size.h"

#define GIB ((uint64_t)1 << 30)

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "4096", 4096 },
		{ "7B", 7 },
		{ "7b", 7 },
		{ "500MB", 500 * (GIB >> 10) },
		{ "8GB", 8 * GIB },
		{ "8G", 8 * GIB },
		{ "8g", 8 * GIB },
		{ "8Gi", 8 * GIB },
		{ "8GiB", 8 * GIB },
		{ "8gib", 8 * GIB },
		{ "8 GiB", 8 * GIB },
		{ "1.5G", GIB + GIB / 2 },
		{ "0.125 KiB", 128 },
		{ "0.001K", 1 },
		{ "2T", 2048 * GIB },
		{ "1P", GIB << 20 },
		{ "16383P", UINT64_C(16383) << 50 },
		{ "18446744073709551615", UINT64_MAX },
		{ "17179869183G", UINT64_C(17179869183) << 30 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		uint64_t bytes = 42;

		assert_int_equal(size_parse(cases[i].text, &bytes, NULL), 0);
		assert_true(bytes == cases[i].bytes);
	}
}

static void test_bad_sizes(void **state)
{
	static const char *const cases[] = { "", " ", "G", "-1", "+1", "1X", "1GBB", "1GB ", " 1G",
		"1  G", "1 ", "1.", "1.G", ".5G", "1.5", "1.5B", "1.2345G", "1,5G", "0x10", "1e3",
		"1Bi", "1BB", "1Gi B", "8G8", "18446744073709551616", "17179869184G", "16384P",
		"99999999999999999999999", "1\n", "1G\xff" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		uint64_t bytes = 42;

		assert_int_equal(size_parse(cases[i], &bytes, &err), NVB_ERR_USAGE);
		assert_true(bytes == 42);
		assert_non_null(strstr(nvb_error_message(err), cases[i]));
		assert_non_null(nvb_error_get_hint(err));
	}
}

static void test_percent(void **state)
{
	static const char *const bad[] = { "", "%", "101", "101%", "-1", "50 %", "50%%", "5.5%",
		"1e1", "4294967346" };
	unsigned percent = 42;

	(void)state;
	assert_int_equal(percent_parse("50%", &percent, NULL), 0);
	assert_int_equal(percent, 50);
	assert_int_equal(percent_parse("80", &percent, NULL), 0);
	assert_int_equal(percent, 80);
	assert_int_equal(percent_parse("0%", &percent, NULL), 0);
	assert_int_equal(percent, 0);
	assert_int_equal(percent_parse("100", &percent, NULL), 0);
	assert_int_equal(percent, 100);
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;

		assert_int_equal(percent_parse(bad[i], &percent, &err), NVB_ERR_USAGE);
		assert_int_equal(percent, 100);
		assert_non_null(strstr(nvb_error_message(err), bad[i]));
	}
}

static void test_format(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 512, "512 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.0 KiB" },
		{ 8 * GIB, "8.0 GiB" },
		{ 8 * GIB + GIB / 2, "8.5 GiB" },
		{ 1024 * 1024 - 1, "1.0 MiB" },
		{ GIB - 1, "1.0 GiB" },
		{ 85899345920, "80.0 GiB" },
		{ UINT64_MAX, "16384.0 PiB" },
	};
	char text[SIZE_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_string_equal(size_format(cases[i].bytes, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests_name("format/size", tests, NULL, NULL);
}
