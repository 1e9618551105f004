/* SPDX-License-Identifier: Apache-2.0 */
/* Valve's KeyValues: good files, and what must not be taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "format/json.h"
#include "format/vdf.h"

static struct json_object *parse(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;

	if (vdf_parse("file", text, strlen(text), &root, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return root;
}

static void test_good(void **state)
{
	static const char text[] = "// a comment\n"
				   "\"AppState\"\n{\n"
				   "\t\"appid\"\t\t\"570\"\r\n"
				   "\tname \"Dota \\\"2\\\"\\\\ \\t\" // behind\n"
				   "\t\"empty\" \"\"\n"
				   "\t\"os\" \"linux\" [$LINUX]\n"
				   "\t\"UserConfig\" { language english }\n"
				   "\t\"appid\" \"571\"\n"
				   "\t\"UserConfig\" { \"UserConfig\" {} \"x\" { } \"x\" { \"y\" "
				   "\"z\" } }\n"
				   "}\n\"second\" \"1\"";
	_cleanup_(json_putp) struct json_object *root = parse(text);
	struct json_object *app = vdf_find(root, "appstate");

	(void)state;
	assert_non_null(app);
	assert_string_equal(vdf_find_string(app, "AppID"), "570");
	assert_string_equal(vdf_find_string(app, "name"), "Dota \"2\"\\ \t");
	assert_string_equal(vdf_find_string(app, "empty"), "");
	assert_string_equal(vdf_find_string(app, "os"), "linux");
	assert_string_equal(vdf_find_string(vdf_find(app, "userconfig"), "language"), "english");
	assert_null(vdf_find(vdf_find(app, "userconfig"), "x"));
	assert_null(vdf_find_string(app, "UserConfig"));
	assert_null(vdf_find(app, "nothing"));
	assert_null(vdf_find(NULL, "nothing"));
	assert_null(vdf_find_string(vdf_find(app, "name"), "below a string"));
	assert_string_equal(vdf_find_string(root, "second"), "1");
}

static void test_empty(void **state)
{
	_cleanup_(json_putp) struct json_object *root = parse(" \n// nothing");

	(void)state;
	assert_int_equal(json_object_object_length(root), 0);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "\"a\"", "file:1: a key has no value" },
		{ "\n\"a\" }", "file:2: a key has no value" },
		{ "\"a\" {\n", "file:2: a table has no end" },
		{ "}", "file:1: a table ends that has not begun" },
		{ "{ }", "file:1: a table has no key" },
		{ "\"a\" \"b", "file:1: a string has no end" },
		{ "\"a\" \"b\\\"", "file:1: a string has no end" },
		{ "\"a\" \"\n\n", "file:3: a string has no end" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		struct json_object *root = NULL;

		assert_int_equal(
			vdf_parse("file", cases[i].text, strlen(cases[i].text), &root, &err),
			NVB_ERR_FORMAT);
		assert_string_equal(nvb_error_message(err), cases[i].message);
		assert_null(root);
	}
	for (size_t i = 0; i < 3; i++) {
		static const char nul[] = "a \"b\0c\" \0";
		struct json_object *root = NULL;
		int r = vdf_parse("file", nul + 2 * i, sizeof(nul) - 1 - 2 * i, &root, NULL);

		assert_int_equal(r, NVB_ERR_FORMAT);
		assert_null(root);
	}
}

static void expect_limit(struct strbuf *text)
{
	struct json_object *root = NULL;

	assert_false(strbuf_failed(text));
	assert_int_equal(
		vdf_parse("file", strbuf_str(text), text->length, &root, NULL), NVB_ERR_LIMIT);
	assert_null(root);
}

static void test_limits(void **state)
{
	_cleanup_(strbuf_done) struct strbuf deep = STRBUF_INIT(1 << 20);
	_cleanup_(strbuf_done) struct strbuf wide = STRBUF_INIT((size_t)16 << 20);
	_cleanup_(strbuf_done) struct strbuf large = STRBUF_INIT((size_t)16 << 20);

	(void)state;
	/* Tables that are forgotten are as deep as others. */
	for (int i = 0; i < VDF_DEPTH_LIMIT + 1; i++)
		strbuf_str_add(&deep, "a b a {");
	expect_limit(&deep);
	for (size_t i = 0; i < VDF_NODE_LIMIT + 1; i++)
		strbuf_printf(&wide, "%zx 1\n", i % 512);
	expect_limit(&wide);
	while (large.length <= VDF_TEXT_LIMIT_BYTES)
		strbuf_str_add(
			&large, "                                                        \n");
	expect_limit(&large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
