/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/strbuf.h"
#include "format/json.h"
#include "format/toml.h"

static struct toml_document *parse(const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct toml_document *doc = NULL;

	if (toml_parse("f.toml", text, strlen(text), &doc, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return doc;
}

static void assert_json(const char *text, const char *json)
{
	_cleanup_(toml_freep) struct toml_document *doc = parse(text);
	_cleanup_free_ char *got = NULL;

	assert_int_equal(json_format(toml_root(doc), JSON_PLAIN, &got, NULL, NULL), 0);
	assert_string_equal(got, json);
}

static void assert_refused(const char *text, size_t length, int status, const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct toml_document *doc = NULL;

	assert_int_equal(toml_parse("f.toml", text, length, &doc, &err), status);
	assert_null(doc);
	if (!strstr(nvb_error_message(err), message))
		fail_msg("'%s' is not in '%s'", message, nvb_error_message(err));
}

static void test_values(void **state)
{
	(void)state;
	assert_json("", "{}");
	assert_json("# a comment alone", "{}");
	assert_json("a = 1\nb = \"x\\ty\"\nc = 'a\\b'\nd = true\ne = [1, 'two', [3]]\n",
		"{\"a\":1,\"b\":\"x\\ty\",\"c\":\"a\\\\b\",\"d\":true,\"e\":[1,\"two\",[3]]}");
	assert_json("a = 9223372036854775807\nb = -9223372036854775808\nc = 0xff\nd = 1_000",
		"{\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":255,\"d\":1000}");
	assert_json("a = \"\"\"\nx\ny\"\"\"", "{\"a\":\"x\\ny\"}");
	assert_json("a = \"\\u0000b\"", "{\"a\":\"\\u0000b\"}");
}

static void test_dates_are_strings(void **state)
{
	(void)state;
	assert_json("a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00\n",
		"{\"a\":\"1979-05-27T07:32:00Z\",\"b\":\"1979-05-27\",\"c\":\"07:32:00\"}");
}

static void test_tables(void **state)
{
	(void)state;
	assert_json("[a]\nb.c = 1\n[a.d.\"e.f\"]\ng = 2\n",
		"{\"a\":{\"b\":{\"c\":1},\"d\":{\"e.f\":{\"g\":2}}}}");
	assert_json("a = { b = 1, c.d = 2 }\n", "{\"a\":{\"b\":1,\"c\":{\"d\":2}}}");
	assert_json("[[a]]\nb = 1\n[[a]]\n", "{\"a\":[{\"b\":1},{}]}");
	assert_json("\xEF\xBB\xBF"
		    "a = 1\r\n[b]\r\nc = 2\r\n",
		"{\"a\":1,\"b\":{\"c\":2}}");
}

static void test_positions_of_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "a = ", "f.toml:1:5: " },
		{ "a = 1\nb = [1,\n", "f.toml:2:9: " },
		{ "a = 1\na = 2\n", "f.toml:2:" },
		{ "[a]\n[a]\n", "f.toml:2:" },
		{ "a = {}\n[a.b]\n", "f.toml:2:" },
		{ "a = 99999999999999999999\n", "f.toml:1:" },
		{ "{\"runtimes\": {}}\n", "f.toml:1:" },
		{ "a = \"x\n", "f.toml:1:" },
		{ "a = \"\xff\"\n", "f.toml:1:" },
		{ "a = 1 b = 2\n", "f.toml:1:" },
		{ "a = 1\n[.b]\n", "f.toml:" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_refused(
			cases[i].text, strlen(cases[i].text), NVB_ERR_FORMAT, cases[i].message);
	assert_refused("a\0b = 1", 7, NVB_ERR_FORMAT, "f.toml:1:2: byte 0x00");
	/* What the parser itself has no place for. */
	assert_refused("a = 1\n\n[[\n", 10, NVB_ERR_FORMAT, "f.toml:3: ");
	assert_refused("a = 1\n[.a]\nb = 1", 16, NVB_ERR_FORMAT, "f.toml:2: ");
	assert_refused("# \xC3\xA9\na\xC3\xA9 = 1", 11, NVB_ERR_FORMAT, "f.toml:2:2: byte 0xc3");
	assert_refused("\"a\\u0000b\" = 1", 14, NVB_ERR_FORMAT, "NUL");
}

/* Nesting by every means that TOML has, none of which may reach the end of the stack. */
static void test_nesting_is_bounded(void **state)
{
	static const struct {
		const char *first, *again, *message;
		int status;
	} cases[] = {
		{ "a = ", "[", "nest", NVB_ERR_FORMAT },
		{ "a = ", "{b=", "nest", NVB_ERR_FORMAT },
		{ "a = ", "[{b.c.d.e=", "nest", NVB_ERR_FORMAT },
		{ "a", ".a", "parts", NVB_ERR_LIMIT },
		{ "[a", ".a", "parts", NVB_ERR_LIMIT },
		{ "[[a", " . 'a'", "parts", NVB_ERR_LIMIT },
		{ "a = {b", ".\"c\"", "parts", NVB_ERR_LIMIT },
		{ "a = \"\\\"#'\" # '''\n b", ".c", "parts", NVB_ERR_LIMIT },
		{ "a = ''' \"\n''' #\"\n b", ".c", "parts", NVB_ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(4 << 20);

		strbuf_str_add(&b, cases[i].first);
		for (unsigned n = 0; n < 100000; n++)
			strbuf_str_add(&b, cases[i].again);
		assert_false(strbuf_failed(&b));
		assert_refused(strbuf_str(&b), b.length, cases[i].status, cases[i].message);
	}
}

static void test_deep_enough(void **state)
{
	static const char deep[] = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x={"
				   "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x={"
				   "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x=1}}";

	(void)state;
	/* Few parts each, deeper than the limit together. */
	assert_refused(deep, strlen(deep), NVB_ERR_LIMIT, "deeper");
	/* Numbers are no keys, nor are dots in strings and comments. */
	assert_json("#......................................................\n"
		    "b = '...........................................'\n"
		    "c = \"\"\"\n..\"\".........................................\"\"\"\n",
		"{\"b\":\"...........................................\","
		"\"c\":\"..\\\"\\\".........................................\"}");
	assert_json("a = [1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,"
		    "1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5]",
		"{\"a\":[1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,"
		"1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5]}");
}

static void test_size_is_bounded(void **state)
{
	_cleanup_free_ char *text = malloc(TOML_TEXT_LIMIT_BYTES + 1);

	(void)state;
	memset(text, '#', TOML_TEXT_LIMIT_BYTES + 1);
	assert_refused(text, TOML_TEXT_LIMIT_BYTES + 1, NVB_ERR_LIMIT, "bytes");
}

#define PATH(...)                                                                                  \
	(const char *const[]){ __VA_ARGS__ }, ELEMENTS(((const char *const[]){ __VA_ARGS__ }))

/* What the text holds between the two ends that are told. */
static void assert_at(const struct toml_document *doc, const char *text, bool of_key,
	const char *const *path, size_t n, const char *expected)
{
	struct toml_position begin, end;
	size_t from, to;

	assert_true((of_key ? toml_locate_key : toml_locate)(doc, path, n, &begin, &end));
	from = toml_offset(doc, begin);
	to = toml_offset(doc, end);
	assert_int_equal(to - from, strlen(expected));
	assert_memory_equal(text + from, expected, to - from);
}

static void test_locate(void **state)
{
	static const char text[] = "\xEF\xBB\xBF"
				   "top = 1 # x\r\n"
				   "\"k\xC3\xA9y\" = \"v\xC3\xA9\" # c\r\n"
				   "list = [ 1,\r\n  'two' ] # e\r\n"
				   "in = { a = true, 'b.c'.d = [] } \r\n"
				   "\t[plugins.\"io.x\"] # h\r\n"
				   "n.m = \"\"\"\nq\"\"\"\r\n"
				   "[[r]]\nz=1\n[[r]]\nz = 0x2";
	_cleanup_(toml_freep) struct toml_document *doc = parse(text);
	struct toml_position begin, end;

	(void)state;
	assert_at(doc, text, false, PATH("top"), "1");
	assert_at(doc, text, true, PATH("top"), "top");
	assert_at(doc, text, false, PATH("k\xC3\xA9y"), "\"v\xC3\xA9\"");
	assert_at(doc, text, true, PATH("k\xC3\xA9y"), "\"k\xC3\xA9y\"");
	assert_at(doc, text, false, PATH("list"), "[ 1,\r\n  'two' ]");
	assert_at(doc, text, false, PATH("list", "1"), "'two'");
	assert_at(doc, text, false, PATH("in"), "{ a = true, 'b.c'.d = [] }");
	assert_at(doc, text, false, PATH("in", "b.c", "d"), "[]");
	assert_at(doc, text, true, PATH("in", "b.c", "d"), "d");
	assert_at(doc, text, false, PATH("plugins", "io.x"), "[plugins.\"io.x\"]");
	assert_at(doc, text, false, PATH("plugins"), "[plugins.\"io.x\"]");
	assert_at(doc, text, false, PATH("plugins", "io.x", "n", "m"), "\"\"\"\nq\"\"\"");
	assert_at(doc, text, false, PATH("r", "1", "z"), "0x2");
	assert_true(toml_locate(doc, PATH("r", "1"), &begin, &end));
	assert_int_equal(begin.line, 11);
	assert_int_equal(begin.column, 1);
	assert_false(toml_locate(doc, PATH("nothing"), &begin, &end));
	assert_false(toml_locate(doc, PATH("top", "x"), &begin, &end));
	assert_false(toml_locate(doc, PATH("list", "2"), &begin, &end));
	assert_false(toml_locate(doc, PATH("list", "-1"), &begin, &end));
	assert_false(toml_locate(doc, PATH("list", "1x"), &begin, &end));
	assert_false(toml_locate_key(doc, PATH("list", "1"), &begin, &end));
	assert_int_equal(toml_offset(doc, (struct toml_position){ 99, 1 }), strlen(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_dates_are_strings),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_positions_of_errors),
		cmocka_unit_test(test_nesting_is_bounded),
		cmocka_unit_test(test_deep_enough),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_locate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
