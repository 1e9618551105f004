/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/path.h"
#include "base/spawn.h"
#include "namespace-of-one.h"

#define EXIT_SKIPPED 77

static uint64_t now_ms(void)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int run_shell(const char *script, struct spawn_capture_options o, char **output,
	struct spawn_exit *e, struct nvb_error **err)
{
	o.argv = (const char *const[]){ "/bin/sh", "-c", script, NULL };
	if (!o.limit_bytes)
		o.limit_bytes = 1 << 16;
	return spawn_capture(&o, output, e, err);
}

static void test_output(void **state)
{
	static const char *const environment[] = { "NAME=value", NULL };
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e = { 0 };

	(void)state;
	assert_int_equal(
		run_shell("echo \"$NAME\"; echo unseen >&2; read line; exit 3",
			(struct spawn_capture_options){ .envp = environment }, &output, &e, NULL),
		0);
	assert_string_equal(output, "value\n");
	assert_int_equal(spawn_exit_code(e), 3);
}

static void test_clean_child(void **state)
{
	_cleanup_free_ char *output = NULL, *fds = NULL;
	int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
	struct spawn_exit e;
	sigset_t set;

	(void)state;
	assert_int_equal(setenv("NVBIND_LEAK", "1", 1), 0);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	assert_int_equal(
		run_shell("echo \"$NVBIND_LEAK\"; grep -E '^Sig(Blk|Ign)' /proc/self/status",
			(struct spawn_capture_options){ 0 }, &output, &e, NULL),
		0);
	assert_string_equal(output, "\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	/* ls opens the directory as the lowest free one. */
	assert_int_equal(run_shell("exec ls /proc/self/fd", (struct spawn_capture_options){ 0 },
				 &fds, &e, NULL),
		0);
	assert_string_equal(fds, "0\n1\n2\n3\n");
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	closep(&leak);
}

static void assert_fails(
	const char *script, struct spawn_capture_options o, int status, const char *part)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct spawn_exit e;
	char *output = NULL;

	assert_int_equal(run_shell(script, o, &output, &e, &err), status);
	assert_null(output);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("'%s' does not say: %s", nvb_error_message(err), part);
}

static void test_timeout(void **state)
{
	const struct spawn_capture_options soon = { .timeout_ms = 200 };
	uint64_t start = now_ms();

	(void)state;
	assert_fails("echo some; exec sleep 20", soon, NVB_ERR_FAILED,
		"'/bin/sh' did not answer in 200 ms");
	/* It says nothing more, yet does not end. */
	assert_fails("exec >&-; exec sleep 20", soon, NVB_ERR_FAILED, "did not answer in 200 ms");
	/* It ends, and what it started keeps the pipe. */
	assert_fails("sleep 20 & exit 0", soon, NVB_ERR_FAILED, "did not answer in 200 ms");
	/* It never pauses. */
	assert_fails("while :; do echo; done",
		(struct spawn_capture_options){ .timeout_ms = 200, .limit_bytes = 1 << 30 },
		NVB_ERR_FAILED, "did not answer in 200 ms");
	assert_true(now_ms() - start < 10000);
}

static void test_timeout_is_not_reached(void **state)
{
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	(void)state;
	assert_int_equal(
		run_shell("exec >&-; sleep 0.1; exit 4",
			(struct spawn_capture_options){ .timeout_ms = 60000 }, &output, &e, NULL),
		0);
	assert_int_equal(spawn_exit_code(e), 4);
	assert_string_equal(output, "");
}

static void test_limit(void **state)
{
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	(void)state;
	assert_fails("echo 1234", (struct spawn_capture_options){ .limit_bytes = 4 }, NVB_ERR_LIMIT,
		"'/bin/sh' prints more than 4 bytes");
	assert_fails("while :; do echo 1234567890; done",
		(struct spawn_capture_options){ .limit_bytes = 100000 }, NVB_ERR_LIMIT,
		"more than");
	assert_int_equal(run_shell("echo 123", (struct spawn_capture_options){ .limit_bytes = 4 },
				 &output, &e, NULL),
		0);
	assert_string_equal(output, "123\n");
}

