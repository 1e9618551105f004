/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/number.h"

static void test_decimal(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "1x", "0x1", "1e3", "1.0",
		"18446744073709551616", "99999999999999999999999999", "\xd9\xa1" };
	uint64_t v = 42;

	(void)state;
	assert_true(number_parse("0", 0, &v) && v == 0);
	assert_true(number_parse("007", 9, &v) && v == 7);
	assert_true(number_parse("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
	assert_true(number_parse("255", 255, &v) && v == 255);
	assert_false(number_parse("256", 255, &v));
	assert_false(number_parse("1", 0, &v));
	assert_false(number_parse("9", 5, &v));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(number_parse(bad[i], UINT64_MAX, &v));
	assert_int_equal(v, 255);
}

static void test_length(void **state)
{
	uint64_t v = 42;

	(void)state;
	assert_true(number_parse_n("123/4", 3, 1000, &v) && v == 123);
	assert_false(number_parse_n("123/4", 4, 1000, &v));
	assert_false(number_parse_n("123", 0, 1000, &v));
	assert_false(number_parse_n("1\0002", 3, 1000, &v));
}

static void test_hex(void **state)
{
	static const char *const bad[] = { "", "0x", "0X", "g", "0x0x1", "-1", "x1", "1 ",
		"10000000000000000" };
	uint64_t v = 42;

	(void)state;
	assert_true(number_parse_hex("0x10de", 0xffff, &v) && v == 0x10de);
	assert_true(number_parse_hex("10DE", 0xffff, &v) && v == 0x10de);
	assert_true(number_parse_hex("0XfF", 0xff, &v) && v == 0xff);
	assert_true(number_parse_hex("ffffffffffffffff", UINT64_MAX, &v) && v == UINT64_MAX);
	assert_false(number_parse_hex("100", 0xff, &v));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(number_parse_hex(bad[i], UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests_name("base/number", tests, NULL, NULL);
}
