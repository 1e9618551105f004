/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of the tables is in every text that is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "nvbind/help.h"
#include "request/runtime_policy.h"

#include <fcntl.h>

#define COLUMNS 80

static void expect_part(const struct strbuf *text, const char *part, const char *where)
{
	if (!strstr(strbuf_str(text), part))
		fail_msg("no '%s' in %s", part, where);
}

static void test_help(void **state)
{
	(void)state;
	for (int c = COMMAND_GLOBAL; c < COMMAND_COUNT; c++) {
		_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
		const struct option_row *rows[OPTION_COUNT];
		size_t n = options_of(c, rows);

		help_format((enum command_id)c, &text);
		assert_false(strbuf_failed(&text));
		assert_memory_equal(strbuf_str(&text), "Usage: nvbind ", 14);
		for (size_t i = 0; i < n; i++) {
			char part[128];

			if (rows[i]->flags & OPTION_HIDDEN)
				continue;
			(void)snprintf(part, sizeof(part), "--%s%s%s", rows[i]->name,
				rows[i]->argument ? " " : "",
				rows[i]->argument ? rows[i]->argument : "");
			expect_part(&text, part, "a help text");
		}
		for (const char *line = strbuf_str(&text); *line;) {
			size_t length = strcspn(line, "\n");

			if (length > COLUMNS || (length && line[length - 1] == ' '))
				fail_msg("a bad line: %.*s", (int)length, line);
			line += length + 1;
		}
	}
}

static void test_global_help_names_commands(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);

	(void)state;
	help_format(COMMAND_GLOBAL, &text);
	for (int c = COMMAND_GLOBAL + 1; c < COMMAND_COUNT; c++)
		if (command_parent((enum command_id)c) == COMMAND_GLOBAL)
			expect_part(
				&text, command_get((enum command_id)c)->summary, "the help text");
	assert_null(strstr(strbuf_str(&text), command_get(COMMAND_CDI_LIST)->summary));
}

static void test_group_help_names_its_commands(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);

	(void)state;
	help_format(COMMAND_CDI, &text);
	expect_part(&text, "Usage: nvbind cdi [OPTION...] COMMAND [ARG...]\n", "the help of cdi");
	expect_part(&text, "  list ", "the help of cdi");
	expect_part(&text, command_get(COMMAND_CDI_VALIDATE)->summary, "the help of cdi");
	expect_part(&text, "'nvbind help cdi COMMAND'", "the help of cdi");
	assert_null(strstr(strbuf_str(&text), command_get(COMMAND_RUN)->summary));
	strbuf_truncate(&text, 0);
	help_format(COMMAND_CDI_VALIDATE, &text);
	expect_part(&text, "Usage: nvbind cdi validate [OPTION...] [FILE...]\n", "its help");
	assert_null(strstr(strbuf_str(&text), "\nCommands:\n"));
}

static void test_short_names(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);

	(void)state;
	help_format(COMMAND_RUN, &text);
	expect_part(&text, "  -v, --volume", "the help of run");
	expect_part(&text, "      --verbose", "the help of run");
	expect_part(&text, "  -h, --hostname", "the help of run");
	expect_part(&text, "      --help", "the help of run");
	expect_part(&text, "shared, exclusive, virtual", "the help of run");
}

/* "--dry-run" as man(7) writes it. */
static void roff_name(const struct option_row *row, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "\\-\\-");

	for (const char *p = row->name; *p && n + 3 < size; p++)
		n += (size_t)snprintf(out + n, size - n, *p == '-' ? "\\-" : "%c", *p);
	(void)snprintf(out + n, size - n, "\\fR");
}

