/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"
#include "format/json_lines.h"

static int mark(const char *text, struct json_object **ret, struct nvb_error **err)
{
	struct json_object *root = NULL;
	int r;

	assert_int_equal(json_parse(text, strlen(text), &root, NULL), 0);
	r = json_mark_lines(text, strlen(text), root, err);
	*ret = root;
	return r;
}

static void test_lines(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *a, *b, *c;

	(void)state;
	assert_int_equal(mark("\n{ \"a\" : [ 1,\n \"x\\\"\\\\\",\n\n{}, 1.5\n],\n\"b\":\ntrue"
			      ",\"c\":null}\n",
				 &root, NULL),
		0);
	assert_int_equal(json_line_of(root), 2);
	assert_true(json_object_object_get_ex(root, "a", &a));
	assert_true(json_object_object_get_ex(root, "b", &b));
	assert_true(json_object_object_get_ex(root, "c", &c));
	assert_int_equal(json_line_of(a), 2);
	assert_int_equal(json_line_of(json_object_array_get_idx(a, 0)), 2);
	assert_int_equal(json_line_of(json_object_array_get_idx(a, 1)), 3);
	assert_int_equal(json_line_of(json_object_array_get_idx(a, 2)), 5);
	/* json-c needs the place for the number's text. */
	assert_int_equal(json_line_of(json_object_array_get_idx(a, 3)), 0);
	assert_string_equal(json_object_get_string(json_object_array_get_idx(a, 3)), "1.5");
	assert_int_equal(json_line_of(b), 8);
	assert_int_equal(json_line_of(c), 0);
}

static void test_repeated(void **state)
{
	static const struct {
		const char *text, *part; /* NULL: nothing is repeated */
	} cases[] = {
		{ "{\"a\":1,\n\"a\":2}", "line 2: a second 'a'" },
		{ "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "a second 'b'" },
		{ "[{},{\"x\":[],\"x\":[]}]", "a second 'x'" },
		{ "{\"a\":1,\"\\u0061\":2}", "a second" },
		{ "{\"\\u0061\":1,\"a\":2}", "a second 'a'" },
		{ "{\"a\":1,\"\\u0061\":2,\"b\":3}", "a second" },
		{ "{\"a\":[1,[2]],\"\\u0061\":[1]}", "twice" },
		{ "{\"a\":{\"b\":1},\"\\u0061\":1}", "twice" },
		{ "{\"a\":1,\"b\":{\"a\":1},\"\":[{\"a\":1},{\"a\":1}]}", NULL },
		{ "{}", NULL },
		{ "{\"\\u0061\":{\"x\":\"}\"},\"b\":[[],\"]\"]}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(json_putp) struct json_object *root = NULL;
		_cleanup_error_ struct nvb_error *err = NULL;
		int r = mark(cases[i].text, &root, &err);

		assert_int_equal(r, cases[i].part ? NVB_ERR_FORMAT : 0);
		if (cases[i].part && !strstr(nvb_error_message(err), cases[i].part))
			fail_msg("%s: %s", cases[i].text, nvb_error_message(err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
