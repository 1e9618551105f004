/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bench/lines.h"
#include "bench/measure.h"

#define ROUNDS 40

/* Who ran when: one letter a run. */
static char order[1024];
static size_t ran;
static volatile sig_atomic_t stop_after;
static volatile sig_atomic_t stop;

struct runner {
	char letter;
	size_t fails_at; /* its own run, from 1; 0: never */
	size_t count;
};

static int run(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	struct runner *r = target;

	order[ran++] = r->letter;
	if (stop_after && ran == (size_t)stop_after)
		stop = 1;
	if (++r->count == r->fails_at)
		return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_ENGINE, 0, "letter '%c'", r->letter),
			"do something");
	*ret_ns = r->letter;
	return 0;
}

static int measure(struct bench_report *report, struct runner runners[static 3], uint64_t seed,
	int64_t budget_ns)
{
	struct measure_variant variants[] = {
		{ BENCH_START_ALONE, run, &runners[0] },
		{ BENCH_START_PASS, run, &runners[1] },
		{ BENCH_START_ONE, run, &runners[2] },
	};
	const struct measure_variant_list list = { .items = variants, .n = 3 };
	const struct measure_options options = {
		.rounds = ROUNDS, .budget_ns = budget_ns, .seed = seed, .stop = &stop
	};

	memset(order, 0, sizeof(order));
	ran = 0;
	return measure_variants(report, &list, &options, NULL);
}

/* Each once in every round, and not always in the same order; the first round does not count. */
static void test_turns(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();
	struct runner runners[] = { { 'a', 0, 0 }, { 'b', 0, 0 }, { 'c', 0, 0 } };
	size_t firsts[3] = { 0 };

	(void)state;
	assert_int_equal(measure(report, runners, 12345, INT64_MAX / 2), 0);
	assert_int_equal(ran, 3 * (ROUNDS + 1));
	for (size_t i = 0; i < ran; i += 3) {
		assert_int_equal(order[i] + order[i + 1] + order[i + 2], 'a' + 'b' + 'c');
		assert_true(order[i] != order[i + 1] && order[i] != order[i + 2]);
		firsts[order[i] - 'a']++;
	}
	for (size_t i = 0; i < 3; i++)
		assert_true(firsts[i] > ROUNDS / 10);
	assert_int_equal(report->lines[BENCH_START_ALONE].n, ROUNDS);
	assert_int_equal(report->lines[BENCH_START_ONE].samples[ROUNDS - 1], 'c');
	assert_null(report->lines[BENCH_START_ONE].reason);
}

/* One round is run whatever the time says. */
static void test_budget(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();
	struct runner runners[] = { { 'a', 0, 0 }, { 'b', 0, 0 }, { 'c', 0, 0 } };

	(void)state;
	assert_int_equal(measure(report, runners, 1, -1), 0);
	assert_int_equal(report->lines[BENCH_START_PASS].n, 1);
}

/* One that fails leaves no numbers behind, and the others go on. */
static void test_failure(void **state)
{
	for (size_t at = 1; at <= 5; at += 4) {
		_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();
		struct runner runners[] = { { 'a', 0, 0 }, { 'b', at, 0 }, { 'c', 0, 0 } };

		(void)state;
		assert_int_equal(measure(report, runners, 99, INT64_MAX / 2), 0);
		assert_int_equal(runners[1].count, at);
		assert_int_equal(report->lines[BENCH_START_PASS].n, 0);
		assert_string_equal(
			report->lines[BENCH_START_PASS].reason, "letter 'b'; do something");
		assert_int_equal(report->lines[BENCH_START_ALONE].n, ROUNDS);
		assert_int_equal(report->lines[BENCH_START_ONE].n, ROUNDS);
	}
}

static void test_stop(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();
	struct runner runners[] = { { 'a', 0, 0 }, { 'b', 0, 0 }, { 'c', 0, 0 } };

	(void)state;
	stop_after = 8;
	assert_int_equal(measure(report, runners, 7, INT64_MAX / 2), 1);
	assert_int_equal(ran, 8);
	stop_after = stop = 0;
}

static void test_nothing(void **state)
{
	_cleanup_(bench_report_freep) struct bench_report *report = bench_report_new();
	const struct measure_variant_list none = { 0 };
	const struct measure_options options = { .rounds = 1, .seed = 1 };

	(void)state;
	assert_int_equal(measure_variants(report, &none, &options, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
