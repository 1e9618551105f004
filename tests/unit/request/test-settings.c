/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "request/settings.h"

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

#define GIB ((uint64_t)1 << 30)

static const struct good {
	enum knob_id id;
	const char *text, *canonical;
	uint64_t number;
} good[] = {
	{ KNOB_DLSS_ENABLED, "true", "true", 1 },
	{ KNOB_DLSS_ENABLED, "1", "true", 1 },
	{ KNOB_DLSS_ENABLED, "Yes", "true", 1 },
	{ KNOB_DLSS_ENABLED, "ON", "true", 1 },
	{ KNOB_DLSS_ENABLED, "false", "false", 0 },
	{ KNOB_DLSS_ENABLED, "0", "false", 0 },
	{ KNOB_DLSS_ENABLED, "no", "false", 0 },
	{ KNOB_DLSS_ENABLED, "off", "false", 0 },
	{ KNOB_ISOLATION, "GPU-Exclusive", "exclusive", ISOLATION_EXCLUSIVE },
	{ KNOB_ISOLATION, "TimeSliced", "shared", ISOLATION_SHARED },
	{ KNOB_ISOLATION, "MIG", "virtual", ISOLATION_VIRTUAL },
	{ KNOB_PERFORMANCE_PROFILE, "UltraLowLatency", "ultra-low-latency",
		PERFORMANCE_ULTRA_LOW_LATENCY },
	{ KNOB_PERFORMANCE_PROFILE, "ultra_low_latency", "ultra-low-latency",
		PERFORMANCE_ULTRA_LOW_LATENCY },
	{ KNOB_PERFORMANCE_PROFILE, "MaxPerformance", "performance", PERFORMANCE_THROUGHPUT },
	{ KNOB_PERFORMANCE_PROFILE, "PowerEfficient", "efficiency", PERFORMANCE_EFFICIENCY },
	{ KNOB_PERFORMANCE_MODE, "gaming", "ultra", MODE_ULTRA },
	{ KNOB_PERFORMANCE_MODE, "efficiency", "efficient", MODE_EFFICIENT },
	{ KNOB_POWER_PROFILE, "PowerSave", "power-saver", POWER_SAVER },
	{ KNOB_POWER_PROFILE, "power_saver", "power-saver", POWER_SAVER },
	{ KNOB_DRIVER, "proprietary", "nvidia-proprietary", DRIVER_NVIDIA_PROPRIETARY },
	{ KNOB_DRIVER, "open", "nvidia-open", DRIVER_NVIDIA_OPEN },
	{ KNOB_DLSS_QUALITY, "ultraperformance", "UltraPerformance", DLSS_ULTRA_PERFORMANCE },
	{ KNOB_MODEL_SIZE, "xlarge", "XLarge", MODEL_XLARGE },
	{ KNOB_PRECISION, "fp16", "FP16", PRECISION_FP16 },
	{ KNOB_MEMORY_LIMIT, "8GB", "8GiB", 8 * GIB },
	{ KNOB_MEMORY_LIMIT, "8.0 GiB", "8GiB", 8 * GIB },
	{ KNOB_MEMORY_LIMIT, "1.5G", "1536MiB", GIB + GIB / 2 },
	{ KNOB_MEMORY_LIMIT, "1000", "1000", 1000 },
	{ KNOB_MEMORY_LIMIT, "1", "1", 1 },
	{ KNOB_COMPUTE_LIMIT, "50%", "50%", 50 },
	{ KNOB_COMPUTE_LIMIT, "80", "80%", 80 },
	{ KNOB_COMPUTE_LIMIT, "1%", "1%", 1 },
	{ KNOB_COMPUTE_LIMIT, "100%", "100%", 100 },
	{ KNOB_FRAME_RATE_TARGET, "144", "144", 144 },
	{ KNOB_CUDA_CACHE_SIZE, "0", "0", 0 },
	{ KNOB_CUDA_VERSION, "12.0", "12.0", 0 },
	{ KNOB_DEVICES, "gpu:0", "gpu:0", 0 },
	{ KNOB_DEVICES, " gpu:0 , 1", "gpu:0,1", 0 },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(good); i++) {
		const struct good *c = &good[i];
		_cleanup_error_ struct nvb_error *err = NULL;
		struct settings s = { .arena = arena }, again = { .arena = arena };

		if (settings_set(&s, &knob_table[c->id], c->text, SOURCE_CONFIG, "x", &err) < 0)
			fail_msg("%s: %s", c->text, nvb_error_message(err));
		assert_string_equal(settings_get(&s, c->id)->text, c->canonical);
		assert_int_equal(settings_get(&s, c->id)->number, c->number);
		/* The canonical text means the same. */
		assert_int_equal(settings_set(&again, &knob_table[c->id], c->canonical,
					 SOURCE_CONFIG, "x", NULL),
			0);
		assert_string_equal(settings_get(&again, c->id)->text, c->canonical);
		assert_int_equal(settings_get(&again, c->id)->number, c->number);
	}
}

