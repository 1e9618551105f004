/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "request/request.h"

static void test_volumes(void **state)
{
	static const struct {
		const char *text, *source, *destination;
		bool read_only;
	} cases[] = {
		{ "/a:/b", "/a", "/b", false },
		{ "/a:/b:ro", "/a", "/b", true },
		{ "/a:/b:rw", "/a", "/b", false },
		{ "/:/host:ro", "/", "/host", true },
		{ "/a/../c:/b", "/a/../c", "/b", false },
		{ "/a/:/b/", "/a/", "/b", false },
		{ "/a://b//./c/.", "/a", "/b/c", false },
		{ "/a b:/c d", "/a b", "/c d", false },
		{ "/a:/.b/c.", "/a", "/.b/c.", false },
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct volume v;

		assert_int_equal(volume_parse(arena, cases[i].text, &v, NULL), 0);
		assert_string_equal(v.source, cases[i].source);
		assert_string_equal(v.destination, cases[i].destination);
		assert_int_equal(v.read_only, cases[i].read_only);
	}
}

static void test_bad_volumes(void **state)
{
	static const char *const cases[] = {
		"",
		":",
		"/a",
		"/a:",
		"a:/b",
		":/b",
		"./a:/b",
		"/a:b",
		"/a:/b:",
		"/a:/b:x",
		"/a:/b:RO",
		"/a:/b:ro:rw",
		"/a:/b:ro,z",
		"/a:/../b",
		"/a:/b/..",
		"/a:/",
		"/a://",
		"/a:/.",
		"/a:..",
	};
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct volume v = { .source = "untouched" };

		if (volume_parse(arena, cases[i], &v, &err) != NVB_ERR_USAGE)
			fail_msg("'%s' is taken for a volume", cases[i]);
		assert_string_equal(v.source, "untouched");
		assert_non_null(nvb_error_get_hint(err));
	}
}

static void test_long_volume(void **state)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	char text[10000];
	struct volume v;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "/a:/", 4);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(volume_parse(arena, text, &v, &err), NVB_ERR_USAGE);
	assert_true(strlen(nvb_error_message(err)) < 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_bad_volumes),
		cmocka_unit_test(test_long_volume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
