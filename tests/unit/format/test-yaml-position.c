/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything of a YAML document stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/yaml_position.h"

struct document {
	struct arena *arena;
	const char *text;
	struct yaml_node *root;
	struct nvb_error *error;
	int status;
};

static void locate(struct document *d, const char *text)
{
	*d = (struct document){ .arena = arena_new(), .text = text };
	assert_non_null(d->arena);
	d->status = yaml_locate(text, strlen(text), d->arena, &d->root, &d->error);
}

static void document_done(struct document *d)
{
	nvb_error_free(d->error);
	arena_free(d->arena);
}

static struct yaml_node *value_of(struct yaml_node *mapping, const char *key)
{
	struct yaml_member member;

	if (!yaml_node_member(mapping, key, &member))
		fail_msg("there is no '%s'", key);
	return member.mapping->pairs.items[member.index].value;
}

static void assert_span(
	const struct document *d, const struct yaml_node *node, const char *expected)
{
	char found[256];

	assert_true(node->begin <= node->end && node->end <= strlen(d->text));
	(void)snprintf(found, sizeof(found), "%.*s", (int)(node->end - node->begin),
		d->text + node->begin);
	assert_string_equal(found, expected);
}

static void scalars_have_their_quotes(void **state)
{
	static const struct {
		const char *key, *span, *text;
		enum yaml_node_style style;
	} expected[] = {
		{ "plain", "some words", "some words", YAML_STYLE_PLAIN },
		{ "single", "'it''s'", "it's", YAML_STYLE_SINGLE_QUOTED },
		{ "double", "\"a \\\"b\\\" \\u00e9\"", "a \"b\" \xc3\xa9",
			YAML_STYLE_DOUBLE_QUOTED },
		{ "none", "\"\"", "", YAML_STYLE_DOUBLE_QUOTED },
		{ "no", "''", "", YAML_STYLE_SINGLE_QUOTED },
		{ "utf8", "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac", YAML_STYLE_PLAIN },
		{ "quote", "x\"y\"", "x\"y\"", YAML_STYLE_PLAIN },
		{ "tagged", "'1'", "1", YAML_STYLE_SINGLE_QUOTED },
	};
	struct document d;

	(void)state;
	locate(&d, "plain: some words # comment\nsingle: 'it''s'\ndouble: \"a \\\"b\\\" \\u00e9\"\n"
		   "none: \"\"\nno: ''  # nothing\nutf8: \xc3\xa9\xe2\x82\xac\nquote: x\"y\"\n"
		   "tagged: &t !!str '1'\n");
	assert_int_equal(d.status, 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct yaml_node *node = value_of(d.root, expected[i].key);

		assert_int_equal(node->kind, YAML_NODE_SCALAR);
		assert_int_equal(node->style, expected[i].style);
		assert_span(&d, node, expected[i].span);
		assert_string_equal(node->text, expected[i].text);
		assert_int_equal(node->line, i + 1);
	}
	document_done(&d);
}

static void collections_end_with_their_last_value(void **state)
{
	struct document d;
	struct yaml_node *node;

	(void)state;
	locate(&d, "block:\n  a: 1   # one\n  b:\n    - x\n    - \"y\"\n\n# far away\n"
		   "flow: { a: [1, 2], b: {} } # behind\n"
		   "lines: |  # header\n  text\n\n  more\n\nlast: 1\n");
	assert_int_equal(d.status, 0);
	node = value_of(d.root, "block");
	assert_int_equal(node->style, YAML_STYLE_BLOCK);
	assert_span(&d, node, "a: 1   # one\n  b:\n    - x\n    - \"y\"");
	node = value_of(node, "b");
	assert_int_equal(node->kind, YAML_NODE_SEQUENCE);
	assert_int_equal(node->items.n, 2);
	assert_span(&d, node, "- x\n    - \"y\"");
	node = value_of(d.root, "flow");
	assert_int_equal(node->style, YAML_STYLE_FLOW);
	assert_span(&d, node, "{ a: [1, 2], b: {} }");
	assert_span(&d, value_of(node, "a"), "[1, 2]");
	assert_span(&d, value_of(node, "b"), "{}");
	node = value_of(d.root, "lines");
	assert_int_equal(node->style, YAML_STYLE_LINES);
	assert_span(&d, node, "  text\n\n  more");
	assert_string_equal(node->text, "text\n\nmore\n");
	document_done(&d);
}

