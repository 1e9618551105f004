/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "format/json.h"
#include "format/json_lines.h"
#include "format/yaml.h"

static struct json_object *parse(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;

	if (yaml_parse(text, strlen(text), &root, &err) < 0)
		fail_msg("%s: %s", text, nvb_error_message(err));
	return root;
}

static void assert_says(const char *yaml, const char *json)
{
	_cleanup_(json_putp) struct json_object *root = parse(yaml);
	_cleanup_free_ char *text = NULL;

	assert_int_equal(json_format(root, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_string_equal(text, json);
}

static void test_structure(void **state)
{
	(void)state;
	assert_says("a: 1\nb:\n- x\n- w: z\n", "{\"a\":1,\"b\":[\"x\",{\"w\":\"z\"}]}");
	assert_says("{a: [1, 2], \"b\": {}}", "{\"a\":[1,2],\"b\":{}}");
	assert_says("--- \"x\"\n...\n", "\"x\"");
	assert_says("# only a remark\na: |\n  two\n  lines\n", "{\"a\":\"two\\nlines\\n\"}");
	assert_says("a: >-\n  one\n  line\n", "{\"a\":\"one line\"}");
	assert_says("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
	assert_says("[]", "[]");
	/* JSON is YAML. */
	assert_says("{\"a\":\"\\u00e9\\/\",\"b\":[true,null,-1]}",
		"{\"a\":\"\303\251/\",\"b\":[true,null,-1]}");
}

static void test_scalars(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "+12", "12" },
		{ "0x1F", "31" },
		{ "010", "8" },
		{ "0o17", "15" },
		{ "0b11", "3" },
		{ "-0x10", "-16" },
		{ "1_000", "1000" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "18446744073709551615", "18446744073709551615" },
		{ "1.5", "1.5" },
		{ ".5", "0.5" },
		{ "\"1.5\"", "\"1.5\"" },
		{ "!!str 7", "\"7\"" },
		{ "! 7", "\"7\"" },
		{ "!!int \"7\"", "7" },
		{ "0.5.0", "\"0.5.0\"" },
		{ "195:255", "\"195:255\"" },
		{ "2024-01-01", "\"2024-01-01\"" },
		{ "yes", "true" },
		{ "Off", "false" },
		{ "n", "false" },
		{ "True", "true" },
		{ "tRUE", "\"tRUE\"" },
		{ "'yes'", "\"yes\"" },
		{ "~", "null" },
		{ "null", "null" },
		{ "nullx", "\"nullx\"" },
		{ "-", "[null]" },
		{ "/dev/nvidia0", "\"/dev/nvidia0\"" },
		{ "+", "\"+\"" },
		{ "0x", "\"0x\"" },
		{ "1e999", "\"1e999\"" },
		{ "a=b", "\"a=b\"" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char yaml[64], json[64];

		(void)snprintf(yaml, sizeof(yaml), "x:\n %s\n", cases[i].yaml);
		(void)snprintf(json, sizeof(json), "{\"x\":%s}", cases[i].json);
		assert_says(yaml, json);
	}
}

static void test_aliases(void **state)
{
	(void)state;
	assert_says("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n",
		"{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1},{\"k\":1}]}");
	assert_says("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
	assert_says("a: &x\nb: *x\n", "{\"a\":null,\"b\":null}");
	assert_says("&k key: 1\nb: *k\n", "{\"key\":1,\"b\":\"key\"}");
	/* What stands there itself wins, wherever it stands. */
	assert_says("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: {k: 4, <<: *x}\n",
		"{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2},\"c\":{\"k\":4,\"l\":2}}");
	assert_says("<<: [{a: 1}, {a: 2, b: 3}]\n", "{\"a\":1,\"b\":3}");
	assert_says("'<<': 1\n", "{\"<<\":1}");
}

/* Names that are not texts are named as the reference names them. */
static void test_names(void **state)
{
	(void)state;
	assert_says("1: a\n0x10: b\nyes: c\n1.50: d\n",
		"{\"1\":\"a\",\"16\":\"b\",\"true\":\"c\",\"1.50\":\"d\"}");
}

static void assert_refused(const char *yaml, size_t length, int status, const char *part)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct json_object *root = NULL;
	int r = yaml_parse(yaml, length, &root, &err);

	if (r >= 0) {
		json_putp(&root);
		fail_msg("accepted: %.100s", yaml);
	}
	assert_null(root);
	if (!strstr(nvb_error_message(err), part))
		fail_msg("%.100s: %s", yaml, nvb_error_message(err));
	assert_int_equal(r, status);
}

static void test_refused(void **state)
{
	static const struct {
		const char *yaml, *part;
	} cases[] = {
		{ "", "the document is empty" },
		{ "# nothing\n", "the document is empty" },
		{ "~\n", "the document is empty" },
		{ "a: 1\nb: 2\na: 3\n", "line 3, column 1: a second 'a'" },
		{ "{a: 1, 'a': 2}", "a second 'a'" },
		{ "1: a\n'1': b\n", "a second '1'" },
		{ "a: 1\n---\nb: 2\n", "line 2, column 1: a second document" },
		{ "a: *b\n", "unknown anchor 'b'" },
		{ "a: &a [1, *a]\n", "an alias inside of its own anchor 'a'" },
		{ "a: &a\n  b:\n    c: *a\n", "an alias inside of its own anchor 'a'" },
		{ "a:\n\t- b\n", "line 2" },
		{ "a: 'b\n", "line 1" },
		{ "a: [1\n", "line" },
		{ "a: .inf\n", "not finite" },
		{ "a: !!float .nan\n", "not finite" },
		{ "a: !x y\n", "unknown tag" },
		{ "a: !!binary eA==\n", "unknown tag" },
		{ "a: !!int x\n", "not what its tag says" },
		{ "a: !!map [x]\n", "unknown tag" },
		{ "? [a]\n: b\n", "a name must be a text" },
		{ "~: b\n", "a name must be a text" },
		{ "a: &x [b]\n*x : c\n", "must stand for a text" },
		{ "<<: 5\n", "'<<' takes" },
		{ "<<: {a: [1, {b: *z}]}\n", "unknown anchor" },
		{ "\"a\\0b\": c\n", "NUL" },
		{ "a: \377\n", "not UTF-8" },
		{ "a: \"\\ud800\"\n", "line 1" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_refused(cases[i].yaml, strlen(cases[i].yaml), NVB_ERR_FORMAT, cases[i].part);
	assert_refused("a: \0b", 5, NVB_ERR_FORMAT, "not UTF-8");
}

/* A kilobyte of text that stands for 10^10 values, and one long text repeated. */
static void test_bombs(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT((size_t)16 << 20);

	(void)state;
	strbuf_str_add(&b, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c < 'k'; c++) {
		strbuf_printf(&b, "%c: &%c [", c, c);
		for (int i = 0; i < 10; i++)
			strbuf_printf(&b, "%s*%c", i ? "," : "", c - 1);
		strbuf_str_add(&b, "]\n");
	}
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "aliases counted");
	strbuf_truncate(&b, 0);
	strbuf_str_add(&b, "a: &a ");
	for (int i = 0; i < 1 << 17; i++)
		strbuf_str_add(&b, "xxxx");
	for (int i = 0; i < 8; i++)
		strbuf_printf(&b, "\nb%d: *a", i);
	assert_false(strbuf_failed(&b));
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "aliases counted");
}

static void test_limits(void **state)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT((size_t)20 << 20);
	_cleanup_free_ char *huge = calloc(1, YAML_TEXT_LIMIT_BYTES + 1);
	_cleanup_(json_putp) struct json_object *root = NULL;

	(void)state;
	assert_non_null(huge);
	assert_refused(huge, YAML_TEXT_LIMIT_BYTES + 1, NVB_ERR_LIMIT, "bytes");
	for (int i = 0; i < 1000; i++)
		strbuf_char_add(&b, '[');
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "nested");
	strbuf_truncate(&b, 0);
	for (int i = 0; i < 1000; i++)
		strbuf_str_add(&b, "- ");
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "nested");
	strbuf_truncate(&b, 0);
	for (int i = 0; i < 50; i++)
		strbuf_char_add(&b, '[');
	for (int i = 0; i < 50; i++)
		strbuf_char_add(&b, ']');
	root = parse(strbuf_str(&b));
	/* Depth counts through an alias too. */
	strbuf_truncate(&b, 0);
	strbuf_str_add(&b, "a: &a ");
	for (int i = 0; i < 40; i++)
		strbuf_char_add(&b, '[');
	for (int i = 0; i < 40; i++)
		strbuf_char_add(&b, ']');
	strbuf_str_add(&b, "\nb: ");
	for (int i = 0; i < 40; i++)
		strbuf_char_add(&b, '[');
	strbuf_str_add(&b, "*a");
	for (int i = 0; i < 40; i++)
		strbuf_char_add(&b, ']');
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "nested");
	strbuf_truncate(&b, 0);
	for (size_t i = 0; i <= YAML_NODE_LIMIT; i++)
		strbuf_str_add(&b, "- 1\n");
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "more values");
	strbuf_truncate(&b, 0);
	for (size_t i = 0; i <= YAML_ANCHOR_LIMIT; i++)
		strbuf_printf(&b, "- &x%zu 1\n", i);
	assert_refused(strbuf_str(&b), b.length, NVB_ERR_LIMIT, "anchors");
}

