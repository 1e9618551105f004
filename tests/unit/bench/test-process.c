/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>

#include "bench/process.h"

static const char *const no_environment[] = { NULL };

static int shell(const char *script, int64_t *ret_ns, struct nvb_error **err)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct process p = { .argv = argv, .envp = no_environment, .output_fd = -1 };

	return process_run(&p, ret_ns, err);
}

static void test_time(void **state)
{
	int64_t took_ns = 0;

	(void)state;
	assert_int_equal(shell("sleep 0.05", &took_ns, NULL), 0);
	assert_true(took_ns >= 50 * 1000000);
	assert_true(took_ns < INT64_C(20) * 1000000000);
}

static void expect_failure(const char *script, const char *end)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int64_t took_ns = -1;
	const char *message;

	assert_int_equal(shell(script, &took_ns, &err), NVB_ERR_ENGINE);
	assert_int_equal(took_ns, -1);
	message = nvb_error_message(err);
	assert_true(strlen(message) > strlen(end));
	assert_string_equal(message + strlen(message) - strlen(end), end);
}

/* The reason, and not the advice behind it. */
static void test_failure(void **state)
{
	(void)state;
	expect_failure("exit 3", "'/bin/sh': exit status 3");
	expect_failure("kill -9 $$", "'/bin/sh': killed by signal 9");
	expect_failure("echo one >&2; echo two >&2; exit 1", "exit status 1: two");
	expect_failure(
		"echo reason >&2; echo '  hint: x' >&2; echo >&2; exit 1", "exit status 1: reason");
	expect_failure("printf \"reason\\n\\nRun 'x run --help' for more\" >&2; exit 1",
		"exit status 1: reason");
	expect_failure("echo '  hint' >&2; exit 1", "exit status 1");
	expect_failure("i=0; while [ $i -lt 2000 ]; do echo 12345678 >&2; i=$((i + 1)); done; "
		       "echo end >&2; exit 1",
		"exit status 1: end");
}

static void test_missing(void **state)
{
	const char *const argv[] = { "/nonexistent/program", NULL };
	const struct process p = { .argv = argv, .envp = no_environment, .output_fd = -1 };
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_int_equal(process_run(&p, NULL, &err), NVB_ERR_ENGINE);
	assert_int_equal(nvb_error_errno(err), ENOENT);
}

/* Ctrl-C at the terminal is not the program's, and it inherits nothing. */
static void test_surroundings(void **state)
{
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	const char *const argv[] = { "/bin/sh", "-c",
		"read a b c d e rest </proc/self/stat; echo $e; ls /proc/self/fd | tail -n 1",
		NULL };
	const struct process p = { .argv = argv, .envp = no_environment, .output_fd = fd };
	char text[64] = { 0 }, own[32];
	long fds;

	(void)state;
	assert_int_equal(process_run(&p, NULL, NULL), 0);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	(void)snprintf(own, sizeof(own), "%d\n", (int)getpgrp());
	assert_true(strncmp(text, own, strlen(own)) != 0);
	assert_non_null(strchr(text, '\n'));
	/* ls has 0, 1, 2 and the directory itself. */
	fds = strchr(text, '\n')[1] - '0';
	assert_int_equal(fds, 3);
}

/* What we have ourselves, or what ended before, does not count. */
static void test_peak(void **state)
{
	static char ballast[64 << 20];
	const char *const small_argv[] = { "/bin/true", NULL };
	const char *const big_argv[] = { "/bin/sh", "-c",
		"x=$(head -c 40000000 /dev/zero | tr '\\0' a); exit 3", NULL };
	const struct process small = { .argv = small_argv, .envp = no_environment };
	const struct process big = { .argv = big_argv, .envp = no_environment };
	int64_t bytes = 0;

	(void)state;
	memset(ballast, 1, sizeof(ballast));
	assert_int_equal(process_peak(&small, &bytes, NULL), 0);
	assert_true(bytes > 50000 && bytes < 30000000);
	assert_int_equal(process_peak(&big, &bytes, NULL), 0);
	assert_true(bytes >= 40000000);
}

/* The memory of what it becomes would be told in its place. */
static void test_peak_of_others(void **state)
{
	const char *const missing_argv[] = { "/nonexistent", NULL };
	const char *const other_argv[] = { "/bin/sh", "-c", "exec /bin/true", NULL };
	const struct process missing = { .argv = missing_argv, .envp = no_environment };
	const struct process other = { .argv = other_argv, .envp = no_environment };
	int64_t bytes = -1;

	(void)state;
	assert_int_equal(process_peak(&missing, &bytes, NULL), NVB_ERR_ENGINE);
	assert_int_equal(process_peak(&other, &bytes, NULL), NVB_ERR_ENGINE);
	assert_int_equal(bytes, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_peak),
		cmocka_unit_test(test_peak_of_others),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
