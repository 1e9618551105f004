/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "nvbind/command.h"

#define MAX_WORDS 16

/* Writes every option that the parser reports into one text: "gpu=0 isolate ". */
static int note(void *target, int id, const char *value, struct nvb_error **err)
{
	struct strbuf *seen = target;

	(void)err;
	strbuf_printf(seen, "%s%s%s ", option_rows[id].name, value ? "=" : "", value ? value : "");
	return 0;
}

static int stop(void *target, int id, const char *value, struct nvb_error **err)
{
	(void)target, (void)id, (void)value, (void)err;
	return 1;
}

/* Splits at blanks; "_" is an empty word. */
static int split(char *text, char **argv)
{
	int argc = 0;

	for (char *word; (word = strsep(&text, " "));) {
		assert_true(argc < MAX_WORDS - 1);
		argv[argc++] = strcmp(word, "_") == 0 ? (char *)"" : word;
	}
	argv[argc] = NULL;
	return argc;
}

static void test_parse(void **state)
{
	static const struct {
		const char *words, *seen;
		int first;
		bool dashes;
	} cases[] = {
		{ "run", "", 1, false },
		{ "run image", "", 1, false },
		{ "run --gpu 0 image --gpu 1", "gpu=0 ", 3, false },
		{ "run --gpu=0 --gpu=1,2", "gpu=0 gpu=1,2 ", 3, false },
		{ "run --gpu=", "gpu= ", 2, false },
		{ "run -v /a:/b -it image -e A=1", "volume=/a:/b interactive tty ", 4, false },
		{ "run -v/a:/b -eA=1 image", "volume=/a:/b env=A=1 ", 3, false },
		{ "run -ite A=1 x", "interactive tty env=A=1 ", 3, false },
		{ "run -h box x", "hostname=box ", 3, false },
		{ "run -- image", "", 2, true },
		{ "run --rm -- image -- x", "rm ", 3, true },
		{ "run --rm image -- x", "rm ", 2, false },
		{ "run --name -- image", "name=-- ", 3, false },
		{ "run -", "", 1, false },
		{ "run --gpu _ _ x", "gpu= ", 3, false },
		{ "run --verbose -q --host-root /x i", "verbose quiet host-root=/x ", 5, false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(strbuf_done) struct strbuf seen = STRBUF_INIT(1024);
		_cleanup_error_ struct nvb_error *err = NULL;
		char text[256], *argv[MAX_WORDS];
		bool dashes = !cases[i].dashes;
		int argc, first;

		(void)snprintf(text, sizeof(text), "%s", cases[i].words);
		argc = split(text, argv);
		first = options_parse(COMMAND_RUN, argc, argv, note, &seen, &dashes, &err);
		if (first < 0)
			fail_msg("%s: %s", cases[i].words, nvb_error_message(err));
		assert_int_equal(first, cases[i].first);
		assert_int_equal(dashes, cases[i].dashes);
		assert_string_equal(strbuf_str(&seen), cases[i].seen);
	}
}

static void test_refuse(void **state)
{
	static const struct {
		enum command_id command;
		const char *words, *message, *hint;
	} cases[] = {
		{ COMMAND_RUN, "run --gpus all", "option '--gpus': unknown",
			"did you mean '--gpu'? 'nvbind run --help' lists the options" },
		{ COMMAND_RUN, "run --gpus=all", "option '--gpus=all': unknown",
			"did you mean '--gpu'?" },
		{ COMMAND_RUN, "run --is x", "option '--is': unknown", "'nvbind run --help'" },
		{ COMMAND_RUN, "run --isolat x", "option '--isolat': unknown",
			"did you mean '--isolat" },
		{ COMMAND_RUN, "run --cpus x", "option '--cpus': unknown", "'nvbind run --help'" },
		{ COMMAND_RUN, "run -x x", "option '-x': unknown", "'nvbind run --help'" },
		{ COMMAND_RUN, "run -ix x", "option '-x': unknown", "'nvbind run --help'" },
		{ COMMAND_RUN, "run --name", "option '--name': it needs NAME", "--help" },
		{ COMMAND_RUN, "run -v", "option '-v': it needs SRC:DST[:ro|rw]", "--help" },
		{ COMMAND_RUN, "run -h", "option '-h': it needs NAME", "--help" },
		{ COMMAND_RUN, "run --isolate=1 x", "option '--isolate': it takes no value",
			"--help" },
		{ COMMAND_DOCTOR, "doctor -d", "option '-d': unknown", "'nvbind doctor --help'" },
		{ COMMAND_RUN, "run --format _ x", "option '--format': unknown value ''", NULL },
		{ COMMAND_RUN, "run --format text|json x", "unknown value 'text|json'", NULL },
		{ COMMAND_INFO, "info --gpu", "option '--gpu': unknown", "did you mean '--gpus'?" },
		{ COMMAND_GLOBAL, "nvbind --gpu", "option '--gpu': unknown",
			"'nvbind --help' lists the options" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(strbuf_done) struct strbuf seen = STRBUF_INIT(1024);
		_cleanup_error_ struct nvb_error *err = NULL;
		char text[256], *argv[MAX_WORDS];
		int argc;

		(void)snprintf(text, sizeof(text), "%s", cases[i].words);
		argc = split(text, argv);
		assert_int_equal(
			options_parse((int)cases[i].command, argc, argv, note, &seen, NULL, &err),
			NVB_ERR_USAGE);
		if (!strstr(nvb_error_message(err), cases[i].message))
			fail_msg("%s: %s", cases[i].words, nvb_error_message(err));
		if (!cases[i].hint)
			continue;
		assert_non_null(nvb_error_get_hint(err));
		if (!strstr(nvb_error_get_hint(err), cases[i].hint))
			fail_msg("%s: %s", cases[i].words, nvb_error_get_hint(err));
	}
}

static void test_stop(void **state)
{
	char *argv[] = { (char *)"run", (char *)"--rm", (char *)"--bogus", NULL };

	(void)state;
	assert_int_equal(options_parse(COMMAND_RUN, 3, argv, stop, NULL, NULL, NULL), 0);
}

static void test_context(void **state)
{
	struct command_context context = { .host_root = "/" };
	char *argv[] = { (char *)"nvbind", (char *)"--host-root", (char *)"/x", (char *)"--verbose",
		(char *)"info", NULL };

	(void)state;
	assert_int_equal(
		command_parse(COMMAND_GLOBAL, &context, 5, argv, NULL, NULL, NULL, NULL), 4);
	assert_string_equal(context.host_root, "/x");
	assert_true(context.verbose);
	assert_false(context.quiet);
}

static void test_commands(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	char *argv[] = { (char *)"info", (char *)"extra", NULL };

	(void)state;
	assert_int_equal(command_find(COMMAND_GLOBAL, "run"), COMMAND_RUN);
	assert_int_equal(command_find(COMMAND_GLOBAL, "ru"), COMMAND_GLOBAL);
	assert_int_equal(command_raise_unknown(COMMAND_GLOBAL, "inof", &err), NVB_ERR_USAGE);
	assert_non_null(strstr(nvb_error_get_hint(err), "did you mean 'info'?"));
	nvb_error_clear(&err);
	assert_int_equal(command_no_operands(COMMAND_INFO, 1, 1, argv, &err), 0);
	assert_int_equal(command_no_operands(COMMAND_INFO, 1, 2, argv, &err), NVB_ERR_USAGE);
	assert_non_null(strstr(nvb_error_message(err), "'extra'"));
}

/* "cdi list" stands below "cdi"; every upper one stands before its own. */
static void test_groups(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;

	(void)state;
	assert_int_equal(command_find(COMMAND_CDI, "list"), COMMAND_CDI_LIST);
	assert_int_equal(command_find(COMMAND_GLOBAL, "list"), COMMAND_GLOBAL);
	assert_int_equal(command_find(COMMAND_CDI, "run"), COMMAND_GLOBAL);
	assert_int_equal(command_parent(COMMAND_CDI_LIST), COMMAND_CDI);
	assert_int_equal(command_parent(COMMAND_CDI), COMMAND_GLOBAL);
	assert_string_equal(command_word(COMMAND_CDI_LIST), "list");
	assert_true(command_is_group(COMMAND_GLOBAL));
	assert_true(command_is_group(COMMAND_CDI));
	assert_false(command_is_group(COMMAND_CDI_LIST));
	for (int c = COMMAND_GLOBAL + 1; c < COMMAND_COUNT; c++) {
		assert_true((int)command_parent((enum command_id)c) < c);
		assert_int_equal(!strchr(command_get((enum command_id)c)->name, ' '),
			command_parent((enum command_id)c) == COMMAND_GLOBAL);
	}
	assert_int_equal(command_raise_unknown(COMMAND_CDI, "lst", &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err), "unknown command 'cdi lst'");
	assert_string_equal(nvb_error_get_hint(err),
		"did you mean 'list'? 'nvbind help cdi' lists the commands");
	nvb_error_clear(&err);
	assert_int_equal(command_raise_missing(COMMAND_CDI, &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err), "no command given behind 'nvbind cdi'");
	nvb_error_clear(&err);
	assert_int_equal(command_raise_missing(COMMAND_GLOBAL, &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err), "no command given");
	assert_string_equal(nvb_error_get_hint(err), "'nvbind help' lists the commands");
}

/* Names are unique per command; a value has a name; every row can be found. */
static void test_table(void **state)
{
	(void)state;
	for (int c = COMMAND_GLOBAL; c < COMMAND_COUNT; c++) {
		const struct option_row *rows[OPTION_COUNT];
		size_t n = options_of(c, rows);

		assert_true(n >= 5);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(!rows[i]->argument, rows[i]->values.kind == VALUES_NONE);
			assert_true(rows[i]->help[0]);
			for (size_t j = 0; j < i; j++) {
				assert_string_not_equal(rows[i]->name, rows[j]->name);
				if (option_short_usable(c, rows[i]) &&
					option_short_usable(c, rows[j]))
					assert_int_not_equal(
						rows[i]->short_name, rows[j]->short_name);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
