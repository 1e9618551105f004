/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/runtime_dir.h"

#define NOBODY 65534

static bool is_path(const char *name, const char *wanted)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *path = NULL;

	return runtime_dir_path(name, &path, &err) == 0 && strcmp(path, wanted) == 0;
}

/* Exit code 0: `check` holds for a user without a home in /run/user. */
static void as_nobody(bool (*check)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit((geteuid() == 0 && setuid(NOBODY) < 0) || !check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_true(is_path(NULL, "/run/nvbind"));
	assert_true(is_path("leases", "/run/nvbind/leases"));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
	assert_true(is_path(NULL, "/run/nvbind"));
}

static bool has_session(void)
{
	return is_path(NULL, "/run/user/7/nvbind") &&
	       is_path("journal", "/run/user/7/nvbind/journal") &&
	       !runtime_dir_is_foreign("/run/user/7/nvbind/journal") &&
	       runtime_dir_is_foreign("/run/nvbind/journal");
}

static void test_session(void **state)
{
	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
	as_nobody(has_session);
}

static bool has_none(void)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *path = NULL, *user = NULL;
	struct stat st;

	if (asprintf(&user, "/run/user/%u", (unsigned)geteuid()) < 0)
		return false;
	/* A user with a session of his own runs the test. */
	if (lstat(user, &st) == 0)
		return runtime_dir_path(NULL, &path, &err) == 0 && path_is_below(path, user);
	return runtime_dir_path("journal", &path, &err) == NVB_ERR_NOT_FOUND && !path &&
	       strstr(nvb_error_message(err), "'journal'");
}

static void test_no_session(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	as_nobody(has_none);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
	as_nobody(has_none);
}

static void test_boot_id(void **state)
{
	char id[BOOT_ID_LENGTH + 1];

	(void)state;
	assert_int_equal(runtime_dir_read_boot_id(id), 0);
	assert_int_equal(strlen(id), BOOT_ID_LENGTH);
	assert_null(strchr(id, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_no_session),
		cmocka_unit_test(test_boot_id),
	};

	return cmocka_run_group_tests_name("base/runtime-dir", tests, NULL, NULL);
}