static void test_lines(void **state)
{
	_cleanup_(json_putp) struct json_object *root =
		parse("# remark\na: &x\n  - b\n  -\n    c: d\ne: *x\n");
	struct json_object *a, *e, *c;

	(void)state;
	assert_true(json_object_object_get_ex(root, "a", &a));
	assert_true(json_object_object_get_ex(root, "e", &e));
	assert_int_equal(json_line_of(root), 2);
	assert_int_equal(json_line_of(json_object_array_get_idx(a, 0)), 3);
	assert_true(json_object_object_get_ex(json_object_array_get_idx(a, 1), "c", &c));
	assert_int_equal(json_line_of(c), 5);
	/* What an alias repeats stands where the alias stands. */
	assert_int_equal(json_line_of(json_object_array_get_idx(e, 0)), 6);
	assert_int_equal(json_line_of(NULL), 0);
}

static void assert_written(const char *json, const char *yaml)
{
	_cleanup_(json_putp) struct json_object *root = NULL, *again = NULL;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;

	assert_int_equal(json_parse(json, strlen(json), &root, NULL), 0);
	assert_int_equal(yaml_format(root, &text, &length, NULL), 0);
	assert_string_equal(text, yaml);
	assert_int_equal(length, strlen(text));
	assert_int_equal(yaml_parse(text, length, &again, NULL), 0);
	assert_true(json_object_equal(root, again));
}

