/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate/text_patch.h"

static void assert_applied(const char *text, struct text_patch *patches, size_t n, const char *eol,
	const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(1 << 16);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct text_patch_list list = { 0 };

	for (size_t i = 0; i < n; i++)
		assert_int_equal(text_patch_add(a, &list, patches[i]), 0);
	text_patch_apply(text, strlen(text), eol, &list, &out);
	assert_false(strbuf_failed(&out));
	assert_string_equal(strbuf_str(&out), expected);
}

static void patches_apply_by_place(void **state)
{
	struct text_patch patches[] = {
		{ .begin = 4, .end = 6, .text = "" },
		{ .begin = 0, .end = 2, .text = "A" },
		{ .begin = 6, .end = 6, .text = "c" },
	};

	(void)state;
	assert_applied("0123456789", patches, 3, "\n", "A23c6789");
}

static void what_comes_stands_before_what_goes(void **state)
{
	struct text_patch patches[] = {
		{ .begin = 2, .end = 4, .text = "-" },
		{ .begin = 2, .end = 2, .text = "a" },
		{ .begin = 4, .end = 4, .text = "b" },
		{ .begin = 4, .end = 6, .text = "" },
	};

	(void)state;
	assert_applied("01234567", patches, 4, "\n", "01a-b67");
}

static void the_same_patch_counts_once(void **state)
{
	struct text_patch patches[] = {
		{ .begin = 1, .end = 1, .text = "x" },
		{ .begin = 1, .end = 1, .text = "x" },
	};

	(void)state;
	assert_applied("ab", patches, 2, "\n", "axb");
}

static void lines_begin_on_lines_of_their_own(void **state)
{
	struct text_patch at_end = { .begin = 3, .end = 3, .text = "b\r\n", .whole_lines = true };
	struct text_patch behind[] = {
		{ .begin = 2, .end = 3, .text = "" },
		{ .begin = 3, .end = 3, .text = "b\n", .whole_lines = true },
	};

	(void)state;
	assert_applied("a: ", &at_end, 1, "\r\n", "a: \r\nb\r\n");
	/* What stood before it in its line is gone. */
	assert_applied("a\nb", behind, 2, "\n", "a\nb\n");
}

static void conflicts_are_seen(void **state)
{
	const struct text_patch cut = { .begin = 2, .end = 6, .text = "" };
	const struct text_patch same = { .begin = 2, .end = 6, .text = "" };
	const struct text_patch other = { .begin = 2, .end = 6, .text = "x" };
	const struct text_patch overlap = { .begin = 5, .end = 8, .text = "" };
	const struct text_patch next = { .begin = 6, .end = 8, .text = "" };
	const struct text_patch inside = { .begin = 3, .end = 3, .text = "x" };
	const struct text_patch before = { .begin = 2, .end = 2, .text = "x" };
	const struct text_patch after = { .begin = 6, .end = 6, .text = "x" };
	const struct text_patch at_once = { .begin = 6, .end = 6, .text = "y" };

	(void)state;
	assert_false(text_patch_conflicts(&cut, &same));
	assert_true(text_patch_conflicts(&cut, &other));
	assert_true(text_patch_conflicts(&cut, &overlap));
	assert_true(text_patch_conflicts(&overlap, &cut));
	assert_false(text_patch_conflicts(&cut, &next));
	assert_true(text_patch_conflicts(&cut, &inside));
	assert_true(text_patch_conflicts(&inside, &cut));
	assert_false(text_patch_conflicts(&cut, &before));
	assert_false(text_patch_conflicts(&cut, &after));
	assert_true(text_patch_conflicts(&after, &at_once));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patches_apply_by_place),
		cmocka_unit_test(what_comes_stands_before_what_goes),
		cmocka_unit_test(the_same_patch_counts_once),
		cmocka_unit_test(lines_begin_on_lines_of_their_own),
		cmocka_unit_test(conflicts_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