static void values_that_are_not_written_are_absent(void **state)
{
	struct document d;

	(void)state;
	locate(&d, "a:\nb: # nothing\nc: {d: , e}\nf: ~\ng: &x\nh: *x\n");
	assert_int_equal(d.status, 0);
	assert_int_equal(value_of(d.root, "a")->style, YAML_STYLE_ABSENT);
	assert_int_equal(value_of(d.root, "b")->style, YAML_STYLE_ABSENT);
	assert_int_equal(value_of(value_of(d.root, "c"), "d")->style, YAML_STYLE_ABSENT);
	assert_int_equal(value_of(value_of(d.root, "c"), "e")->style, YAML_STYLE_ABSENT);
	assert_int_equal(value_of(d.root, "f")->style, YAML_STYLE_PLAIN);
	assert_int_equal(value_of(d.root, "g")->style, YAML_STYLE_ABSENT);
	assert_int_equal(value_of(d.root, "h")->kind, YAML_NODE_ALIAS);
	document_done(&d);
}

static void anchors_and_aliases_have_their_marks(void **state)
{
	struct document d;
	struct yaml_node *one, *two, *alias;

	(void)state;
	locate(&d, "one: &first   # comment\n  a: 1\ntwo: &second {b: 2}\nuse: *first\nlist: "
		   "[*second]\n");
	assert_int_equal(d.status, 0);
	one = value_of(d.root, "one");
	assert_memory_equal(d.text + one->properties, "&first   #", 10);
	assert_memory_equal(d.text + one->anchor_end, "   # comment", 12);
	two = value_of(d.root, "two");
	assert_memory_equal(d.text + two->properties, "&second {", 9);
	alias = value_of(d.root, "use");
	assert_int_equal(alias->kind, YAML_NODE_ALIAS);
	assert_span(&d, alias, "*first");
	assert_ptr_equal(yaml_node_resolve(alias), one);
	assert_ptr_equal(yaml_node_resolve(one), one);
	alias = value_of(d.root, "list")->items.items[0];
	assert_span(&d, alias, "*second");
	assert_ptr_equal(yaml_node_resolve(alias), two);
	document_done(&d);
}

/* The same anchor twice: an alias is the last before it. */
static void an_anchor_can_be_set_again(void **state)
{
	struct document d;

	(void)state;
	locate(&d, "a: &x 1\nb: *x\nc: &x 2\nd: *x\n");
	assert_int_equal(d.status, 0);
	assert_string_equal(yaml_node_resolve(value_of(d.root, "b"))->text, "1");
	assert_string_equal(yaml_node_resolve(value_of(d.root, "d"))->text, "2");
	document_done(&d);
}

static void members_come_from_where_they_are_written(void **state)
{
	struct document d;
	struct yaml_member member;
	struct yaml_node *use;

	(void)state;
	locate(&d, "base: &base {a: 1, b: 1, c: 1}\nmore: &more\n  <<: *base\n  b: 2\n  d: 2\n"
		   "use:\n  <<: [{e: 9}, *more]\n  c: 3\n  \"<<\": text\n");
	assert_int_equal(d.status, 0);
	use = value_of(d.root, "use");
	assert_true(yaml_node_member(use, "c", &member));
	assert_ptr_equal(member.mapping, use);
	assert_true(yaml_node_member(use, "b", &member));
	assert_ptr_equal(member.mapping, value_of(d.root, "more"));
	assert_true(yaml_node_member(use, "a", &member));
	assert_ptr_equal(member.mapping, value_of(d.root, "base"));
	assert_true(yaml_node_member(use, "e", &member));
	assert_false(yaml_node_member(use, "f", &member));
	/* In quotes it is a name like any other. */
	assert_true(yaml_node_member(use, "<<", &member));
	assert_ptr_equal(member.mapping, use);
	assert_true(yaml_pair_is_merge(&use->pairs.items[0]));
	assert_false(yaml_pair_is_merge(&use->pairs.items[2]));
	document_done(&d);
}

