/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader makes of one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "config/config_output.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct config_file *read_text(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct config_file *file = NULL;

	if (config_file_parse(arena, "f.toml", text, strlen(text), &file, &err) < 0)
		fail_msg("%s: %s", text, nvb_error_message(err));
	return file;
}

static void test_bad_input(void **state)
{
	static const struct {
		const char *text, *finding, *hint;
		bool is_error;
	} cases[] = {
		{ "[bolt.capsule]\ncompute_limit = \"0%\"\n",
			"f.toml:2:1: 'bolt.capsule.compute_limit': '0%' is too small", NULL, true },
		{ "[bolt.capsule]\ncompute_limit = 140\n", "'140' is too large", NULL, true },
		{ "[bolt.capsule]\n  gpu_memory_limit = \"8XB\"\n",
			"f.toml:2:3: 'bolt.capsule.gpu_memory_limit': '8XB' is not a size",
			"write a number and a unit", true },
		{ "[bolt.capsule]\ngpu_memory_limit = -1\n", "'-1' is negative", NULL, true },
		{ "[bolt.capsule]\ngpu_memory_limit = \"-1GB\"\n", "'-1GB' is negative", NULL,
			true },
		{ "[bolt.gaming]\ndlss_enabled = \"true\"\n",
			"f.toml:2:1: 'bolt.gaming.dlss_enabled' must be true or false, without "
			"quotes, not text",
			NULL, true },
		{ "[bolt.gaming]\ndlss_enabled = 1\n", "not a whole number", NULL, true },
		{ "[bolt.gaming]\nframe_rate_target = \"144\"\n",
			"must be a whole number, without quotes, not text", NULL, true },
		{ "[bolt.gaming]\nframe_rate_target = 59.94\n", "not a fraction", NULL, true },
		{ "[bolt.gaming]\nperformance_profile = 3\n", "must be text in quotes", NULL,
			true },
		{ "[bolt.gaming]\nperformance_profile = \"balanced\\u0000x\"\n",
			"must be text in quotes", NULL, true },
		{ "[bolt.gaming.dlss_enabled]\nx = 1\n", "not a table", NULL, true },
		{ "bolt = 3\n", "f.toml:1:1: 'bolt' must be a table, not a whole number", NULL,
			true },
		{ "[[services]]\nimage = \"x\"\n", "'services' must be a table, not a list", NULL,
			true },
		{ "[runtime.nvbind]\ndevices = [1]\n", "must be a list of texts", NULL, true },
		{ "[runtime.nvbind]\ndevices = []\n", "is empty", NULL, true },
		{ "[runtime.nvbind]\ndevices = [\"gpu:x\"]\n", "runtime.nvbind.devices", NULL,
			true },
		{ "[runtime.nvbind.nvidia]\ncuda_version = 12.0\n",
			"must be text in quotes, not a "
			"fraction",
			NULL, true },
		{ "[bolt.gaming]\nperformance_profile = \"fast\"\n",
			"unknown performance profile 'fast'; known are 'ultra-low-latency', "
			"'performance', 'balanced', 'efficiency'",
			NULL, true },
		/* Two spellings of one thing in one file. */
		{ "[bolt.capsule]\nisolation = \"shared\"\nisolation_level = \"exclusive\"\n",
			"isolation_level is 'shared' by f.toml:2:1, but 'exclusive' by f.toml:3:1",
			"say it once", true },
		{ "[services.a.gpu]\nisolation = \"shared\"\n"
		  "[services.a.gaming.gpu]\nisolation_level = \"virtual\"\n",
			"is 'virtual' by f.toml:4:1, but 'shared' by f.toml:2:1", "say it once",
			true },
		{ "[profiles.a]\ninherits = 3\n", "must be a profile's name", NULL, true },
		{ "[bolt.gaming]\ndlss_enable = true\n",
			"f.toml:2:1: unknown key 'bolt.gaming.dlss_enable'",
			"did you mean 'dlss_enabled'?", false },
		{ "[blot.gaming]\ndlss_enabled = true\n", "unknown key 'blot'",
			"did you mean 'bolt'?", false },
		{ "isolation_level = \"shared\"\n", "f.toml:1:1: unknown key 'isolation_level'",
			"its place is 'isolation_level' in [bolt.capsule]", false },
		{ "[services.a]\nimages = \"x\"\n", "unknown key 'services.a.images'",
			"did you mean 'image'?", false },
		{ "\"a\\u001bb\" = 1\n", "unknown key 'a\\x1bb'", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct config_file *file = read_text(cases[i].text);
		const struct config_finding *finding;

		assert_int_equal(file->findings.n, 1);
		finding = &file->findings.items[0];
		assert_int_equal(finding->is_error, cases[i].is_error);
		if (!strstr(finding->text, cases[i].finding))
			fail_msg("%s: %s", cases[i].text, finding->text);
		if (cases[i].hint && (!finding->hint || !strstr(finding->hint, cases[i].hint)))
			fail_msg("%s: %s", cases[i].text, finding->hint);
		assert_int_equal(config_file_check(file, false, NULL),
			cases[i].is_error ? NVB_ERR_FORMAT : 0);
		assert_int_equal(config_file_check(file, true, &err), NVB_ERR_FORMAT);
		assert_string_equal(nvb_error_message(err), finding->text);
	}
}

static void test_syntax(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	_cleanup_free_ char *large = malloc(CONFIG_TEXT_LIMIT_BYTES + 1);
	struct config_file *file = NULL;

	(void)state;
	assert_int_equal(
		config_file_parse(arena, "f.toml", "a = ", 4, &file, &err), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "f.toml:1:"));
	memset(large, '#', CONFIG_TEXT_LIMIT_BYTES + 1);
	assert_int_equal(
		config_file_parse(arena, "f", large, CONFIG_TEXT_LIMIT_BYTES + 1, &file, NULL),
		NVB_ERR_LIMIT);
	assert_int_equal(
		config_file_parse(arena, "f", large, CONFIG_TEXT_LIMIT_BYTES, &file, NULL), 0);
}

