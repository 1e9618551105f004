/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "bench/compare_list.h"

static void test_words(void **state)
{
	struct bench_options o = { 0 };

	(void)state;
	assert_int_equal(compare_list_parse("docker", &o, NULL), 0);
	assert_true(o.compare_docker && !o.compare_podman && !o.compare_toolkit);
	assert_int_equal(compare_list_parse("nvidia,podman,nvidia", &o, NULL), 0);
	assert_true(o.compare_docker && o.compare_podman && o.compare_toolkit);
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = { "", ",", "docker,", ",docker", "dock", "dockers",
		"docker podman", "all" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct bench_options o = { 0 };

		assert_int_equal(compare_list_parse(texts[i], &o, &err), NVB_ERR_USAGE);
		assert_non_null(strstr(nvb_error_get_hint(err), "docker, podman and nvidia"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests_name("compare-list", tests, NULL, NULL);
}
