/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_lines.h"

#include <string.h>

#define COMMENTS_LIMIT_BYTES ((size_t)2 << 20)

static size_t line_begin(const struct compose_text *t, size_t at)
{
	while (at > 0 && t->text[at - 1] != '\n')
		at--;
	return at;
}

size_t compose_line_after(const struct compose_text *t, size_t at)
{
	const char *newline = memchr(t->text + at, '\n', t->length - at);

	return newline ? (size_t)(newline - t->text) + 1 : t->length;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

bool compose_line_ends(const struct compose_text *t, size_t at)
{
	const size_t begin = at;

	while (at < t->length && is_blank(t->text[at]))
		at++;
	if (at == t->length || is_break(t->text[at]))
		return true;
	return t->text[at] == '#' && (at > begin || (at > 0 && is_blank(t->text[at - 1])));
}

bool compose_has_comment(const struct compose_text *t, size_t begin, size_t end)
{
	return end > begin && memchr(t->text + begin, '#', end - begin) &&
	       memchr(t->text + begin, '\n', end - begin);
}

size_t compose_pair_end(const struct compose_text *t, const struct yaml_pair *pair)
{
	size_t at = pair->value->end;

	if (pair->value->style != YAML_STYLE_ABSENT || pair->value->kind != YAML_NODE_SCALAR ||
		pair->value->anchor_end)
		return at;
	at = pair->key->end;
	while (at < t->length && is_blank(t->text[at]))
		at++;
	return at < t->length && t->text[at] == ':' ? at + 1 : pair->key->end;
}

/* How the author writes. */

static size_t column(const struct compose_text *t, size_t at)
{
	return at - line_begin(t, at);
}

/* Where the "-" of an item stands. False: another item shares its line. */
static bool find_dash(const struct compose_text *t, const struct yaml_node *item, size_t *ret)
{
	size_t at = item->properties;

	while (at > 0 && is_blank(t->text[at - 1]))
		at--;
	if (at == 0 || t->text[at - 1] != '-')
		return false;
	*ret = at - 1;
	for (size_t i = line_begin(t, at - 1); i < at - 1; i++)
		if (t->text[i] != ' ')
			return false;
	return true;
}

/* The first list that stands below its name says how far it is moved in. */
static bool read_list_indent(struct compose_text *t, const struct yaml_node *node)
{
	size_t dash;

	for (size_t i = 0; i < node->pairs.n; i++) {
		const struct yaml_pair *pair = &node->pairs.items[i];

		if (pair->value->kind == YAML_NODE_SEQUENCE &&
			pair->value->style == YAML_STYLE_BLOCK && pair->value->items.n &&
			find_dash(t, pair->value->items.items[0], &dash) &&
			column(t, dash) >= column(t, pair->key->begin)) {
			t->list_indent = column(t, dash) - column(t, pair->key->begin);
			return true;
		}
		if (read_list_indent(t, pair->value))
			return true;
	}
	return false;
}

static void read_member_indent(struct compose_text *t, const struct yaml_node *root)
{
	for (size_t i = 0; i < root->pairs.n; i++) {
		const struct yaml_pair *pair = &root->pairs.items[i];
		size_t at;

		if (pair->value->kind != YAML_NODE_MAPPING || !pair->value->pairs.n ||
			pair->value->style != YAML_STYLE_BLOCK)
			continue;
		at = column(t, pair->value->pairs.items[0].key->properties);
		if (at > 0 && at <= 16) {
			t->member_indent = at;
			return;
		}
	}
}

void compose_lines_read(
	struct compose_text *t, const char *text, size_t length, struct yaml_node *root)
{
	const char *newline = memchr(text, '\n', length);

	*t = (struct compose_text){
		.text = text,
		.length = length,
		.eol = newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n",
		.list_indent = 2,
		.member_indent = 2,
	};
	read_member_indent(t, root);
	(void)read_list_indent(t, root);
}

/* Comments of what goes. */

struct comments {
	const struct compose_text *t;
	struct strbuf out;
	size_t indent;
	size_t at; /* how far the text has been looked through */
};

static void comments_done(struct comments *c)
{
	strbuf_done(&c->out);
}

static void blanks(struct strbuf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_char_add(out, ' ');
}

/* Between two scalars: only there may a comment stand. */
static void keep_between(struct comments *c, size_t end)
{
	const char *text = c->t->text;

	for (size_t i = c->at; i < end; i++) {
		size_t last = i;

		if (text[i] != '#' || (i > 0 && !is_blank(text[i - 1]) && !is_break(text[i - 1])))
			continue;
		while (last < end && !is_break(text[last]))
			last++;
		blanks(&c->out, c->indent);
		strbuf_add(&c->out, text + i, last - i);
		strbuf_str_add(&c->out, c->t->eol);
		i = last;
	}
	c->at = end > c->at ? end : c->at;
}

static void keep_comments(struct comments *c, const struct yaml_node *node)
{
	if (node->kind == YAML_NODE_SCALAR || node->kind == YAML_NODE_ALIAS) {
		keep_between(c, node->begin);
		c->at = node->end > c->at ? node->end : c->at;
		return;
	}
	for (size_t i = 0; i < node->pairs.n; i++) {
		keep_comments(c, node->pairs.items[i].key);
		keep_comments(c, node->pairs.items[i].value);
	}
	for (size_t i = 0; i < node->items.n; i++)
		keep_comments(c, node->items.items[i]);
}

/* Where the lines of a pair or item begin: nothing else may stand there. */
static bool lines_begin(const struct compose_text *t, const struct yaml_node *container,
	size_t index, size_t *ret_begin, size_t *ret_indent)
{
	size_t at;

	if (container->kind == YAML_NODE_SEQUENCE) {
		if (!find_dash(t, container->items.items[index], &at))
			return false;
	} else {
		at = container->pairs.items[index].key->properties;
		for (size_t i = line_begin(t, at); i < at; i++)
			if (t->text[i] != ' ')
				return false;
	}
	*ret_begin = line_begin(t, at);
	*ret_indent = at - *ret_begin;
	return true;
}

struct text_patch compose_lines_remove(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, size_t index, const char **ret_refused)
{
	_cleanup_(comments_done) struct comments c = {
		.t = t,
		.out = STRBUF_INIT(COMMENTS_LIMIT_BYTES),
	};
	const bool is_pair = container->kind == YAML_NODE_MAPPING;
	const struct yaml_pair *pair = is_pair ? &container->pairs.items[index] : NULL;
	struct text_patch patch = { 0 };
	size_t end = is_pair ? compose_pair_end(t, pair) : container->items.items[index]->end;

	if (!lines_begin(t, container, index, &patch.begin, &c.indent) ||
		!compose_line_ends(t, end)) {
		*ret_refused = "what goes shares its line with something else";
		return patch;
	}
	patch.end = compose_line_after(t, end);
	c.at = patch.begin;
	if (is_pair) {
		keep_comments(&c, pair->key);
		keep_comments(&c, pair->value);
	} else {
		keep_comments(&c, container->items.items[index]);
	}
	keep_between(&c, patch.end);
	patch.text = strbuf_failed(&c.out) ? NULL : arena_strdup(a, strbuf_str(&c.out));
	return patch;
}

/* Scalars. */

static bool is_plain(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_./=-";
	const size_t n = strlen(text);

	/* No longer word has a meaning of its own than "false". */
	return n > 0 && strchr(letters, text[0]) && strspn(text, allowed) == n &&
	       (n > 5 || strcmp(text, "all") == 0 || strcmp(text, "void") == 0);
}

static void add_quoted(struct strbuf *out, const char *text)
{
	strbuf_char_add(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			strbuf_char_add(out, '\\');
		strbuf_char_add(out, *text);
	}
	strbuf_char_add(out, '"');
}

static void add_scalar(struct strbuf *out, const char *text, bool quoted)
{
	if (!quoted && is_plain(text))
		strbuf_str_add(out, text);
	else
		add_quoted(out, text);
}

static const char *take(struct arena *a, struct strbuf *b)
{
	const char *text = strbuf_failed(b) ? NULL : arena_strdup(a, strbuf_str(b));

	strbuf_done(b);
	return text;
}

const char *compose_scalar(struct arena *a, const char *text, bool quoted)
{
	struct strbuf b = STRBUF_INIT(COMMENTS_LIMIT_BYTES);

	add_scalar(&b, text, quoted);
	return take(a, &b);
}

/* NAME=VALUE of a mapping. */
static void add_pair(struct strbuf *out, const char *pair, bool quoted)
{
	const char *equals = strchr(pair, '=');
	const size_t n = equals ? (size_t)(equals - pair) : strlen(pair);

	if (quoted)
		strbuf_char_add(out, '"');
	strbuf_add(out, pair, n);
	strbuf_str_add(out, quoted ? "\": " : ": ");
	add_scalar(out, equals ? equals + 1 : "", quoted);
}

static bool is_quoted(const struct yaml_node *node)
{
	return node->style == YAML_STYLE_DOUBLE_QUOTED || node->style == YAML_STYLE_SINGLE_QUOTED;
}

/* Behind the last. */

struct text_patch compose_block_append(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, const char *value, const char **ret_refused)
{
	struct strbuf b = STRBUF_INIT(COMMENTS_LIMIT_BYTES);
	const bool is_pair = container->kind == YAML_NODE_MAPPING;
	const size_t n = is_pair ? container->pairs.n : container->items.n;
	struct text_patch patch = { .whole_lines = true };
	size_t begin, indent, end;

	if (!n || !lines_begin(t, container, n - 1, &begin, &indent)) {
		*ret_refused = "the list it belongs into shares its lines with something else";
		return patch;
	}
	end = is_pair ? compose_pair_end(t, &container->pairs.items[n - 1])
		      : container->items.items[n - 1]->end;
	patch.begin = patch.end = compose_line_after(t, end);
	blanks(&b, indent);
	if (is_pair) {
		add_pair(&b, value, false);
	} else {
		strbuf_str_add(&b, "- ");
		add_scalar(&b, value, is_quoted(container->items.items[n - 1]));
	}
	strbuf_str_add(&b, t->eol);
	patch.text = take(a, &b);
	return patch;
}

struct text_patch compose_flow_append(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, const char *value)
{
	struct strbuf b = STRBUF_INIT(COMMENTS_LIMIT_BYTES);
	const bool is_pair = container->kind == YAML_NODE_MAPPING;
	const size_t n = is_pair ? container->pairs.n : container->items.n;
	struct text_patch patch = { .begin = container->begin + 1 };

	if (n) {
		patch.begin = is_pair ? compose_pair_end(t, &container->pairs.items[n - 1])
				      : container->items.items[n - 1]->end;
		strbuf_str_add(&b, ", ");
	}
	if (is_pair)
		add_pair(&b, value, true);
	else
		add_quoted(&b, value);
	patch.end = patch.begin;
	patch.text = take(a, &b);
	return patch;
}

/* New members. */

void compose_block_member(struct strbuf *out, const struct compose_text *t,
	const struct yaml_node *mapping, const struct compose_member *member)
{
	const size_t indent = column(t, mapping->pairs.items[0].key->properties);

	blanks(out, indent);
	strbuf_printf(out, "%s:", member->key);
	if (member->scalar) {
		strbuf_char_add(out, ' ');
		add_scalar(out, member->scalar, false);
		strbuf_str_add(out, t->eol);
		return;
	}
	strbuf_str_add(out, t->eol);
	vec_foreach (const char *, item, member->items) {
		blanks(out, indent + (member->is_mapping ? t->member_indent : t->list_indent));
		if (member->is_mapping) {
			add_pair(out, *item, false);
		} else {
			strbuf_str_add(out, "- ");
			add_scalar(out, *item, false);
		}
		strbuf_str_add(out, t->eol);
	}
}

void compose_flow_member(struct strbuf *out, const struct compose_text *t,
	const struct yaml_node *mapping, const struct compose_member *member)
{
	const bool quoted = is_quoted(mapping->pairs.items[0].key);
	bool first = true;

	(void)t;
	strbuf_printf(out, quoted ? "\"%s\": " : "%s: ", member->key);
	if (member->scalar) {
		add_quoted(out, member->scalar);
		return;
	}
	strbuf_char_add(out, member->is_mapping ? '{' : '[');
	vec_foreach (const char *, item, member->items) {
		if (!first)
			strbuf_str_add(out, ", ");
		first = false;
		if (member->is_mapping)
			add_pair(out, *item, true);
		else
			add_quoted(out, *item);
	}
	strbuf_char_add(out, member->is_mapping ? '}' : ']');
}
