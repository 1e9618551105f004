/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of engines, and those that nobody should write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "runtime/arguments.h"

#define MAX_WORDS 24

static void scan(const char *line, struct runtime_arguments *ret)
{
	/* The words are borrowed by the result. */
	static char copy[512];
	char *words[MAX_WORDS + 1] = { NULL }, *save = NULL;
	int n = 0;

	assert_true(snprintf(copy, sizeof(copy), "nvbind-runtime %s", line) < (int)sizeof(copy));
	for (char *word = strtok_r(copy, " ", &save); word && n < MAX_WORDS;
		word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	runtime_arguments_scan(n, words, ret);
}

static void assert_text(const char *line, const char *what, const char *is, const char *expected)
{
	if (is == expected || (is && expected && strcmp(is, expected) == 0))
		return;
	fail_msg("'%s': the %s is '%s', not '%s'", line, what, is ? is : "(none)",
		expected ? expected : "(none)");
}

static void test_lines(void **state)
{
	static const struct {
		const char *line, *command, *bundle, *log, *format;
	} cases[] = {
		{ "", NULL, NULL, NULL, NULL },
		{ "create x", "create", NULL, NULL, NULL },
		/* containerd */
		{ "--root /run/r --log /b/log.json --log-format json --systemd-cgroup create "
		  "--bundle /b --pid-file /b/init.pid --console-socket /tmp/pty x",
			"create", "/b", "/b/log.json", "json" },
		/* conmon */
		{ "--root=/run/crun --log-format=json --log=/b/oci-log create --bundle /b "
		  "--pid-file /b/pid x",
			"create", "/b", "/b/oci-log", "json" },
		{ "--cgroup-manager cgroupfs --debug run -b /b x", "run", "/b", NULL, NULL },
		{ "run -b=/b x", "run", "/b", NULL, NULL },
		{ "run -b/b x", "run", "/b", NULL, NULL },
		{ "-log /l run -bundle=/b x", "run", "/b", "/l", NULL },
		{ "run x --bundle /b", "run", "/b", NULL, NULL },
		{ "restore --image-path --bundle --bundle /b x", "restore", "/b", NULL, NULL },
		{ "run --bundle /a --bundle=/b x", "run", "/b", NULL, NULL },
		{ "run -- --bundle /b", "run", NULL, NULL, NULL },
		{ "-- run --bundle /b", "run", "/b", NULL, NULL },
		/* The value of an option is no command. */
		{ "--root create state x", "state", NULL, NULL, NULL },
		{ "--log run --log-format text delete x", "delete", NULL, "run", "text" },
		{ "--rootless true create x", "create", NULL, NULL, NULL },
		{ "--unheard value create --bundle /b x", "create", "/b", NULL, NULL },
		{ "--unheard create --bundle /b x", "create", "/b", NULL, NULL },
		{ "--unheard=value create --bundle /b x", "create", "/b", NULL, NULL },
		{ "unheard create", "unheard", NULL, NULL, NULL },
		/* Cut off. */
		{ "create --bundle", "create", NULL, NULL, NULL },
		{ "--log", NULL, NULL, NULL, NULL },
		{ "create --bundle= x", "create", "", NULL, NULL },
		{ "- -", "-", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct runtime_arguments a;

		scan(cases[i].line, &a);
		assert_text(cases[i].line, "command", a.command, cases[i].command);
		assert_text(cases[i].line, "bundle", a.bundle, cases[i].bundle);
		assert_text(cases[i].line, "log", a.log, cases[i].log);
		assert_text(cases[i].line, "format", a.log_format, cases[i].format);
		assert_string_equal(a.config, "config.json");
		assert_false(a.version || a.help);
	}
}

static void test_config(void **state)
{
	struct runtime_arguments a;

	(void)state;
	scan("run --config other.json x", &a);
	assert_string_equal(a.config, "other.json");
	scan("run -f other.json x", &a);
	assert_string_equal(a.config, "other.json");
	/* Only behind the command. */
	scan("-f create run x", &a);
	assert_string_equal(a.command, "create");
	assert_string_equal(a.config, "config.json");
}

/* Both options, of which the last counts; the command's own words are none. */
static void test_cgroup_manager(void **state)
{
	static const struct {
		const char *line;
		bool systemd;
	} cases[] = {
		{ "--systemd-cgroup create x", true },
		{ "-systemd-cgroup --root /r create x", true },
		{ "--systemd-cgroup=true run x", true },
		{ "--systemd-cgroup=false run x", false },
		{ "--systemd-cgroup= run x", false },
		{ "--cgroup-manager=systemd --log /l create x", true },
		{ "--cgroup-manager systemd create x", true },
		{ "--cgroup-manager=cgroupfs create x", false },
		{ "--cgroup-manager=disabled create x", false },
		{ "--systemd-cgroup --cgroup-manager=cgroupfs create x", false },
		{ "--cgroup-manager=cgroupfs --systemd-cgroup create x", true },
		{ "create x", false },
		{ "create x --systemd-cgroup", false },
		{ "--systemd-cgroups create x", false },
		{ "--log --systemd-cgroup create x", false },
		{ "--cgroup-manager", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct runtime_arguments a;

		scan(cases[i].line, &a);
		if (runtime_arguments_use_systemd(&a) != cases[i].systemd)
			fail_msg("'%s'", cases[i].line);
	}
}

static void test_questions(void **state)
{
	struct runtime_arguments a;

	(void)state;
	scan("--version", &a);
	assert_true(a.version && !a.help && !a.command);
	scan("-v", &a);
	assert_true(a.version);
	scan("--help", &a);
	assert_true(a.help && !a.version);
	scan("--root /r --version", &a);
	assert_true(a.version);
	/* The command's own. */
	scan("create --help", &a);
	assert_false(a.help);
}

static void test_commands(void **state)
{
	static const struct {
		const char *line;
		bool makes;
	} cases[] = {
		{ "create x", true },
		{ "run x", true },
		{ "restore x", true },
		{ "start x", false },
		{ "exec x", false },
		{ "state x", false },
		{ "delete x", false },
		{ "update x", false },
		{ "kill x", false },
		{ "creat x", false },
		{ "CREATE x", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct runtime_arguments a;

		scan(cases[i].line, &a);
		if (runtime_arguments_make_container(&a) != cases[i].makes)
			fail_msg("'%s'", cases[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_cgroup_manager),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests_name("runtime/arguments", tests, NULL, NULL);
}
