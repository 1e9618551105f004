/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/user_namespace.h"
#include "namespace-of-one.h"

#define EXIT_SKIPPED 77

/* The machine decides where the test runs: what it says itself is the measure. */
static void test_here(void **state)
{
	_cleanup_free_ char *map = NULL;
	unsigned inside = 1, outside = 1, count = 0;

	(void)state;
	assert_int_equal(file_read_path("/proc/self/uid_map", 1 << 16, &map, NULL), 0);
	assert_int_equal(sscanf(map, "%u %u %u", &inside, &outside, &count), 3);
	assert_int_equal(user_namespace_is_initial(), !inside && !outside && count == UINT32_MAX);
	assert_true(user_namespace_has_id(geteuid()));
	/* No number is -1. */
	assert_false(user_namespace_has_id(UINT32_MAX));
}

static int check_only_user(void)
{
	if (!enter_namespace_of_one())
		return EXIT_SKIPPED;
	return user_namespace_is_initial() || !user_namespace_has_id(0) ||
	       user_namespace_has_id(1) || user_namespace_has_id(65534);
}

static void test_only_user(void **state)
{
	struct spawn_exit e;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(check_only_user());
	assert_int_equal(spawn_wait(pid, &e, NULL), 0);
	if (spawn_exit_code(e) == EXIT_SKIPPED)
		skip();
	assert_int_equal(spawn_exit_code(e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_here),
		cmocka_unit_test(test_only_user),
	};

	return cmocka_run_group_tests_name("base/user-namespace", tests, NULL, NULL);
}
