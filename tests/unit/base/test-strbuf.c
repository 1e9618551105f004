/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

static void test_building(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(1 << 20);
	_cleanup_free_ char *taken = NULL;

	(void)state;
	assert_string_equal(strbuf_str(&b), "");
	strbuf_str_add(&b, "a");
	strbuf_char_add(&b, '=');
	strbuf_printf(&b, "%d,%s", 7, "x");
	strbuf_add(&b, "yz!", 2);
	strbuf_add(&b, NULL, 0);
	assert_string_equal(strbuf_str(&b), "a=7,xyz");
	strbuf_truncate(&b, 3);
	strbuf_truncate(&b, 9);
	assert_string_equal(strbuf_str(&b), "a=7");
	assert_false(strbuf_failed(&b));
	taken = strbuf_take(&b);
	assert_string_equal(taken, "a=7");
	assert_int_equal(b.length, 0);
	strbuf_str_add(&b, "again");
	assert_string_equal(strbuf_str(&b), "again");
}

static void test_take_empty(void **state)
{
	struct strbuf b = STRBUF_INIT(10);
	_cleanup_free_ char *taken = strbuf_take(&b);

	(void)state;
	assert_string_equal(taken, "");
}

/* The limit counts text, whatever pieces it comes in. */
static void test_limit(void **state)
{
	_cleanup_(strbuf_done) struct strbuf whole = STRBUF_INIT(4), pieces = STRBUF_INIT(4);

	(void)state;
	strbuf_str_add(&whole, "abcd");
	assert_string_equal(strbuf_str(&whole), "abcd");
	strbuf_str_add(&pieces, "ab");
	strbuf_printf(&pieces, "%s", "cd");
	assert_string_equal(strbuf_str(&pieces), "abcd");
	strbuf_char_add(&pieces, 'e');
	assert_true(strbuf_failed(&pieces));
	assert_string_equal(strbuf_str(&pieces), "");
	/* A failure stays: a hole in the text must not go unseen. */
	strbuf_truncate(&pieces, 0);
	strbuf_str_add(&pieces, "x");
	assert_true(strbuf_failed(&pieces));
	assert_null(strbuf_take(&pieces));
}

static void test_growth(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(1 << 20);

	(void)state;
	for (int i = 0; i < 100000; i++)
		strbuf_char_add(&b, (char)('a' + i % 26));
	assert_int_equal(strlen(strbuf_str(&b)), 100000);
	assert_int_equal(strbuf_str(&b)[99999], 'a' + 99999 % 26);
}

static void test_escaping(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(100);

	(void)state;
	strbuf_escaped_add(&b, "a\n\x1b[31m\x7f\xc3\xa9", 100);
	assert_string_equal(strbuf_str(&b), "a\\x0a\\x1b[31m\\x7f\xc3\xa9");
	strbuf_truncate(&b, 0);
	strbuf_escaped_add(&b, "abcdef", 3);
	assert_string_equal(strbuf_str(&b), "abc...");
	strbuf_truncate(&b, 0);
	strbuf_escaped_add(&b, "abc", 3);
	assert_string_equal(strbuf_str(&b), "abc");
}

static void test_numbers(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(100);

	(void)state;
	strbuf_uint_add(&b, 0);
	strbuf_char_add(&b, ' ');
	strbuf_uint_add(&b, 1090);
	strbuf_char_add(&b, ' ');
	strbuf_uint_add(&b, UINT64_MAX);
	assert_string_equal(strbuf_str(&b), "0 1090 18446744073709551615");
}

static void test_extension(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(4);
	char *space;

	(void)state;
	strbuf_char_add(&b, 'a');
	space = strbuf_extend(&b, 3);
	assert_non_null(space);
	memcpy(space, "bcd", 3);
	assert_string_equal(strbuf_str(&b), "abcd");
	assert_null(strbuf_extend(&b, 1));
	assert_true(strbuf_failed(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_take_empty),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_extension),
	};

	return cmocka_run_group_tests_name("base/strbuf", tests, NULL, NULL);
}
