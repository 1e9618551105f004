/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "request/knob_place.h"
#include "request/settings.h"

#define PARTS 8

/* Every row fits its type, and no name stands twice, not even as an alias. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = &knob_table[i], *other;
		const char *alias;

		assert_int_equal(k->id, i);
		assert_true(k->name && *k->name && k->summary && *k->summary);
		assert_int_equal(
			strspn(k->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(k->name));
		assert_int_equal(k->type == KNOB_TYPE_WORD, k->vocabulary != NULL);
		assert_true(!k->most || k->least <= k->most);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(k->name, knob_table[j].name);
		for (size_t j = 0; (alias = knob_place_alias_name(j, &other)); j++)
			assert_string_not_equal(k->name, alias);
	}
}

/* What `config init` shows can be written, and `config set` has a place for everything. */
static void test_homes_and_examples(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct knob *k = &knob_table[i];
		_cleanup_error_ struct nvb_error *err = NULL;
		struct settings s = { .arena = a };
		const char *table, *key, *keys[PARTS], *example = knob_example(k);
		_cleanup_free_ char *copy = NULL;
		char *rest, *part;
		struct knob_place place;
		size_t n = 0;

		if (example && settings_set(&s, k, example, SOURCE_CONFIG, "test", &err) < 0)
			fail_msg("%s: %s", k->name, nvb_error_message(err));
		assert_true(example || k->type == KNOB_TYPE_NUMBER);
		if (i == KNOB_TITLE) {
			assert_false(knob_place_home(k, &table, &key));
			continue;
		}
		assert_true(knob_place_home(k, &table, &key));
		copy = strdup(table);
		rest = copy;
		while ((part = strsep(&rest, ".")))
			keys[n++] = part;
		keys[n++] = key;
		assert_int_equal(knob_place_find(keys, n, &place), KNOB_PATH_KNOB);
		assert_ptr_equal(place.knob, k);
		assert_int_equal(place.section, KNOB_SECTION_ALL);
	}
}

static void test_find(void **state)
{
	static const struct {
		const char *name;
		enum knob_id id;
	} cases[] = {
		{ "isolation_level", KNOB_ISOLATION },
		{ "isolation", KNOB_ISOLATION },
		{ "memory_limit", KNOB_MEMORY_LIMIT },
		{ "gpu-memory-limit", KNOB_MEMORY_LIMIT },
		{ "mig_required", KNOB_MIG_ENABLED },
		{ "performance_level", KNOB_PERFORMANCE_PROFILE },
		{ "profile", KNOB_PERFORMANCE_PROFILE },
		{ "bolt.gaming.dlss_enabled", KNOB_DLSS_ENABLED },
		{ "bolt.aiml.profile", KNOB_AIML_PROFILE },
		{ "bolt.gaming.profile", KNOB_PERFORMANCE_PROFILE },
		{ "services.web.gpu.isolation", KNOB_ISOLATION },
		{ "services.web.gaming.gpu.nvbind.nvidia.driver_type", KNOB_NVIDIA_DRIVER },
		{ "services.my-web.gaming.audio.system", KNOB_AUDIO_SYSTEM },
		{ "runtime.nvbind.wsl2.enabled", KNOB_WSL2_ENABLED },
		{ "profiles.mine.vsync_mode", KNOB_VSYNC_MODE },
		{ "gpu.default_selection", KNOB_DEVICES },
	};
	static const struct {
		const char *name, *nearest;
	} unknown[] = {
		{ "isolatoin", "isolation" },
		{ "bolt.gaming.dlss_enabld", "dlss_enabled" },
		{ "Isolation_Level", "isolation_level" },
		{ "", NULL },
		{ ".", NULL },
		{ "xyzzy", NULL },
		{ "bolt.gaming", NULL },
		{ "bolt.gaming.cuda_support", "cuda_support" },
		{ "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s", NULL },
	};
	const char *nearest;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct knob *k = knob_find(cases[i].name, &nearest);

		if (!k || k->id != cases[i].id)
			fail_msg("%s is %s", cases[i].name, k ? k->name : "unknown");
		assert_null(nearest);
	}
	for (size_t i = 0; i < ELEMENTS(unknown); i++) {
		if (knob_find(unknown[i].name, &nearest))
			fail_msg("'%s' is known", unknown[i].name);
		if (unknown[i].nearest)
			assert_string_equal(nearest, unknown[i].nearest);
		else
			assert_null(nearest);
	}
}

static void expect_place(const char *path, enum knob_path what, const char *hint)
{
	_cleanup_(strbuf_done) struct strbuf got = STRBUF_INIT(1024);
	_cleanup_free_ char *copy = strdup(path);
	const char *keys[PARTS];
	char *rest = copy, *part;
	struct knob_place place;
	size_t n = 0;

	while ((part = strsep(&rest, ".")))
		keys[n++] = part;
	if (knob_place_find(keys, n, &place) != what)
		fail_msg("%s is %d", path, (int)knob_place_find(keys, n, &place));
	if (!hint)
		return;
	knob_place_hint(keys, n, &got);
	assert_string_equal(strbuf_str(&got), hint);
}

static void test_places(void **state)
{
	(void)state;
	expect_place("services", KNOB_PATH_TABLE, NULL);
	expect_place("services.web", KNOB_PATH_TABLE, NULL);
	expect_place("services.web.image", KNOB_PATH_OTHER, NULL);
	expect_place("services.web.environment.A", KNOB_PATH_OTHER, NULL);
	expect_place("services.web.gaming.gpu", KNOB_PATH_TABLE, NULL);
	expect_place("project", KNOB_PATH_OTHER, NULL);
	expect_place("project.name", KNOB_PATH_OTHER, NULL);
	expect_place("profiles.mine.inherits", KNOB_PATH_OTHER, NULL);
	expect_place("bolt", KNOB_PATH_TABLE, NULL);
	expect_place("bold", KNOB_PATH_UNKNOWN, "did you mean 'bolt'?");
	expect_place("bolt.gamin", KNOB_PATH_UNKNOWN, "did you mean 'gaming'?");
	expect_place("bolt.gaming.dlss_enable", KNOB_PATH_UNKNOWN, "did you mean 'dlss_enabled'?");
	expect_place("isolation_level", KNOB_PATH_UNKNOWN,
		"its place is 'isolation_level' in [bolt.capsule]");
	expect_place("bolt.gaming.memory_limit", KNOB_PATH_UNKNOWN,
		"its place is 'gpu_memory_limit' in [bolt.capsule]");
	expect_place("services.web.imag", KNOB_PATH_UNKNOWN, "did you mean 'image'?");
	expect_place("services.web.gpu.gaming.zzzzzz", KNOB_PATH_UNKNOWN, "");
	expect_place(
		"profiles.mine.dlss_enabeld", KNOB_PATH_UNKNOWN, "did you mean 'dlss_enabled'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_homes_and_examples),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
