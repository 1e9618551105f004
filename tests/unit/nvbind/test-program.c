/* SPDX-License-Identifier: Apache-2.0 */
/* The program as a caller sees it: exit codes, and what goes to which stream. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/strbuf.h"

static char empty_root[] = "/tmp/nvbind-root-XXXXXX";

/* Runs nvbind through sh, so that the streams can be told apart; *ret_output is malloc'd. */
static int run(const char *arguments, const char *streams, char **ret_output)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(16384);
	struct spawn_exit status;
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };

	strbuf_printf(&line, "NVBIND_NO_CACHE=1 NVBIND_HOST_ROOT=%s '%s/nvbind' %s %s", empty_root,
		getenv("NVBIND_BUILD_ROOT"), arguments, streams);
	argv[2] = strbuf_str(&line);
	assert_int_equal(spawn_capture(
				 &(struct spawn_capture_options){
					 .argv = argv,
					 .timeout_ms = 60000,
					 .limit_bytes = 1 << 20,
				 },
				 ret_output, &status, NULL),
		0);
	return spawn_exit_code(status);
}

static void expect(const char *arguments, int code, const char *in_output, const char *in_errors)
{
	_cleanup_free_ char *output = NULL, *errors = NULL;
	int got = run(arguments, "2>/dev/null", &output);

	if (got != code)
		fail_msg("'nvbind %s' ends with %d", arguments, got);
	(void)run(arguments, "2>&1 >/dev/null", &errors);
	if (in_output ? !strstr(output, in_output) : output[0])
		fail_msg("'nvbind %s' says: %s", arguments, output);
	if (in_errors ? !strstr(errors, in_errors) : errors[0])
		fail_msg("'nvbind %s' complains: %s", arguments, errors);
}

static void test_version_and_help(void **state)
{
	(void)state;
	expect("--version", 0, "nvbind " NVBIND_VERSION "\n", NULL);
	expect("info --version", 0, "nvbind " NVBIND_VERSION "\n", NULL);
	expect("--help", 0, "Usage: nvbind [OPTION...] COMMAND", NULL);
	expect("-h", 0, "Usage: nvbind [OPTION...] COMMAND", NULL);
	expect("help", 0, "Usage: nvbind [OPTION...] COMMAND", NULL);
	expect("help run", 0, "Usage: nvbind run ", NULL);
	expect("run --help", 0, "Usage: nvbind run ", NULL);
	expect("doctor --help", 0, "Usage: nvbind doctor ", NULL);
	expect("completion bash", 0, "complete -o default -F _nvbind nvbind", NULL);
}

/* Also where it fails long before the end, and what comes last fits. */
static void test_lost_output(void **state)
{
	static const char *const commands[] = { "--version", "help run", "completion bash",
		"info --json" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(commands); i++) {
		_cleanup_free_ char *errors = NULL;

		if (run(commands[i], "2>&1 >/dev/full", &errors) != 1 ||
			!strstr(errors, "write to standard output"))
			fail_msg("'nvbind %s' on a full disk: %s", commands[i], errors);
	}
}

static void test_usage_errors(void **state)
{
	(void)state;
	expect("", 2, NULL, "nvbind: no command given\n  hint: ");
	expect("inof", 2, NULL, "nvbind: unknown command 'inof'\n  hint: did you mean 'info'?");
	expect("--bogus info", 2, NULL, "nvbind: option '--bogus': unknown\n");
	expect("info --jsno", 2, NULL, "did you mean '--json'?");
	expect("info extra", 2, NULL, "takes no argument 'extra'");
	expect("info --gpus --wsl2", 2, NULL, "only one of");
	expect("help bogus", 2, NULL, "unknown command 'bogus'");
	expect("help run info", 2, NULL, "takes no argument 'info'");
	expect("completion", 2, NULL, "bash, zsh or fish");
	expect("completion tcsh", 2, NULL, "unknown shell 'tcsh'");
	expect("run", 2, NULL, "needs an IMAGE");
	expect("run --gpu x host", 2, NULL, "select GPU 'x'");
	expect("run --runtime lxc host", 2, NULL, "unknown engine 'lxc'");
	expect("\"$(printf '\\033[31m')\"", 2, NULL, "unknown command '\\x1b[31m'");
}

static void test_machine_without_gpu(void **state)
{
	(void)state;
	expect("info", 0, "No graphics device found", NULL);
	expect("info --json", 0, "\"driver\": null", NULL);
	expect("info --gpus --format=json", 0, "[]\n", NULL);
	expect("info --driver-check", 3, "no working driver: no GPU\n", NULL);
	expect("info --wsl2", 0, "WSL2: no\n", NULL);
	expect("--host-root /nonexistent info", 1, NULL, "/nonexistent");
	expect("info --host-root /nonexistent", 1, NULL, "/nonexistent");
	expect("run --dry-run --gpu 0 --rootfs / -- true", 3, NULL, "this machine has no GPU");
}

static void test_full_disk(void **state)
{
	_cleanup_free_ char *errors = NULL;

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(run("info --json", "2>&1 >/dev/full", &errors), 1);
	assert_non_null(strstr(errors, "write to standard output: No space left on device"));
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(empty_root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(empty_root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_and_help),
		cmocka_unit_test(test_lost_output),
		cmocka_unit_test(test_usage_errors),
		cmocka_unit_test(test_machine_without_gpu),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
