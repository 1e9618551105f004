/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "request/nearest.h"
#include "request/vocabulary.h"

static const struct vocabulary *const all[] = {
	&vocabulary_isolation,
	&vocabulary_profile,
	&vocabulary_driver,
	&vocabulary_performance,
	&vocabulary_mode,
	&vocabulary_dlss_quality,
	&vocabulary_vrs_rate,
	&vocabulary_vsync,
	&vocabulary_display,
	&vocabulary_audio,
	&vocabulary_latency,
	&vocabulary_aiml,
	&vocabulary_model_size,
	&vocabulary_precision,
	&vocabulary_gpu_runtime,
	&vocabulary_wsl2_gpu,
	&vocabulary_power,
	&vocabulary_governor,
};

static void test_words(void **state)
{
	static const struct {
		const struct vocabulary *vocabulary;
		const char *text, *canonical;
	} cases[] = {
		{ &vocabulary_isolation, "shared", "shared" },
		{ &vocabulary_isolation, "Exclusive", "exclusive" },
		{ &vocabulary_isolation, "gpu-virtual", "virtual" },
		{ &vocabulary_isolation, "TimeSliced", "shared" },
		{ &vocabulary_isolation, "MIG", "virtual" },
		{ &vocabulary_profile, "default", "default" },
		{ &vocabulary_profile, "GAMING", "gaming" },
		{ &vocabulary_profile, "bolt-gaming", "gaming" },
		{ &vocabulary_profile, "ultra", "gaming" },
		{ &vocabulary_profile, "aaa", "gaming" },
		{ &vocabulary_profile, "ai", "ai-ml" },
		{ &vocabulary_profile, "bolt-ai-ml", "ai-ml" },
		{ &vocabulary_profile, "balanced", "default" },
		{ &vocabulary_driver, "auto", "auto" },
		{ &vocabulary_driver, "open", "nvidia-open" },
		{ &vocabulary_driver, "proprietary", "nvidia-proprietary" },
		{ &vocabulary_driver, "AMDGPU", "amdgpu" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int value = -1;

		assert_int_equal(
			vocabulary_parse(cases[i].vocabulary, cases[i].text, &value, NULL), 0);
		assert_string_equal(
			vocabulary_name(cases[i].vocabulary, value), cases[i].canonical);
	}
}

/* Canonical names stand before aliases, every value has exactly one, no word stands twice. */
static void test_tables(void **state)
{
	(void)state;
	for (size_t v = 0; v < ELEMENTS(all); v++) {
		bool aliases = false;

		for (size_t i = 0; i < all[v]->n; i++) {
			const struct vocabulary_word *w = &all[v]->words[i];

			assert_false(aliases && !w->alias);
			aliases = aliases || w->alias;
			if (!w->alias)
				assert_ptr_equal(vocabulary_name(all[v], w->value), w->name);
			for (size_t j = 0; j < i; j++)
				assert_int_not_equal(strcasecmp(w->name, all[v]->words[j].name), 0);
		}
	}
}

static void test_unknown(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int value = 77;

	(void)state;
	assert_int_equal(
		vocabulary_parse(&vocabulary_profile, "gamming", &value, &err), NVB_ERR_USAGE);
	assert_int_equal(value, 77);
	assert_string_equal(nvb_error_message(err),
		"unknown profile 'gamming'; known are 'default', 'gaming', 'ai-ml', 'shared'");
	assert_string_equal(nvb_error_get_hint(err), "did you mean 'gaming'?");

	nvb_error_clear(&err);
	assert_int_equal(
		vocabulary_parse(&vocabulary_isolation, "zzz\n", &value, &err), NVB_ERR_USAGE);
	assert_null(nvb_error_get_hint(err));
	assert_null(strchr(nvb_error_message(err), '\n'));

	nvb_error_clear(&err);
	assert_int_equal(vocabulary_parse(&vocabulary_isolation, "", &value, &err), NVB_ERR_USAGE);
}

static void test_profile_capabilities(void **state)
{
	(void)state;
	assert_int_equal(profile_capabilities(PROFILE_DEFAULT), CAPABILITY_DEFAULT);
	assert_int_equal(profile_capabilities(PROFILE_SHARED), CAPABILITY_DEFAULT);
	assert_int_equal(profile_capabilities(PROFILE_AI_ML),
		CAPABILITY_COMPUTE | CAPABILITY_UTILITY | CAPABILITY_VIDEO);
	assert_true(profile_capabilities(PROFILE_GAMING) & CAPABILITY_GRAPHICS);
	assert_true(profile_capabilities(PROFILE_GAMING) & CAPABILITY_COMPAT32);
	assert_true(profile_capabilities(PROFILE_GAMING) & CAPABILITY_NGX);
}

static const char *nearest_of(const char *text)
{
	struct nearest n = NEAREST_INIT(text);

	nearest_consider(&n, "isolation");
	nearest_consider(&n, "isolate");
	nearest_consider(&n, "gpu");
	nearest_consider(&n, "rm");
	return nearest_word(&n);
}

static void test_nearest(void **state)
{
	static const char long_text[] = "isolationisolationisolationisolationisolation";

	(void)state;
	assert_string_equal(nearest_of("isolatoin"), "isolation");
	assert_string_equal(nearest_of("ISOLATE"), "isolate");
	assert_string_equal(nearest_of("isol"), "isolation");
	assert_string_equal(nearest_of("gpus"), "gpu");
	assert_string_equal(nearest_of("gup"), "gpu");
	assert_string_equal(nearest_of("r"), "rm");
	assert_null(nearest_of("rootfs"));
	assert_null(nearest_of("x"));
	assert_null(nearest_of(""));
	assert_null(nearest_of(long_text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_profile_capabilities),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
