/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "format/text_diff.h"

static void assert_diff(const char *before, const char *after, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(1 << 20);

	assert_int_equal(text_diff("f", before, after, &out), 0);
	assert_string_equal(strbuf_str(&out), expected);
}

#define HEAD "--- f\n+++ f\n"

static void test_equal_is_nothing(void **state)
{
	(void)state;
	assert_diff("", "", "");
	assert_diff("a\nb\n", "a\nb\n", "");
	assert_diff("a", "a", "");
	assert_diff(NULL, NULL, "");
}

static void test_new_and_removed(void **state)
{
	(void)state;
	assert_diff(NULL, "a\nb\n", "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
	assert_diff("a\n", NULL, "--- f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
	assert_diff("", "a\n", HEAD "@@ -0,0 +1 @@\n+a\n");
	/* A new file that is empty differs from none. */
	assert_diff(NULL, "", "--- /dev/null\n+++ f\n");
}

static void test_no_newline_at_the_end(void **state)
{
	(void)state;
	assert_diff("a", "a\n", HEAD "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
	assert_diff(
		"a\nb", "c\nb", HEAD "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n");
}

static void test_context(void **state)
{
	(void)state;
	assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
		HEAD "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
}

static void test_near_changes_share_a_hunk(void **state)
{
	(void)state;
	/* Six equal lines between: one hunk; seven: two. */
	assert_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
		HEAD "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
	assert_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
		HEAD "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

static void test_shortest(void **state)
{
	(void)state;
	/* The example of Myers' paper: five edits. */
	assert_diff("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n",
		HEAD "@@ -1,7 +1,6 @@\n-a\n-b\n c\n+b\n a\n b\n-b\n a\n+c\n");
}

static void test_carriage_returns_count(void **state)
{
	(void)state;
	assert_diff("a\r\n", "a\n", HEAD "@@ -1 +1 @@\n-a\r\n+a\n");
}

/* Applies what text_diff() wrote, to see that it says the truth. */
static void apply(const char *before, const char *diff, struct strbuf *out)
{
	const char *line = strchr(strchr(diff, '\n') + 1, '\n') + 1;
	unsigned at = 1;

	while (*line) {
		const char *end = strchr(line, '\n');
		unsigned first;

		if (line[0] == '@') {
			assert_int_equal(sscanf(line, "@@ -%u", &first), 1);
			for (; at < first; at++) {
				const char *next = strchr(before, '\n') + 1;

				strbuf_add(out, before, (size_t)(next - before));
				before = next;
			}
		} else if (line[0] != '-') {
			strbuf_add(out, line + 1, (size_t)(end - line));
		}
		if (line[0] == ' ' || line[0] == '-') {
			assert_memory_equal(before, line + 1, (size_t)(end - line));
			before = strchr(before, '\n') + 1;
			at++;
		}
		line = end + 1;
	}
	strbuf_str_add(out, before);
}

static void make_text(unsigned *seed, unsigned lines, unsigned letters, struct strbuf *out)
{
	for (unsigned i = 0; i < lines; i++) {
		*seed = *seed * 1103515245 + 12345;
		strbuf_printf(out, "%c\n", 'a' + (int)(*seed >> 16) % (int)letters);
	}
}

static void test_applies(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		_cleanup_(strbuf_done) struct strbuf a = STRBUF_INIT(1 << 20), b = a, d = a, c = a;

		make_text(&seed, i % 23, 2 + i % 5, &a);
		make_text(&seed, i % 19, 2 + i % 5, &b);
		if (strcmp(strbuf_str(&a), strbuf_str(&b)) == 0)
			continue;
		assert_int_equal(text_diff("f", strbuf_str(&a), strbuf_str(&b), &d), 0);
		apply(strbuf_str(&a), strbuf_str(&d), &c);
		assert_string_equal(strbuf_str(&c), strbuf_str(&b));
	}
}

/* Too many edits for the shortest script: everything between the equal ends is replaced. */
static void test_texts_without_a_common_line(void **state)
{
	_cleanup_(strbuf_done) struct strbuf a = STRBUF_INIT(1 << 20), b = a, d = a, c = a;

	(void)state;
	strbuf_str_add(&a, "same\n");
	strbuf_str_add(&b, "same\n");
	for (unsigned i = 0; i < 1500; i++) {
		strbuf_printf(&a, "a%u\n", i);
		strbuf_printf(&b, "b%u\n", i);
	}
	assert_int_equal(text_diff("f", strbuf_str(&a), strbuf_str(&b), &d), 0);
	assert_non_null(strstr(strbuf_str(&d), "@@ -1,1501 +1,1501 @@\n same\n-a0\n"));
	apply(strbuf_str(&a), strbuf_str(&d), &c);
	assert_string_equal(strbuf_str(&c), strbuf_str(&b));
}

static void test_a_full_buffer_is_an_error(void **state)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(20);

	(void)state;
	assert_int_equal(text_diff("f", "a\n", "b\n", &out), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_is_nothing),
		cmocka_unit_test(test_new_and_removed),
		cmocka_unit_test(test_no_newline_at_the_end),
		cmocka_unit_test(test_context),
		cmocka_unit_test(test_near_changes_share_a_hunk),
		cmocka_unit_test(test_shortest),
		cmocka_unit_test(test_carriage_returns_count),
		cmocka_unit_test(test_applies),
		cmocka_unit_test(test_texts_without_a_common_line),
		cmocka_unit_test(test_a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