static const struct bad {
	enum knob_id id;
	const char *text, *message;
} bad[] = {
	{ KNOB_COMPUTE_LIMIT, "0%", "'0%' is too small: compute_limit is from 1% to 100%" },
	{ KNOB_COMPUTE_LIMIT, "140%", "'140%' is too large: compute_limit is from 1% to 100%" },
	{ KNOB_COMPUTE_LIMIT, "-5%", "'-5%' is negative" },
	{ KNOB_COMPUTE_LIMIT, "50.5%", "is not a number" },
	{ KNOB_COMPUTE_LIMIT, "%", "is not a number" },
	{ KNOB_COMPUTE_LIMIT, "50%%", "is not a number" },
	{ KNOB_COMPUTE_LIMIT, "99999999999999999999%", "is too large" },
	{ KNOB_MEMORY_LIMIT, "8XB", "'8XB' is not a size: the unit is unknown" },
	{ KNOB_MEMORY_LIMIT, "-8GB", "'-8GB' is negative" },
	{ KNOB_MEMORY_LIMIT, "0", "'0' is too small: gpu_memory_limit is a size" },
	{ KNOB_MEMORY_LIMIT, "", "not a size" },
	{ KNOB_MEMORY_LIMIT, "99999999999P", "too large" },
	{ KNOB_FRAME_RATE_TARGET, "0", "'0' is too small: frame_rate_target is from 1 to 1000" },
	{ KNOB_FRAME_RATE_TARGET, "1001", "is too large" },
	{ KNOB_FRAME_RATE_TARGET, "144%", "is not a number" },
	{ KNOB_FRAME_RATE_TARGET, "", "is not a number" },
	{ KNOB_DLSS_ENABLED, "maybe", "'maybe' is neither yes nor no" },
	{ KNOB_DLSS_ENABLED, "", "neither yes nor no" },
	{ KNOB_ISOLATION, "exclusif",
		"unknown isolation mode 'exclusif'; known are 'shared', "
		"'exclusive', 'virtual'" },
	{ KNOB_CUDA_VERSION, "", "is empty" },
	{ KNOB_CUDA_VERSION, "12\n", "holds a control character" },
	{ KNOB_DEVICES, "gpu:0,", "is empty" },
	{ KNOB_DEVICES, "gpu:x", "gpu:x" },
};

static void test_bad_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct settings s = { .arena = arena };

		assert_int_equal(settings_set(&s, &knob_table[bad[i].id], bad[i].text,
					 SOURCE_CONFIG, "x", &err),
			NVB_ERR_USAGE);
		if (!strstr(nvb_error_message(err), bad[i].message))
			fail_msg("%s: %s", bad[i].text, nvb_error_message(err));
		assert_null(settings_get(&s, bad[i].id));
		/* What does not count may not be nonsense either. */
		assert_int_equal(settings_set(&s, &knob_table[bad[i].id], bad[i].text,
					 SOURCE_DEFAULT, "x", NULL),
			NVB_ERR_USAGE);
	}
}

static void set(struct settings *s, enum knob_id id, const char *text, enum request_source source,
	const char *origin)
{
	assert_int_equal(settings_set(s, &knob_table[id], text, source, origin, NULL), 0);
}

static void test_precedence(void **state)
{
	static const enum request_source order[] = { SOURCE_COMMAND_LINE, SOURCE_ENVIRONMENT,
		SOURCE_BOLTFILE, SOURCE_CONFIG, SOURCE_PROFILE, SOURCE_DEFAULT };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(order); i++)
		for (size_t j = i + 1; j < ELEMENTS(order); j++) {
			struct settings s = { .arena = arena };

			set(&s, KNOB_FRAME_RATE_TARGET, "60", order[j], "lower");
			set(&s, KNOB_FRAME_RATE_TARGET, "144", order[i], "higher");
			set(&s, KNOB_FRAME_RATE_TARGET, "30", order[j], "lower again");
			assert_int_equal(s.of[KNOB_FRAME_RATE_TARGET].number, 144);
			assert_int_equal(s.of[KNOB_FRAME_RATE_TARGET].source, order[i]);
			assert_string_equal(s.of[KNOB_FRAME_RATE_TARGET].origin, "higher");
		}
}