static void test_man(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
	_cleanup_(strbuf_done) struct strbuf path = STRBUF_INIT(4096);
	_cleanup_free_ char *prose = NULL;
	_cleanup_close_ int fd = -1;
	char part[128];

	(void)state;
	strbuf_printf(&path, "%s/man/nvbind.1.in", getenv("NVBIND_SOURCE_ROOT"));
	fd = open(strbuf_str(&path), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_read_fd(fd, HELP_TEXT_BYTES, &prose, NULL), 0);
	man_format(prose, &text);
	assert_false(strbuf_failed(&text));
	for (int i = 0; i < OPTION_COUNT; i++) {
		if (option_rows[i].flags & OPTION_HIDDEN)
			continue;
		roff_name(&option_rows[i], part, sizeof(part));
		expect_part(&text, part, "nvbind(1)");
	}
	for (int c = COMMAND_GLOBAL + 1; c < COMMAND_COUNT; c++) {
		(void)snprintf(part, sizeof(part), ".SS nvbind %s [",
			command_get((enum command_id)c)->name);
		expect_part(&text, part, "nvbind(1)");
	}
	expect_part(&text, "nvbind " NVBIND_VERSION, "nvbind(1)");
	assert_null(strchr(strbuf_str(&text), '@'));
}

static void expect_key(void *user, const char *key, const char *values, const char *default_value,
	const char *meaning)
{
	char part[128];

	(void)values;
	(void)default_value;
	(void)meaning;
	(void)snprintf(part, sizeof(part), "\\fB%s\\fR: ", key);
	expect_part(user, part, "nvbind-runtime(8)");
}

static void test_man_of_the_runtime(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
	_cleanup_(strbuf_done) struct strbuf path = STRBUF_INIT(4096);
	_cleanup_free_ char *prose = NULL;

	(void)state;
	strbuf_printf(&path, "%s/man/nvbind-runtime.8.in", getenv("NVBIND_SOURCE_ROOT"));
	assert_int_equal(file_read_path(strbuf_str(&path), HELP_TEXT_BYTES, &prose, NULL), 0);
	man_format(prose, &text);
	assert_false(strbuf_failed(&text));
	runtime_policy_for_each_key(expect_key, &text);
	assert_null(strchr(strbuf_str(&text), '@'));
}

static void test_man_escapes(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);

	(void)state;
	man_format("a @VERSION@ b\n@COMMANDS@ x\n", &text);
	assert_string_equal(strbuf_str(&text), "a " NVBIND_VERSION " b\n@COMMANDS@ x\n");
}

static void test_completions(void **state)
{
	static const struct {
		const char *shell, *dashes;
	} shells[] = {
		{ "bash", "--" },
		{ "zsh", "--" },
		{ "fish", "-l " },
	};

	(void)state;
	for (size_t s = 0; s < ELEMENTS(shells); s++) {
		_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
		char part[128];

		assert_true(completion_format(shells[s].shell, &text));
		assert_false(strbuf_failed(&text));
		for (int i = 0; i < OPTION_COUNT; i++) {
			if (option_rows[i].flags & OPTION_HIDDEN)
				continue;
			(void)snprintf(
				part, sizeof(part), "%s%s", shells[s].dashes, option_rows[i].name);
			expect_part(&text, part, shells[s].shell);
		}
		for (int c = COMMAND_GLOBAL + 1; c < COMMAND_COUNT; c++)
			expect_part(&text, command_word((enum command_id)c), shells[s].shell);
		expect_part(&text, "default shared gaming competitive", shells[s].shell);
		expect_part(&text, "all compute utility video", shells[s].shell);
		expect_part(&text, "bash zsh fish", shells[s].shell);
		expect_part(&text, "docker podman containerd crio", shells[s].shell);
	}
	assert_false(completion_format("tcsh", &(struct strbuf)STRBUF_INIT(64)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_global_help_names_commands),
		cmocka_unit_test(test_group_help_names_its_commands),
		cmocka_unit_test(test_short_names),
		cmocka_unit_test(test_man),
		cmocka_unit_test(test_man_of_the_runtime),
		cmocka_unit_test(test_man_escapes),
		cmocka_unit_test(test_completions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
