/* SPDX-License-Identifier: Apache-2.0 */
/* What files and environment mean together: services, profiles, variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <cmocka.h>

#include "config/config.h"

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	const struct knob *knob;
	const char *name;

	(void)state;
	for (size_t i = 0; (name = config_variable(i, &knob)); i++)
		unsetenv(name);
	unsetenv("BOLT_GPU_ENABLED");
	arena_free(arena);
	return 0;
}

static struct config read_texts(const char *one, const char *two)
{
	const char *texts[] = { one, two };
	struct config c = { .arena = arena };

	for (size_t i = 0; i < 2 && texts[i]; i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct config_file *file, **slot = vec_push(arena, &c.files);

		if (config_file_parse(arena, i ? "two" : "one", texts[i], strlen(texts[i]), &file,
			    &err) < 0 ||
			config_file_check(file, true, &err) < 0)
			fail_msg("%s", nvb_error_message(err));
		*slot = file;
	}
	return c;
}

static void test_two_files(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct settings s = { .arena = arena };
	struct config c = read_texts("[bolt.capsule]\ncompute_limit = \"50%\"\n",
		"[bolt.capsule]\ncompute_limit = \"80%\"\n");

	(void)state;
	assert_int_equal(config_merge(&c, &s, &err), NVB_ERR_USAGE);
	assert_string_equal(
		nvb_error_message(err), "compute_limit is '50%' by one:2:1, but '80%' by two:2:1");
	c = read_texts("[bolt.capsule]\ncompute_limit = \"50%\"\n",
		"[bolt.capsule]\ncompute_limit = 50\nisolation = \"virtual\"\n");
	s = (struct settings){ .arena = arena };
	assert_int_equal(config_merge(&c, &s, NULL), 0);
	assert_int_equal(s.of[KNOB_ISOLATION].number, ISOLATION_VIRTUAL);
}

static void test_services(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct settings s = { .arena = arena };
	struct config none = read_texts("[bolt.capsule]\ncompute_limit = 50\n", NULL);
	struct config one = read_texts("[services.a.gpu]\nisolation = \"exclusive\"\n",
		"[services.a.gpu.capsule]\ncompute_limit = 10\n");
	struct config two = read_texts("[services.a.gpu]\nisolation = \"shared\"\n"
				       "[services.b.gpu]\nisolation = \"virtual\"\n",
		NULL);
	struct config_candidate found = { .place = CONFIG_BY_VARIABLE, .state = CONFIG_COUNTS };
	struct config_candidate given = { .place = CONFIG_BY_OPTION, .state = CONFIG_COUNTS };

	(void)state;
	assert_int_equal(config_merge_service(&none, "a", &s, NULL), 0);
	one.candidates = (struct config_candidate_list){ .items = &found, .n = 1 };
	assert_int_equal(config_merge_service(&one, "other", &s, NULL), 0);
	assert_null(settings_get(&s, KNOB_ISOLATION));
	assert_int_equal(config_merge_service(&one, "a", &s, NULL), 1);
	s = (struct settings){ .arena = arena };
	one.candidates.items = two.candidates.items = &given;
	two.candidates.n = 1;
	assert_int_equal(config_merge_service(&one, "other", &s, NULL), 1);
	assert_int_equal(s.of[KNOB_ISOLATION].number, ISOLATION_EXCLUSIVE);
	assert_int_equal(s.of[KNOB_COMPUTE_LIMIT].number, 10);
	assert_int_equal(s.of[KNOB_COMPUTE_LIMIT].source, SOURCE_BOLTFILE);
	s = (struct settings){ .arena = arena };
	assert_int_equal(config_merge_service(&two, "b", &s, NULL), 1);
	assert_int_equal(s.of[KNOB_ISOLATION].number, ISOLATION_VIRTUAL);
	assert_int_equal(config_merge_service(&two, NULL, &s, &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err), "choose a service of 'one': it has 'a', 'b'");
	two.candidates.items = &found;
	assert_int_equal(config_merge_service(&two, NULL, &s, NULL), 0);
}

static void test_profiles(void **state)
{
	struct settings s = { .arena = arena };
	const struct profile *base = NULL;
	struct config c =
		read_texts("[profiles.fast]\ninherits = \"calm\"\nframe_rate_target = 240\n"
			   "[profiles.calm]\ninherits = \"gaming\"\nframe_rate_target = "
			   "60\nvsync_mode = \"on\"\n"
			   "[profiles.gaming]\ninherits = \"gaming\"\nmangohud = true\n"
			   "[profiles.duel]\ninherits = \"competitive\"\ndlss_enabled = true\n"
			   "[profiles.model]\nmodel_size = \"Small\"\n"
			   "[profiles.plain]\n[gpu.gaming_profiles.aaa]\nrt_cores_enabled = false\n",
			NULL);

	(void)state;
	assert_int_equal(config_merge_profile(&c, "fast", &s, &base, NULL), 0);
	assert_ptr_equal(base, profile_get(PROFILE_ID_GAMING));
	assert_int_equal(s.of[KNOB_FRAME_RATE_TARGET].number, 240);
	assert_int_equal(s.of[KNOB_VSYNC_MODE].number, VSYNC_ON);
	/* Over the file's own [profiles.gaming], and the built-in one below that. */
	assert_int_equal(settings_bool(&s, KNOB_MANGOHUD), 1);
	assert_int_equal(settings_bool(&s, KNOB_SHADER_CACHE), 1);
	assert_string_equal(s.of[KNOB_SHADER_CACHE].origin, "profile 'gaming'");
	assert_int_equal(s.of[KNOB_VSYNC_MODE].source, SOURCE_PROFILE);
	assert_int_equal(config_merge_profile(&c, "model", &s, &base, NULL), 0);
	assert_int_equal(base->workload, PROFILE_AI_ML);
	s = (struct settings){ .arena = arena };
	assert_int_equal(config_merge_profile(&c, "plain", &s, &base, NULL), 0);
	assert_ptr_equal(base, profile_get(PROFILE_ID_DEFAULT));
	s = (struct settings){ .arena = arena };
	assert_int_equal(config_merge_profile(&c, "duel", &s, &base, NULL), 0);
	assert_ptr_equal(base, profile_get(PROFILE_ID_COMPETITIVE));
	assert_int_equal(settings_bool(&s, KNOB_DLSS_ENABLED), 1);
	assert_int_equal(settings_bool(&s, KNOB_RT_CORES_ENABLED), 0);
	/* The file's own `aaa` is not the built-in one, and stands on none but "gaming". */
	s = (struct settings){ .arena = arena };
	assert_int_equal(config_merge_profile(&c, "aaa", &s, &base, NULL), 0);
	assert_ptr_equal(base, profile_get(PROFILE_ID_GAMING));
	assert_int_equal(settings_bool(&s, KNOB_RT_CORES_ENABLED), 0);
	assert_null(settings_get(&s, KNOB_DLSS_QUALITY));
}