/* Equal values may stand in two places. */
static void test_equal_spellings(void **state)
{
	struct config_file *file = read_text("[bolt.capsule]\ngpu_memory_limit = \"8GB\"\n"
					     "memory_limit = 8589934592\n");

	(void)state;
	assert_int_equal(file->findings.n, 0);
	assert_string_equal(
		settings_get(&file->parts.items[0]->settings, KNOB_MEMORY_LIMIT)->text, "8GiB");
}

static void test_parts(void **state)
{
	static const char text[] =
		"[services.web]\nimage = \"x\"\n"
		"[services.\"a.b\".gpu]\ndevices = \"gpu:1\"\n"
		"[profiles.mine]\ninherits = \"gaming\"\nframe_rate_target = 60\n"
		"[gpu.gaming_profiles.fast]\nname = \"Fast\"\n"
		"[ai_ml.ollama_profiles.big]\nmodel_size = \"Large\"\n";
	struct config_file *file = read_text(text);
	const struct {
		enum knob_section section;
		const char *name;
	} expected[] = {
		{ KNOB_SECTION_ALL, NULL },
		{ KNOB_SECTION_OLLAMA_PROFILE, "big" },
		{ KNOB_SECTION_GAMING_PROFILE, "fast" },
		{ KNOB_SECTION_PROFILE, "mine" },
		{ KNOB_SECTION_SERVICE, "a.b" },
		{ KNOB_SECTION_SERVICE, "web" },
	};

	(void)state;
	assert_int_equal(file->findings.n, 0);
	assert_int_equal(file->parts.n, ELEMENTS(expected));
	for (size_t i = 0; i < ELEMENTS(expected); i++) {
		assert_int_equal(file->parts.items[i]->section, expected[i].section);
		if (expected[i].name)
			assert_string_equal(file->parts.items[i]->name, expected[i].name);
	}
	assert_string_equal(file->parts.items[3]->inherits, "gaming");
	assert_int_equal(
		settings_get(&file->parts.items[3]->settings, KNOB_FRAME_RATE_TARGET)->source,
		SOURCE_PROFILE);
	assert_string_equal(
		settings_get(&file->parts.items[4]->settings, KNOB_DEVICES)->origin, "f.toml:4:1");
	assert_int_equal(settings_get(&file->parts.items[4]->settings, KNOB_DEVICES)->source,
		SOURCE_BOLTFILE);
}

/* Takes the '#' from lines that set something: as a person who wants everything. */
static char *uncomment(const char *text)
{
	char *copy = strdup(text), *out = copy;
	bool line_starts = true;

	for (const char *p = text; *p; p++) {
		if (!(line_starts && p[0] == '#' && p[1] != ' '))
			*out++ = *p;
		line_starts = *p == '\n';
	}
	*out = '\0';
	return copy;
}

static void test_template(void **state)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(1 << 20);
	_cleanup_free_ char *all = NULL;
	struct config_file *file;

	(void)state;
	config_output_template(&text);
	file = read_text(strbuf_str(&text));
	assert_int_equal(file->findings.n, 0);
	for (size_t i = 0; i < KNOB_COUNT; i++)
		assert_null(settings_get(&file->parts.items[0]->settings, (enum knob_id)i));
	all = uncomment(strbuf_str(&text));
	file = read_text(all);
	if (file->findings.n)
		fail_msg("%s", file->findings.items[0].text);
	for (size_t i = 0; i < KNOB_COUNT; i++)
		if (i != KNOB_TITLE &&
			!settings_get(&file->parts.items[0]->settings, (enum knob_id)i))
			fail_msg("%s is not in the file", knob_table[i].name);
}

/* What is shown as TOML reads as the same. */
static void test_shown(void **state)
{
	_cleanup_(strbuf_done) struct strbuf template = STRBUF_INIT(1 << 20);
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(1 << 20);
	_cleanup_free_ char *all = NULL;
	struct config_file *file, *again;

	(void)state;
	config_output_template(&template);
	all = uncomment(strbuf_str(&template));
	file = read_text(all);
	config_output_toml(&file->parts.items[0]->settings, true, &shown);
	again = read_text(strbuf_str(&shown));
	assert_int_equal(again->findings.n, 0);
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *one = &file->parts.items[0]->settings.of[i];
		const struct setting *two = &again->parts.items[0]->settings.of[i];

		assert_int_equal(one->given, two->given);
		if (one->given)
			assert_string_equal(one->text, two->text);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bad_input),
		TEST(test_syntax),
		TEST(test_equal_spellings),
		TEST(test_parts),
		TEST(test_template),
		TEST(test_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
