/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bench/stats.h"

static void test_one(void **state)
{
	int64_t samples[] = { 7 };
	struct stats s = stats_of(samples, 1);

	(void)state;
	assert_int_equal(s.n, 1);
	assert_int_equal(s.min, 7);
	assert_int_equal(s.p5, 7);
	assert_int_equal(s.p50, 7);
	assert_int_equal(s.p95, 7);
	assert_int_equal(s.max, 7);
}

/* Of 1 to 100 in any order, the percentile is the number itself. */
static void test_hundred(void **state)
{
	int64_t samples[100];
	struct stats s;

	(void)state;
	for (int i = 0; i < 100; i++)
		samples[i] = (i * 37) % 100 + 1;
	s = stats_of(samples, 100);
	assert_int_equal(s.min, 1);
	assert_int_equal(s.p5, 5);
	assert_int_equal(s.p50, 50);
	assert_int_equal(s.p95, 95);
	assert_int_equal(s.max, 100);
}

/* Nearest rank: always a sample, never something between two; differences may be negative. */
static void test_few(void **state)
{
	int64_t samples[] = { 30, -10, 20, INT64_MAX };
	struct stats s = stats_of(samples, 4);

	(void)state;
	assert_int_equal(s.p5, -10);
	assert_int_equal(s.p50, 20);
	assert_true(s.p95 == INT64_MAX);
}

static void test_ratio(void **state)
{
	(void)state;
	assert_int_equal(stats_ratio_permille(3, 2), 1500);
	assert_int_equal(stats_ratio_permille(2, 3), 667);
	assert_int_equal(stats_ratio_permille(0, 3), 0);
	assert_int_equal(stats_ratio_permille(3, 0), 0);
	assert_int_equal(stats_ratio_permille(-3, 2), 0);
	assert_int_equal(stats_ratio_permille(3, -2), 0);
	assert_int_equal(stats_ratio_permille(INT64_MAX, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_hundred),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_ratio),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
