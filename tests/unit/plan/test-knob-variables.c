/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of variables, the rules that set them and docs/VARIABLES.md say the same.
 *
 * With NVBIND_UPDATE_GOLDEN=1 the document is written anew: read the difference before you commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "plan/knob_variables.h"

#define TEXT_BYTES ((size_t)1 << 20)

/* What stands elsewhere than in the planner's own files. */
static const char *const of_drivers[] = { "LD_LIBRARY_PATH" };

/* Commands that set variables as a user's --env would. */
static const char *const of_commands[] = { "src/nvbind/ollama_choice.c" };

static char *read_source(const char *name)
{
	char path[4096], *text = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("NVBIND_SOURCE_ROOT"), name);
	if (file_read_path(path, TEXT_BYTES, &text, NULL) < 0)
		fail_msg("cannot read '%s'", path);
	return text;
}

/* All of the planner's sources, and those of commands. */
static char *read_planner(void)
{
	_cleanup_(strbuf_done) struct strbuf all = STRBUF_INIT(8 * TEXT_BYTES);
	char path[4096];
	struct dirent *entry;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/src/plan", getenv("NVBIND_SOURCE_ROOT"));
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length > 2 && strcmp(entry->d_name + length - 2, ".c") == 0) {
			_cleanup_free_ char *text = NULL;
			char name[512];

			(void)snprintf(name, sizeof(name), "src/plan/%s", entry->d_name);
			text = read_source(name);
			strbuf_str_add(&all, text);
		}
	}
	(void)closedir(dir);
	for (size_t i = 0; i < ELEMENTS(of_commands); i++) {
		_cleanup_free_ char *text = read_source(of_commands[i]);

		strbuf_str_add(&all, text);
	}
	return strbuf_take(&all);
}

static bool is_in_table(const char *name, size_t length)
{
	for (size_t i = 0; i < knob_variables_n; i++)
		if (strlen(knob_variables[i].name) == length &&
			memcmp(knob_variables[i].name, name, length) == 0)
			return true;
	return false;
}

static void test_what_is_set_is_in_the_table(void **state)
{
	_cleanup_free_ char *text = read_planner();
	const char *at = text;
	regmatch_t match[2];
	size_t n = 0;
	regex_t call;

	(void)state;
	assert_int_equal(regcomp(&call,
				 "(knob_env_(set|option)\\([ \t\n]*b,[ \t\n]*err|"
				 "add_setting\\([ \t\n]*in,[ \t\n]*&?c),[ \t\n]*\"",
				 REG_EXTENDED),
		0);
	while (regexec(&call, at, 2, match, 0) == 0) {
		size_t length;

		at += match[0].rm_eo;
		length = strcspn(at, "\"");
		if (!is_in_table(at, length))
			fail_msg("'%.*s' is not in knob_variables.def", (int)length, at);
		n++;
	}
	regfree(&call);
	assert_true(n > 20);
}

static bool is_of_drivers(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(of_drivers); i++)
		if (strcmp(of_drivers[i], name) == 0)
			return true;
	return false;
}

static void test_what_is_in_the_table_is_set(void **state)
{
	_cleanup_free_ char *text = read_planner();

	(void)state;
	for (size_t i = 0; i < knob_variables_n; i++) {
		const char *name = knob_variables[i].name;
		char quoted[128], assigned[128];

		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
		(void)snprintf(assigned, sizeof(assigned), "\"%s=", name);
		if (!is_of_drivers(name) && !strstr(text, quoted) && !strstr(text, assigned))
			fail_msg("nothing sets '%s'", name);
	}
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 1; i < knob_variables_n; i++)
		assert_true(strcmp(knob_variables[i - 1].name, knob_variables[i].name) < 0);
}

/* What others invented, or what their programs no longer read. */
static void test_what_nobody_reads_is_not_set(void **state)
{
	static const char *const names[] = { "DXVK_ASYNC", "DXVK_DLSS", "OLLAMA_GPU_MEMORY",
		"OLLAMA_MIG_ENABLED", "OLLAMA_PRECISION", "CUDA_VISIBLE_DEVICES",
		"PROTON_ENABLE_NVAPI", "PROTON_NO_ESYNC", "WINEESYNC", "BOLT_GPU_ENABLED",
		"BOLT_GPU_ISOLATION" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_false(is_in_table(names[i], strlen(names[i])));
	for (size_t i = 0; i < knob_variables_n; i++) {
		const struct knob_variable *v = &knob_variables[i];

		assert_true(!v->reader == !v->source);
		if (v->reader)
			assert_true(*v->reader && *v->source && *v->effect);
		else
			assert_true(strncmp(v->name, "NVIDIA_", 7) == 0);
	}
}

static char *make_document(void)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEXT_BYTES);

	strbuf_str_add(&text,
		"<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
		"<!-- Made from src/plan/knob_variables.def. -->\n"
		"# Variables\n\n"
		"What `nvbind run` may set in a container: nothing without a knob or a GPU that "
		"asks for it, and `--dry-run`\nshows what. A variable of `--env` wins; of "
		"`DXVK_CONFIG`, `MANGOHUD_CONFIG` and `VKD3D_CONFIG`, which are lists,\nit comes "
		"last.\n\n"
		"| variable | read by | since | effect | source |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < knob_variables_n; i++) {
		const struct knob_variable *v = &knob_variables[i];

		if (v->reader)
			strbuf_printf(&text, "| `%s` | %s | %s | %s | %s |\n", v->name, v->reader,
				v->since, v->effect, v->source);
	}
	strbuf_str_add(&text,
		"\nOthers' configurations set these, and no program reads them. They go out as "
		"information:\n\n| variable | value |\n|---|---|\n");
	for (size_t i = 0; i < knob_variables_n; i++)
		if (!knob_variables[i].reader)
			strbuf_printf(&text, "| `%s` | %s |\n", knob_variables[i].name,
				knob_variables[i].effect);
	return strbuf_take(&text);
}

static void test_document(void **state)
{
	_cleanup_free_ char *text = make_document();
	_cleanup_free_ char *have = NULL;

	(void)state;
	assert_non_null(text);
	if (getenv("NVBIND_UPDATE_GOLDEN")) {
		char path[4096];

		(void)snprintf(path, sizeof(path), "%s/docs", getenv("NVBIND_SOURCE_ROOT"));
		_cleanup_close_ int dir = open(path, O_DIRECTORY | O_CLOEXEC);

		assert_int_equal(file_replace_at(dir, "VARIABLES.md", text, strlen(text), 0644), 0);
	}
	have = read_source("docs/VARIABLES.md");
	assert_string_equal(have, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_set_is_in_the_table),
		cmocka_unit_test(test_what_is_in_the_table_is_set),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_what_nobody_reads_is_not_set),
		cmocka_unit_test(test_document),
	};

	return cmocka_run_group_tests_name("plan/knob-variables", tests, NULL, NULL);
}