/* What the command line, the environment or a file says stays. */
static void test_profile_is_below_all(void **state)
{
	static const enum request_source sources[] = { SOURCE_CONFIG, SOURCE_BOLTFILE,
		SOURCE_ENVIRONMENT, SOURCE_COMMAND_LINE };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(sources); i++) {
		struct settings s = { .arena = arena };
		const struct config none = { .arena = arena };
		const struct profile *base;

		assert_int_equal(settings_set(&s, &knob_table[KNOB_DLSS_ENABLED], "no", sources[i],
					 "here", NULL),
			0);
		assert_int_equal(config_merge_profile(&none, "gaming", &s, &base, NULL), 0);
		assert_int_equal(settings_bool(&s, KNOB_DLSS_ENABLED), 0);
		assert_int_equal(settings_bool(&s, KNOB_RT_CORES_ENABLED), 1);
	}
}

static void test_bad_profiles(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[profiles.a]\ninherits = \"b\"\n[profiles.b]\ninherits = \"a\"\n",
			"one:1:11: profile 'a' inherits from itself" },
		{ "[profiles.a]\ninherits = \"a\"\n", "one:1:11: profile 'a' inherits: unknown "
						      "profile 'a'" },
		{ "[profiles.a]\ninherits = \"gamming\"\n", "unknown profile 'gamming'" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct settings s = { .arena = arena };
		struct config c = read_texts(cases[i].text, NULL);
		const struct profile *base;

		assert_int_equal(config_merge_profile(&c, "a", &s, &base, &err), NVB_ERR_FORMAT);
		if (!strstr(nvb_error_message(err), cases[i].message))
			fail_msg("%s", nvb_error_message(err));
	}
}

static void test_environment(void **state)
{
	static const struct {
		const char *name, *value;
		enum knob_id id;
		const char *text;
	} cases[] = {
		{ "BOLT_GPU_ENABLED", "0", KNOB_DEVICES, "none" },
		{ "BOLT_GPU_ENABLED", "1", KNOB_DEVICES, NULL },
		{ "BOLT_GPU_ISOLATION", "exclusive", KNOB_ISOLATION, "exclusive" },
		{ "BOLT_GPU_ISOLATION", "", KNOB_ISOLATION, NULL },
		{ "BOLT_WSL2_MODE", "1", KNOB_WSL2_ENABLED, "true" },
		{ "BOLT_GPU_RUNTIME", "nvbind", KNOB_GPU_RUNTIME, "nvbind" },
		{ "NVIDIA_DLSS_ENABLED", "1", KNOB_DLSS_ENABLED, "true" },
		{ "NVIDIA_RT_CORES_ENABLED", "0", KNOB_RT_CORES_ENABLED, "false" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct settings s = { .arena = arena };
		const struct setting *value;

		setenv(cases[i].name, cases[i].value, 1);
		assert_int_equal(config_read_environment(&s, NULL), 0);
		value = settings_get(&s, cases[i].id);
		assert_int_equal(value != NULL, cases[i].text != NULL);
		if (value) {
			assert_string_equal(value->text, cases[i].text);
			assert_string_equal(value->origin, cases[i].name);
			assert_int_equal(value->source, SOURCE_ENVIRONMENT);
		}
		setenv(cases[i].name, "nonsense", 1);
		assert_int_equal(config_read_environment(&s, &err), NVB_ERR_USAGE);
		assert_non_null(strstr(nvb_error_message(err), cases[i].name));
		unsetenv(cases[i].name);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_files),
		TEST(test_services),
		TEST(test_profiles),
		TEST(test_profile_is_below_all),
		TEST(test_bad_profiles),
		TEST(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
