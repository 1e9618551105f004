/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/state_dir.h"

static void set(const char *override, const char *data_home, const char *home)
{
	const char *const names[] = { "NVBIND_STATE_DIR", "XDG_DATA_HOME", "HOME" };
	const char *const values[] = { override, data_home, home };

	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_int_equal(
			values[i] ? setenv(names[i], values[i], 1) : unsetenv(names[i]), 0);
}

static void assert_path(const char *expected)
{
	_cleanup_free_ char *path = NULL;

	assert_int_equal(state_dir_path(&path, NULL), 0);
	assert_string_equal(path, expected);
}

static void assert_usage(const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	char *path = NULL;

	assert_int_equal(state_dir_path(&path, &err), NVB_ERR_USAGE);
	assert_null(path);
	assert_non_null(strstr(nvb_error_message(err), message));
}

static void test_override(void **state)
{
	(void)state;
	set("/a/b", "/data", "/home/me");
	assert_path("/a/b");
	set("a/b", "/data", "/home/me");
	assert_usage("'a/b' is not an absolute path");
}

static void test_root(void **state)
{
	(void)state;
	if (!state_dir_is_root())
		skip();
	set("", "/data", "/home/me");
	assert_path("/var/lib/nvbind");
}

static void test_user(void **state)
{
	(void)state;
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_false(state_dir_is_root());
	set(NULL, "/data", "/home/me");
	assert_path("/data/nvbind");
	set(NULL, "data", "/home/me");
	assert_path("/home/me/.local/share/nvbind");
	set(NULL, NULL, "home");
	assert_usage("no HOME");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