static void test_signal(void **state)
{
	(void)state;
	assert_fails("kill -9 $$", (struct spawn_capture_options){ 0 }, NVB_ERR_FAILED,
		"'/bin/sh' was killed by signal 9");
	assert_int_equal(spawn_exit_code((struct spawn_exit){ .by_signal = true, .code = 9 }), 137);
}

static void test_cannot_start(void **state)
{
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	(void)state;
	assert_int_equal(spawn_capture(
				 &(struct spawn_capture_options){
					 .argv = (const char *const[]){ "/nonexistent", NULL },
					 .limit_bytes = 10,
				 },
				 &output, &e, NULL),
		0);
	assert_int_equal(spawn_exit_code(e), 127);
}

static void test_unprivileged(void **state)
{
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(
		run_shell("grep -E '^(Uid|Gid|Groups|NoNewPrivs)' /proc/self/status | tr -s '\t ' "
			  "' '",
			(struct spawn_capture_options){ .unprivileged = true }, &output, &e, NULL),
		0);
	assert_string_equal(output, "Uid: 65534 65534 65534 65534\n"
				    "Gid: 65534 65534 65534 65534\nGroups: \nNoNewPrivs: 1\n");
}

/* Where root is the only user, as in namespaces that ordinary users make. */
static int run_as_only_user(void)
{
	static const char wanted[] = "Uid: 0 0 0 0\nCapPrm: 0000000000000000\n"
				     "CapEff: 0000000000000000\nNoNewPrivs: 1\n";
	_cleanup_free_ char *output = NULL;
	struct spawn_exit e;

	if (!enter_namespace_of_one())
		return EXIT_SKIPPED;
	if (run_shell("grep -E '^(Uid|CapPrm|CapEff|NoNewPrivs)' /proc/self/status | tr -s '\t ' "
		      "' '",
		    (struct spawn_capture_options){ .unprivileged = true }, &output, &e, NULL) < 0)
		return 1;
	return strcmp(output, wanted) == 0 ? 0 : 2;
}

static void test_unprivileged_only_user(void **state)
{
	struct spawn_exit e;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(run_as_only_user());
	assert_int_equal(spawn_wait(pid, &e, NULL), 0);
	if (spawn_exit_code(e) == EXIT_SKIPPED)
		skip();
	assert_int_equal(spawn_exit_code(e), 0);
}

static void test_find_program(void **state)
{
	char top[] = "/tmp/nvbind-spawn-XXXXXX";
	_cleanup_free_ char *found = NULL, *search = NULL, *absolute = NULL, *none = NULL;
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(top));
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(fd, "a", 0755), 0);
	assert_int_equal(mkdirat(fd, "b", 0755), 0);
	assert_int_equal(mkdirat(fd, "a/prog", 0755), 0);
	close(openat(fd, "b/prog", O_CREAT | O_WRONLY, 0755));
	close(openat(fd, "b/data", O_CREAT | O_WRONLY, 0644));
	assert_true(asprintf(&search, "/nonexistent::%s/a:%s/b", top, top) > 0);
	found = spawn_find_program("prog", search);
	assert_non_null(found);
	assert_string_equal(found + strlen(top), "/b/prog");
	absolute = spawn_find_program(found, "");
	assert_string_equal(absolute, found);
	none = spawn_find_program("data", search);
	assert_null(none);
	assert_null(spawn_find_program("prog", ""));
	assert_int_equal(path_remove_tree(AT_FDCWD, top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_clean_child),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_timeout_is_not_reached),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_unprivileged),
		cmocka_unit_test(test_unprivileged_only_user),
		cmocka_unit_test(test_find_program),
	};

	return cmocka_run_group_tests_name("base/spawn", tests, NULL, NULL);
}