/* 2^39 ways to a member that is there, and to one that is not; each node is looked at once. */
static void many_ways_to_a_member_are_one(void **state)
{
	char text[4096];
	struct yaml_member member;
	struct yaml_node *last;
	struct document d;
	int n = snprintf(text, sizeof(text), "x0: &m0 {a: 1}\n");

	(void)state;
	for (int i = 1; i < 40; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "x%d: &m%d\n  <<: [*m%d, *m%d]\n",
			i, i, i - 1, i - 1);
	locate(&d, text);
	assert_int_equal(d.status, 0);
	last = value_of(d.root, "x39");
	for (int i = 0; i < 3; i++) {
		assert_false(yaml_node_member(last, "b", &member));
		assert_true(yaml_node_member(last, "a", &member));
		assert_ptr_equal(member.mapping, value_of(d.root, "x0"));
		assert_false(last->visited);
		assert_false(member.mapping->visited);
	}
	document_done(&d);
}

/* Each merges the one before: further down than a text may nest. */
static void a_long_chain_is_followed(void **state)
{
	char text[8192];
	struct yaml_member member;
	struct document d;
	int n = snprintf(text, sizeof(text), "x0: &m0 {a: 1}\n");

	(void)state;
	for (int i = 1; i < 200; i++)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n, "x%d: &m%d {<<: *m%d}\n", i, i, i - 1);
	locate(&d, text);
	assert_int_equal(d.status, 0);
	assert_true(yaml_node_member(value_of(d.root, "x199"), "a", &member));
	document_done(&d);
}

static void line_ends_and_marks_do_not_move_anything(void **state)
{
	struct document d;

	(void)state;
	locate(&d, "\xef\xbb\xbf"
		   "a: 'x'\r\nb:\r\n  - y\r\n  - z # c\r\n");
	assert_int_equal(d.status, 0);
	assert_span(&d, value_of(d.root, "a"), "'x'");
	assert_span(&d, value_of(d.root, "b"), "- y\r\n  - z");
	document_done(&d);
}

static void assert_refused(const char *text, enum nvb_status status)
{
	struct document d;

	locate(&d, text);
	assert_int_equal(d.status, status);
	assert_non_null(d.error);
	assert_null(d.root);
	document_done(&d);
}

static void bad_documents_are_refused(void **state)
{
	char deep[512];

	(void)state;
	assert_refused("", NVB_ERR_FORMAT);
	assert_refused("a: [\n", NVB_ERR_FORMAT);
	assert_refused("a: *nobody\n", NVB_ERR_FORMAT);
	assert_refused("a: 1\n---\nb: 2\n", NVB_ERR_FORMAT);
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_refused(deep, NVB_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_have_their_quotes),
		cmocka_unit_test(collections_end_with_their_last_value),
		cmocka_unit_test(values_that_are_not_written_are_absent),
		cmocka_unit_test(anchors_and_aliases_have_their_marks),
		cmocka_unit_test(an_anchor_can_be_set_again),
		cmocka_unit_test(members_come_from_where_they_are_written),
		cmocka_unit_test(many_ways_to_a_member_are_one),
		cmocka_unit_test(a_long_chain_is_followed),
		cmocka_unit_test(line_ends_and_marks_do_not_move_anything),
		cmocka_unit_test(bad_documents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