static void test_contradictions(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct settings s = { .arena = arena }, other = { .arena = arena };

	(void)state;
	set(&s, KNOB_MEMORY_LIMIT, "8GB", SOURCE_CONFIG, "a.toml:1:1");
	set(&s, KNOB_MEMORY_LIMIT, "8192M", SOURCE_CONFIG, "b.toml:2:2");
	assert_string_equal(s.of[KNOB_MEMORY_LIMIT].origin, "a.toml:1:1");
	set(&other, KNOB_MEMORY_LIMIT, "4GB", SOURCE_CONFIG, "b.toml:2:2");
	assert_int_equal(settings_merge(&s, &other, &err), NVB_ERR_USAGE);
	assert_string_equal(nvb_error_message(err),
		"gpu_memory_limit is '8GiB' by a.toml:1:1, but '4GiB' by b.toml:2:2");
	/* On a command line, who speaks last is right. */
	set(&s, KNOB_MEMORY_LIMIT, "1G", SOURCE_COMMAND_LINE, "--config");
	set(&s, KNOB_MEMORY_LIMIT, "2G", SOURCE_COMMAND_LINE, "--config");
	assert_string_equal(s.of[KNOB_MEMORY_LIMIT].text, "2GiB");
	/* And then the files may say what they like. */
	assert_int_equal(settings_merge(&s, &other, NULL), 0);
	/* An open choice contradicts nothing. */
	set(&s, KNOB_DRIVER, "auto", SOURCE_CONFIG, "a");
	set(&s, KNOB_DRIVER, "open", SOURCE_CONFIG, "b");
	set(&s, KNOB_DRIVER, "auto", SOURCE_CONFIG, "c");
	assert_string_equal(s.of[KNOB_DRIVER].text, "nvidia-open");
}

static void test_assignments(void **state)
{
	static const struct {
		const char *text, *message;
	} refused[] = {
		{ "isolation", "no '=' in 'isolation'" },
		{ "=x", "unknown key ''" },
		{ "isolatoin=shared", "unknown key 'isolatoin'" },
		{ "compute_limit=140%", "key 'compute_limit': '140%' is too large" },
		{ "compute_limit=", "key 'compute_limit': '' is not a number" },
	};
	struct settings s = { .arena = arena };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(refused); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;

		assert_int_equal(settings_set_assignment(
					 &s, refused[i].text, SOURCE_COMMAND_LINE, "x", &err),
			NVB_ERR_USAGE);
		if (!strstr(nvb_error_message(err), refused[i].message))
			fail_msg("%s: %s", refused[i].text, nvb_error_message(err));
	}
	assert_int_equal(settings_set_assignment(&s, "bolt.gaming.dlss_enabled=false",
				 SOURCE_COMMAND_LINE, "--config", NULL),
		0);
	assert_int_equal(settings_bool(&s, KNOB_DLSS_ENABLED), 0);
	assert_int_equal(settings_bool(&s, KNOB_VRS_ENABLED), -1);
}

static void test_merge(void **state)
{
	struct arena *other = arena_new();
	struct settings from = { .arena = other }, into = { .arena = arena };
	struct settings filled = { .arena = arena };

	(void)state;
	set(&from, KNOB_DEVICES, "gpu:0,gpu:1", SOURCE_CONFIG, "file");
	set(&from, KNOB_VSYNC_MODE, "fifo", SOURCE_CONFIG, "file");
	set(&into, KNOB_VSYNC_MODE, "off", SOURCE_PROFILE, "profile");
	set(&filled, KNOB_VSYNC_MODE, "off", SOURCE_PROFILE, "profile");
	assert_int_equal(string_list_add(other, &from.warnings, "beware"), 0);
	assert_int_equal(settings_merge(&into, &from, NULL), 0);
	assert_int_equal(settings_fill(&filled, &from, NULL), 0);
	/* Nothing may be borrowed. */
	arena_free(other);
	assert_int_equal(into.of[KNOB_DEVICES].list.n, 2);
	assert_string_equal(into.of[KNOB_DEVICES].list.items[1], "gpu:1");
	assert_string_equal(into.of[KNOB_DEVICES].text, "gpu:0,gpu:1");
	assert_string_equal(into.of[KNOB_DEVICES].origin, "file");
	assert_string_equal(into.of[KNOB_VSYNC_MODE].text, "on");
	assert_int_equal(into.warnings.n, 1);
	assert_string_equal(into.warnings.items[0], "beware");
	assert_string_equal(filled.of[KNOB_VSYNC_MODE].text, "off");
	assert_string_equal(filled.of[KNOB_DEVICES].list.items[0], "gpu:0");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_bad_values),
		TEST(test_precedence),
		TEST(test_contradictions),
		TEST(test_assignments),
		TEST(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
