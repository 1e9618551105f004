/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json_syntax.h"
#include "hook/json_find.h"

static const char *root_of(const char *text)
{
	assert_int_equal(json_check_syntax(text, strlen(text), NULL), 0);
	return json_find_root(text);
}

static void assert_text(const char *text, const char *expected)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *found = NULL;
	const char *value = json_find_member(root_of(text), "x");

	assert_int_equal(json_find_string(value, a, &found, NULL), expected ? 1 : 0);
	if (expected)
		assert_string_equal(found, expected);
	else
		assert_null(found);
}

static void test_members(void **state)
{
	(void)state;
	assert_text("{\"x\":\"y\"}", "y");
	assert_text(" \n{ \"a\" : 1 , \"x\" : \"y\" } ", "y");
	assert_text("{\"a\":{\"x\":\"inner\"},\"b\":[\"x\",{\"x\":\"}\"}],\"c\":\"\\\"x\\\":\","
		    "\"x\":\"y\"}",
		"y");
	assert_text("{\"a\":null,\"b\":true,\"c\":-1.5e+3,\"d\":[],\"e\":{},\"x\":\"\"}", "");
	/* The last one counts. */
	assert_text("{\"x\":\"first\",\"x\":\"y\"}", "y");
	assert_text("{}", NULL);
	assert_text("[]", NULL);
	assert_text("\"x\"", NULL);
	assert_text("{\"xx\":\"y\",\"\":\"z\"}", NULL);
	assert_text("{\"X\":\"y\"}", NULL);
	assert_text("{\"x\":1}", NULL);
	assert_text("{\"x\":[\"y\"]}", NULL);
}

static void test_strings(void **state)
{
	(void)state;
	assert_text("{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\/\b\f\n\r\t");
	assert_text("{\"x\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}",
		"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_text("{\"x\":\"\xc3\xa9\"}", "\xc3\xa9");
	assert_text("{\"x\":\"a\\u0000b\"}", NULL);
	assert_text("{\"x\":\"\\ud83d\"}", NULL);
	assert_text("{\"x\":\"\\ud83dx\"}", NULL);
	assert_text("{\"x\":\"\\ude00\\ud83d\"}", NULL);
	assert_text("{\"x\":\"\\ud83d\\u0041\"}", NULL);
}

static void test_arrays(void **state)
{
	const char *item = json_find_first(root_of(" [ 1 , \"a,]\" , [ 2 ] , 30 ] "));
	uint64_t value = 0;

	(void)state;
	assert_true(json_find_uint(item, 100, &value));
	assert_int_equal(value, 1);
	item = json_find_next(item);
	assert_false(json_find_uint(item, 100, &value));
	item = json_find_next(json_find_next(item));
	assert_false(json_find_uint(item, 20, &value));
	assert_true(json_find_uint(item, 30, &value));
	assert_int_equal(value, 30);
	assert_null(json_find_next(item));
	assert_null(json_find_first(root_of("[ ]")));
	assert_null(json_find_first(root_of("{}")));
	assert_false(json_find_uint(root_of("-1"), 100, &value));
	assert_false(json_find_uint(root_of("1.0"), 100, &value));
	assert_true(json_find_uint(root_of("7"), 100, &value));
}

static void test_any_case(void **state)
{
	const char *text = root_of("{\"Driver\":[550]}");

	(void)state;
	assert_null(json_find_member(text, "driver"));
	assert_non_null(json_find_member_any_case(text, "driver"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_any_case),
	};

	return cmocka_run_group_tests_name("hook/json-find", tests, NULL, NULL);
}
