/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "format/json.h"

static struct json_object *parse(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;

	if (json_parse(text, strlen(text), &root, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return root;
}

static void assert_round_trip(const char *text)
{
	_cleanup_(json_putp) struct json_object *root = parse(text);
	_cleanup_free_ char *out = NULL;
	size_t length = 0;

	assert_int_equal(json_format(root, JSON_PLAIN, &out, &length, NULL), 0);
	assert_string_equal(out, text);
	assert_int_equal(length, strlen(text));
}

static void test_round_trip(void **state)
{
	(void)state;
	assert_round_trip("{}");
	assert_round_trip("[]");
	assert_round_trip("7");
	assert_round_trip("\"x\"");
	assert_round_trip("{\"b\":1,\"a\":{\"c\":[]}}");
	assert_round_trip("[9223372036854775807,-9223372036854775808,18446744073709551615,0]");
	assert_round_trip("[1.10,1e3,-0.5,1e999,-0.0,1E+5]");
	assert_round_trip("[true,false,null]");
	assert_round_trip(
		"\"/usr/lib\\\\ \\\"q\\\" \\b\\f\\n\\r\\t\\u000b\\u0000\\u007f \xc3\xa9\"");
}

/* The tree is built here, and has to be the one that json-c's own parser builds. */
static void assert_as_json_c(const char *text)
{
	_cleanup_(json_putp) struct json_object *ours = parse(text), *theirs = NULL;
	_cleanup_free_ char *our_text = NULL, *their_text = NULL;

	theirs = json_tokener_parse(text);
	assert_non_null(theirs);
	assert_int_equal(json_object_get_type(ours), json_object_get_type(theirs));
	assert_true(json_object_equal(ours, theirs));
	assert_int_equal(json_format(ours, JSON_PLAIN, &our_text, NULL, NULL), 0);
	assert_int_equal(json_format(theirs, JSON_PLAIN, &their_text, NULL, NULL), 0);
	assert_string_equal(our_text, their_text);
}

static void test_tree(void **state)
{
	static const char *const texts[] = {
		"-0",
		"[0,-1,7,999999999999999999,-999999999999999999,1000000000000000000]",
		"[9223372036854775807,9223372036854775808,-9223372036854775808]",
		"[0.5,-0.5,1e2,1E-2,1.5e+3,123456789012345678901234567890.5]",
		" \t\r\n{ \"a\" : [ 1 , true , false , null ] , \"b\" : { } } \n",
		"{\"a\":1,\"b\":2,\"a\":{\"c\":3}}",
		"{\"\":\"\",\"a\\nb\":1,\"\\u00e9\":\"\\u00e9\\ud83d\\ude00\\ud83d x\"}",
		"[\"\\\\\",\"\\\"\",\"x\\\\\\\"\",\"a/b\\/c\",\"\x7f\"]",
		"[[[[]],[{}]],[],[1,2,3,4,5,6,7,8,9],\"\xf0\x9f\x98\x80\"]",
		"{\"sixty-three-bytes-of-a-name-----------------------------------\":1,"
		"\"sixty-four-bytes-of-a-name-------------------------------------\":2,"
		"\"sixty-five-bytes-of-a-name--------------------------------------\":3}",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_as_json_c(texts[i]);
}

/* Strings are looked at by eight bytes: each place in them, and each kind of byte. */
static void test_each_place(void **state)
{
	static const char *const odd[] = { "\\\"", "\\\\", "\\n", "\x7f", "\xc3\xa9", " ", "~", "\\u0001" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(odd); i++)
		for (int before = 0; before < 20; before++)
			for (int after = 0; after < 9; after++) {
				(void)snprintf(text, sizeof(text), "\"%.*s%s%.*s\"", before,
					"aaaaaaaaaaaaaaaaaaaa", odd[i], after, "zzzzzzzzz");
				assert_as_json_c(text);
			}
}

static void assert_refused(const char *text, size_t length, int status, const char *part)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;

	if (json_parse(text, length, &root, &err) != status)
		fail_msg("'%.64s': %s", text, nvb_error_message(err));
	assert_null(root);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("'%s' does not say '%s'", nvb_error_message(err), part);
}

#define REFUSED(text, part) assert_refused((text), sizeof(text) - 1, NVB_ERR_FORMAT, (part))

static void test_bad_text(void **state)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	char deep[2 * JSON_DEPTH_LIMIT];

	(void)state;
	REFUSED("", "line 1, column 1: the text ends too early");
	REFUSED("{", "line 1, column 2: the text ends too early");
	REFUSED("{\"a\":1,\n\"b\":", "line 2, column 5: the text ends too early");
	REFUSED("{\"a\":1,\n  x}", "line 2, column 3: a name in double quotes is expected");
	REFUSED("{} {}", "line 1, column 4: the text goes on behind the value");
	REFUSED("{}\0", "line 1, column 3: the text goes on behind the value");
	REFUSED("1 2", "line 1, column 3");
	REFUSED("\0", "line 1, column 1");
	REFUSED("null", "the document is null");
	REFUSED("{\"a\":1,}", "line 1, column 8: a name in double quotes is expected");
	REFUSED("{\"a\" 1}", "line 1, column 6: ':' is expected");
	REFUSED("{\"a\":1 \"b\":2}", "line 1, column 8: ',' or '}' is expected");
	REFUSED("{1:1}", "line 1, column 2: a name in double quotes is expected");
	REFUSED("[1,]", "line 1, column 4: a value is expected");
	REFUSED("[1}", "line 1, column 3: ',' or ']' is expected");
	REFUSED("{'a':1}", "line 1, column 2");
	REFUSED("/* c */ {}", "line 1, column 1: a value is expected");
	REFUSED("[01]", "line 1, column 2: a number starts with 0");
	REFUSED("[-01]", "line 1, column 3: a number starts with 0");
	REFUSED("[1.]", "line 1, column 4: a digit is expected");
	REFUSED("[.5]", "line 1, column 2: a value is expected");
	REFUSED("[1e+]", "line 1, column 5: a digit is expected");
	REFUSED("[+1]", "line 1, column 2: a value is expected");
	REFUSED("[NaN]", "line 1, column 2: a value is expected");
	REFUSED("[-Infinity]", "line 1, column 3: a digit is expected");
	REFUSED("[18446744073709551616]", "column 2: the integer does not fit 64 bits");
	REFUSED("[-9223372036854775809]", "column 3: the integer does not fit 64 bits");
	REFUSED("\"\xff\"", "line 1, column 2: not UTF-8");
	REFUSED("\"\xc0\x80\"", "line 1, column 2: not UTF-8");
	REFUSED("\"\xe2\x82", "not UTF-8");
	REFUSED("\"a\nb\"", "line 1, column 3: a control character in a string");
	REFUSED("\"\\x\"", "line 1, column 3: an unknown escape");
	REFUSED("\"\\u00g0\"", "line 1, column 6: \\u needs four hexadecimal digits");
	REFUSED("{\"a\\u0000b\":1}", "a name with a NUL byte");
	REFUSED("\"abc", "line 1, column 5: the text ends too early");
	REFUSED("\"abc\\", "line 1, column 6: the text ends too early");
	REFUSED("tru", "the text ends too early");
	REFUSED("[trux]", "line 1, column 5: a value is expected");

	memset(deep, '[', sizeof(deep));
	assert_refused(deep, sizeof(deep), NVB_ERR_LIMIT, "line 1, column 65: nested too deep");
	memset(deep + JSON_DEPTH_LIMIT, ']', JSON_DEPTH_LIMIT);
	assert_int_equal(json_parse(deep, 2 * (size_t)JSON_DEPTH_LIMIT, &root, NULL), 0);
	assert_int_equal(json_format(root, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_int_equal(strlen(text), 2 * JSON_DEPTH_LIMIT);
	/* The size is judged before the text is read. */
	assert_refused("1", JSON_TEXT_LIMIT_BYTES + 1, NVB_ERR_LIMIT, "more than 67108864 bytes");
}

static void assert_says(struct nvb_error **err, const char *message)
{
	assert_non_null(*err);
	assert_string_equal(nvb_error_message(*err), message);
	nvb_error_clear(err);
}

static const char config_text[] =
	"{\"process\":{\"cwd\":\"/"
	"\",\"tty\":true,\"none\":null,\"args\":[\"sh\",\"a\\u0000b\",7,null]},"
	" \"big\":18446744073709551615,\"negative\":-5,\"devices\":[{\"type\":5}],\"d\":1.5}";

static void test_typed_access(void **state)
{
	_cleanup_(json_putp) struct json_object *config = parse(config_text);
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_at root, process, args, devices, device;
	const char *s = "unset";
	uint64_t u = 42;
	int64_t i = 42;
	bool b = false;

	(void)state;
	assert_int_equal(json_root(config, json_type_object, &root, &err), 0);
	assert_int_equal(json_member(&root, "process", json_type_object, &process, &err), 1);
	assert_int_equal(json_get_string(&process, "cwd", &s, &err), 1);
	assert_string_equal(s, "/");
	assert_int_equal(json_get_string(&process, "none", &s, &err), 0);
	assert_int_equal(json_get_string(&process, "absent", &s, &err), 0);
	assert_string_equal(s, "/");
	assert_int_equal(json_get_bool(&process, "tty", &b, &err), 1);
	assert_true(b);
	assert_int_equal(json_get_uint(&root, "big", UINT64_MAX, &u, &err), 1);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_get_int(&root, "negative", &i, &err), 1);
	assert_int_equal(i, -5);
	assert_null(err);

	assert_int_equal(json_get_int(&root, "big", &i, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'big' must be a signed 64-bit integer");
	assert_int_equal(json_get_uint(&root, "negative", 9, &u, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'negative' must be an integer from 0 to 9");
	assert_int_equal(json_get_uint(&root, "d", 9, &u, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'d' must be an integer");
	assert_int_equal(json_get_string(&process, "tty", &s, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'process.tty' must be a string");

	assert_int_equal(json_member(&process, "args", json_type_array, &args, &err), 1);
	assert_int_equal(json_length(&args), 4);
	assert_int_equal(json_item_string(&args, 0, &s, &err), 0);
	assert_string_equal(s, "sh");
	assert_int_equal(json_item_string(&args, 1, &s, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'process.args[1]' must be a string without NUL bytes");
	assert_int_equal(json_item_string(&args, 2, &s, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'process.args[2]' must be a string");
	assert_int_equal(json_item_string(&args, 3, &s, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'process.args[3]' must be a string");
	assert_string_equal(s, "sh");

	assert_int_equal(json_member(&root, "devices", json_type_array, &devices, &err), 1);
	assert_int_equal(json_item(&devices, 0, json_type_object, &device, &err), 0);
	assert_int_equal(json_get_string(&device, "type", &s, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'devices[0].type' must be a string");
	assert_int_equal(json_missing(&device, "path", &err), NVB_ERR_FORMAT);
	assert_says(&err, "'devices[0].path' is missing");
	assert_int_equal(json_invalid(&device, "type", "'c' or 'b'", &err), NVB_ERR_FORMAT);
	assert_says(&err, "'devices[0].type' must be 'c' or 'b'");
	assert_int_equal(json_root(config, json_type_array, &root, &err), NVB_ERR_FORMAT);
	assert_says(&err, "the document must be an array");
}

static void test_ensure(void **state)
{
	_cleanup_(json_putp) struct json_object *config = parse("{\"a\":null,\"b\":{\"x\":1}}");
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_builder build = JSON_BUILDER_INIT;
	struct json_at root, place;
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(json_root(config, json_type_object, &root, &err), 0);
	assert_int_equal(json_ensure(&root, "a", json_type_array, &place, &err), 0);
	json_append_uint(&build, place.value, 1);
	assert_int_equal(json_ensure(&root, "b", json_type_object, &place, &err), 0);
	json_add_null(&build, place.value, "y");
	assert_int_equal(json_ensure(&root, "c", json_type_object, &place, &err), 0);
	assert_int_equal(json_builder_check(&build, &err), 0);
	assert_int_equal(json_ensure(&root, "b", json_type_array, &place, &err), NVB_ERR_FORMAT);
	assert_says(&err, "'b' must be an array");
	assert_int_equal(json_format(config, JSON_PLAIN, &text, NULL, &err), 0);
	assert_string_equal(text, "{\"a\":[1],\"b\":{\"x\":1,\"y\":null},\"c\":{}}");
}

static void test_build(void **state)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *plan = json_new_object(&b);
	_cleanup_free_ char *text = NULL;
	struct json_object *list, *item;

	(void)state;
	json_add_string(&b, plan, "image", NULL);
	json_add_string(&b, plan, "path", "/dev/nvidia0");
	json_add_bool(&b, plan, "rw", true);
	json_add_uint(&b, plan, "max", UINT64_MAX);
	json_add_int(&b, plan, "min", INT64_MIN);
	list = json_add_array(&b, plan, "gpus");
	item = json_append_object(&b, list);
	json_add_uint(&b, item, "index", 0);
	json_append_string(&b, json_append_array(&b, list), "x");
	json_append_uint(&b, list, 5);
	json_add_object(&b, plan, "env");
	json_add_array(&b, plan, "empty");
	json_add_uint(&b, plan, "max", 1); /* keeps its place */
	assert_int_equal(json_builder_check(&b, NULL), 0);
	assert_int_equal(json_format(plan, JSON_PRETTY, &text, NULL, NULL), 0);
	assert_string_equal(text, "{\n"
				  "  \"image\": null,\n"
				  "  \"path\": \"/dev/nvidia0\",\n"
				  "  \"rw\": true,\n"
				  "  \"max\": 1,\n"
				  "  \"min\": -9223372036854775808,\n"
				  "  \"gpus\": [\n"
				  "    {\n"
				  "      \"index\": 0\n"
				  "    },\n"
				  "    [\n"
				  "      \"x\"\n"
				  "    ],\n"
				  "    5\n"
				  "  ],\n"
				  "  \"env\": {},\n"
				  "  \"empty\": []\n"
				  "}\n");
}

static void test_failed_builder_is_inert(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_builder b = { .out_of_memory = true };
	struct json_object *o = json_new_object(&b);

	(void)state;
	assert_null(o);
	json_add_string(&b, o, "a", "b");
	json_add(&b, o, "k", json_object_new_string("owned, so freed"));
	assert_null(json_add_object(&b, o, "c"));
	json_append(&b, NULL, json_object_new_int64(1));
	json_append_uint(&b, json_append_array(&b, json_add_array(&b, o, "d")), 1);
	assert_int_equal(json_builder_check(&b, &err), NVB_ERR_NO_MEMORY);
}

static void assert_text_refused(const char *s)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *o = json_new_object(&b);

	json_add_string(&b, o, "PATH", s);
	json_add_uint(&b, o, "after", 1);
	assert_int_equal(json_builder_check(&b, &err), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "'PATH'"));
}

static void test_text_that_is_not_utf8(void **state)
{
	static const char *const good[] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	struct json_builder b = JSON_BUILDER_INIT;

	(void)state;
	assert_text_refused("\xff");
	assert_text_refused("\x80");
	assert_text_refused("\xc3");
	assert_text_refused("\xc1\xbf");
	assert_text_refused("\xe0\x9f\xbf");
	assert_text_refused("\xed\xa0\x80");
	assert_text_refused("\xf0\x8f\xbf\xbf");
	assert_text_refused("\xf4\x90\x80\x80");
	assert_text_refused("\xf5\x80\x80\x80");
	assert_text_refused("a\xe2\x82");
	for (size_t i = 0; i < ELEMENTS(good); i++) {
		_cleanup_(json_putp) struct json_object *s = json_new_string(&b, good[i]);

		assert_non_null(s);
	}
	assert_int_equal(json_builder_check(&b, NULL), 0);
}

static void test_write_limits(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_array(&b);
	_cleanup_(json_putp) struct json_object *odd = json_object_new_double(0);
	struct json_object *inner = root;
	char *text = NULL;

	(void)state;
	for (int i = 0; i < JSON_DEPTH_LIMIT + 5; i++)
		inner = json_append_array(&b, inner);
	assert_int_equal(json_builder_check(&b, NULL), 0);
	assert_int_equal(json_format(root, JSON_PLAIN, &text, NULL, &err), NVB_ERR_LIMIT);
	nvb_error_clear(&err);
	json_object_set_double(odd, __builtin_nan(""));
	assert_int_equal(json_format(odd, JSON_PLAIN, &text, NULL, &err), NVB_ERR_FORMAT);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_each_place),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_typed_access),
		cmocka_unit_test(test_ensure),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_failed_builder_is_inert),
		cmocka_unit_test(test_text_that_is_not_utf8),
		cmocka_unit_test(test_write_limits),
	};

	return cmocka_run_group_tests_name("format/json", tests, NULL, NULL);
}