static void test_write(void **state)
{
	(void)state;
	assert_written("{\"a\":1,\"b\":[\"x\",{\"c\":[],\"d\":{}},[1,[2]]],\"e\":{\"f\":null}}",
		"---\na: 1\nb:\n  - x\n  - c: []\n    d: {}\n  - - 1\n    - - 2\ne:\n  f: null\n");
	assert_written("[]", "---\n[]\n");
	assert_written("\"x\"", "---\nx\n");
	assert_written("[true,-5,18446744073709551615,1.5]",
		"---\n- true\n- -5\n- 18446744073709551615\n- 1.5\n");
	/* Texts that would be read as something else, by anyone. */
	assert_written(
		"[\"yes\",\"0\",\"0.5.0\",\"\",\"~\",\"a b\",\"a:\",\"#\",\"-\",\"=\",\"1:2\"]",
		"---\n- \"yes\"\n- \"0\"\n- \"0.5.0\"\n- \"\"\n- \"~\"\n- \"a b\"\n- \"a:\"\n"
		"- \"#\"\n- \"-\"\n- \"=\"\n- \"1:2\"\n");
	assert_written("[\"/dev/nvidia0\",\"A=b\",\"nvidia.com/gpu\",\"rw\"]",
		"---\n- /dev/nvidia0\n- A=b\n- nvidia.com/gpu\n- rw\n");
	assert_written(
		"[\"a\\nb\\t\\u0001\\\"\\\\\\u007f\\u2028\\u0085\\ufeff\\u00e9\\ud83d\\ude00\"]",
		"---\n- \"a\\nb\\t\\u0001\\\"\\\\\\u007f\\u2028\\u0085\\ufeff\303\251"
		"\360\237\230\200\"\n");
	assert_written("{\"yes\":1,\"a b\":2}", "---\n\"yes\": 1\n\"a b\": 2\n");
}

static void assert_written_says(const char *yaml, const char *json)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(yaml_parse_as_written(yaml, strlen(yaml), &root, NULL), 0);
	assert_int_equal(json_format(root, JSON_PLAIN, &text, NULL, NULL), 0);
	assert_string_equal(text, json);
}

static void test_as_written(void **state)
{
	struct json_object *root = NULL;

	(void)state;
	assert_written_says("[no, y, On, 3.10, 1e3, 010, 0x1F, .inf, 1_0]",
		"[\"no\",\"y\",\"On\",\"3.10\",\"1e3\",\"010\",\"0x1F\",\".inf\",\"1_0\"]");
	assert_written_says("[true, False, TRUE, ~, null]", "[true,false,true,null,null]");
	assert_written_says(
		"{y: 1, 010: 2, True: 3}", "{\"y\":\"1\",\"010\":\"2\",\"True\":\"3\"}");
	assert_written_says("[!!int 5, !!str true, !!bool yes]", "[\"5\",\"true\",\"yes\"]");
	assert_written_says(
		"{a: !override [1], b: !override x, c: !reset x, d: !reset [1, {e: 2}], "
		"f: !reset {g: 1, h: 2}, i: 1}",
		"{\"a\":[\"1\"],\"b\":\"x\",\"c\":null,\"d\":[],\"f\":{},\"i\":\"1\"}");
	assert_written_says("a: &a {b: 1}\nc: !reset\n  <<: *a\n  d: *a\ne:\n  <<: !reset {f: 1}\n",
		"{\"a\":{\"b\":\"1\"},\"c\":{},\"e\":{}}");
	assert_true(yaml_parse_as_written("!other x", 8, &root, NULL) < 0);
	assert_true(yaml_parse_as_written("!!int x", 7, &root, NULL) < 0);
	/* Without it, they are what they were. */
	assert_true(yaml_parse("!reset x", 8, &root, NULL) < 0);
	assert_true(yaml_parse("!override []", 12, &root, NULL) < 0);
	assert_null(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
