/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in profiles: names, values, parents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "request/profile.h"

static int setup(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static struct settings fill(void **state, enum profile_id id)
{
	struct settings s = { .arena = *state };
	_cleanup_error_ struct nvb_error *err = NULL;

	if (profile_fill(profile_get(id), &s, &err) < 0)
		fail_msg("%s: %s", profile_get(id)->name, nvb_error_message(err));
	return s;
}

/* Every text of the table is a value of its knob, and no profile does what nobody asked for. */
static void test_all_values(void **state)
{
	for (int id = PROFILE_ID_NONE + 1; id < PROFILE_ID_COUNT; id++) {
		const struct profile *profile = profile_get((enum profile_id)id);
		struct settings s = fill(state, (enum profile_id)id);

		assert_int_equal(profile->id, id);
		for (size_t i = 0; i < KNOB_COUNT; i++) {
			if (!s.of[i].given)
				continue;
			assert_int_equal(s.of[i].source, SOURCE_PROFILE);
			if (knob_table[i].scope != KNOB_SCOPE_CONTAINER)
				fail_msg("%s sets %s", profile->name, knob_table[i].name);
		}
		assert_null(settings_get(&s, KNOB_MEMORY_LIMIT));
		assert_null(settings_get(&s, KNOB_COMPUTE_LIMIT));
		assert_null(settings_get(&s, KNOB_ALLOW_UNENFORCED));
		if (settings_get(&s, KNOB_ISOLATION))
			assert_int_equal(s.of[KNOB_ISOLATION].number, ISOLATION_SHARED);
	}
}

static void test_parents(void **state)
{
	struct settings gaming = fill(state, PROFILE_ID_GAMING);
	struct settings competitive = fill(state, PROFILE_ID_COMPETITIVE);
	struct settings empty = fill(state, PROFILE_ID_DEFAULT);

	for (int id = PROFILE_ID_NONE + 1; id < PROFILE_ID_COUNT; id++) {
		const struct profile *profile = profile_get((enum profile_id)id);

		/* A parent stands before its children, so no profile is its own. */
		if (profile->parent) {
			assert_true(profile->parent->id < profile->id);
			assert_int_equal(profile->parent->workload, profile->workload);
		}
	}
	assert_int_equal(settings_bool(&gaming, KNOB_DLSS_ENABLED), 1);
	assert_int_equal(settings_bool(&competitive, KNOB_DLSS_ENABLED), 0);
	assert_string_equal(competitive.of[KNOB_DLSS_ENABLED].origin, "profile 'competitive'");
	assert_int_equal(settings_bool(&competitive, KNOB_WINE_OPTIMIZATIONS), 1);
	assert_string_equal(competitive.of[KNOB_WINE_OPTIMIZATIONS].origin, "profile 'gaming'");
	for (size_t i = 0; i < KNOB_COUNT; i++)
		assert_false(empty.of[i].given);
}

/* What is there stays, whatever says it. */
static void test_fill_keeps(void **state)
{
	struct settings s = { .arena = *state };

	assert_int_equal(settings_set(&s, &knob_table[KNOB_DLSS_ENABLED], "false", SOURCE_PROFILE,
				 "mine", NULL),
		0);
	assert_int_equal(profile_fill(profile_get(PROFILE_ID_AAA), &s, NULL), 0);
	assert_int_equal(settings_bool(&s, KNOB_DLSS_ENABLED), 0);
	assert_int_equal(s.of[KNOB_DLSS_QUALITY].number, DLSS_QUALITY);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum profile_id id;
		bool stands_in;
	} cases[] = {
		{ "gaming", PROFILE_ID_GAMING, false },
		{ "Gaming", PROFILE_ID_GAMING, false },
		{ "bolt-gaming", PROFILE_ID_GAMING, false },
		{ "ultra", PROFILE_ID_GAMING, false },
		{ "ai_ml", PROFILE_ID_AI_ML, false },
		{ "ml", PROFILE_ID_AI_ML, false },
		{ "bolt-ai-ml", PROFILE_ID_AI_ML, false },
		{ "AAA", PROFILE_ID_AAA, false },
		{ "handheld", PROFILE_ID_HANDHELD, false },
		{ "development", PROFILE_ID_DEVELOPMENT, false },
		{ "ollama_70b", PROFILE_ID_OLLAMA_70B, false },
		{ "balanced", PROFILE_ID_DEFAULT, true },
		{ "high-performance-gaming", PROFILE_ID_GAMING, true },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		bool stands_in;
		const struct profile *found = profile_find(cases[i].name, &stands_in);

		if (!found || found->id != cases[i].id || stands_in != cases[i].stands_in)
			fail_msg("%s", cases[i].name);
	}
	/* Every word of the vocabulary that nvbind-runtime reads is a profile, and of that kind. */
	for (size_t i = 0; i < vocabulary_profile.n; i++) {
		const struct vocabulary_word *word = &vocabulary_profile.words[i];
		bool stands_in;
		const struct profile *found = profile_find(word->name, &stands_in);

		if (!found || (int)found->workload != word->value)
			fail_msg("%s", word->name);
	}
	for (int w = PROFILE_DEFAULT; w <= PROFILE_SHARED; w++)
		assert_string_equal(profile_of_workload((enum workload_profile)w)->name,
			vocabulary_name(&vocabulary_profile, w));
}

static void test_parse(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL, *far = NULL;
	struct string_list warnings = { 0 };
	const struct profile *found = NULL;

	assert_int_equal(profile_parse("gaming", *state, &warnings, &found, NULL), 0);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(
		profile_parse("high-performance-gaming", *state, &warnings, &found, NULL), 0);
	assert_int_equal(found->id, PROFILE_ID_GAMING);
	assert_int_equal(warnings.n, 1);
	assert_string_equal(warnings.items[0],
		"profile 'high-performance-gaming' is defined nowhere, 'gaming' is taken");
	found = NULL;
	assert_int_equal(
		profile_parse("competetive", *state, &warnings, &found, &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err), "unknown profile 'competetive'");
	assert_string_equal(nvb_error_get_hint(err), "did you mean 'competitive'?");
	assert_int_equal(
		profile_parse("\033[2Jnobody", *state, &warnings, &found, &far), NVB_ERR_USAGE);
	assert_null(strchr(nvb_error_message(far), '\033'));
	assert_string_equal(nvb_error_get_hint(far), "'nvbind profile list' shows all");
	assert_null(found);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_values),
		TEST(test_parents),
		TEST(test_fill_keeps),
		TEST(test_names),
		TEST(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
