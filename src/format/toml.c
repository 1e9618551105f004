/* SPDX-License-Identifier: Apache-2.0 */
#include "format/toml.h"

#include <string.h>

#include "format/json.h"
#include "format/toml_reader.h"

#define KEY_PARTS_LIMIT 32
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

struct toml_document {
	struct toml_reader *reader;
	char *text;
	size_t length;
	size_t *lines; /* where each begins */
	size_t n_lines;
};

/*
 * Behind a string that starts at `i`. One that does not end ends with its line, or the text: the
 * parser stops there with an error.
 */
static size_t skip_string(const char *text, size_t length, size_t i)
{
	char quote = text[i];
	bool is_long = length - i >= 3 && text[i + 1] == quote && text[i + 2] == quote;

	for (i += is_long ? 3 : 1; i < length; i++) {
		if (text[i] == '\\' && quote == '"')
			i++;
		else if (text[i] == '\n' && !is_long)
			return i;
		else if (text[i] == quote && !is_long)
			return i + 1;
		else if (text[i] == quote && length - i >= 3 && text[i + 1] == quote &&
			 text[i + 2] == quote)
			return i + 3;
	}
	return length;
}

/*
 * What toml++ does not bound: every part of a dotted key is a table in a table, which it frees by
 * recursion. And what it has no good error for: bytes that only strings and comments may hold.
 */
struct check {
	const char *name, *text;
	size_t length;
	size_t i;
	size_t line_begin;
	unsigned line, parts;
};

static void skip_to(struct check *c, size_t end)
{
	for (; c->i < end; c->i++) {
		if (c->text[c->i] == '\n') {
			c->line++;
			c->line_begin = c->i + 1;
		}
	}
}

static size_t find_line_end(const struct check *c)
{
	const char *end = memchr(c->text + c->i, '\n', c->length - c->i);

	return end ? (size_t)(end - c->text) : c->length;
}

static bool may_stand_alone(char c)
{
	return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n';
}

static int check_character(struct check *c, struct nvb_error **err)
{
	char at = c->text[c->i];

	if (!may_stand_alone(at))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"%s:%u:%zu: byte 0x%02x is neither in a string nor in a comment", c->name,
			c->line, c->i - c->line_begin + 1, (unsigned char)at);
	if (at == '.' && ++c->parts > KEY_PARTS_LIMIT)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s:%u:%zu: a key has more than %d parts",
			c->name, c->line, c->i - c->line_begin + 1, KEY_PARTS_LIMIT);
	if (strchr("\n,=[]{}", at))
		c->parts = 1;
	return 0;
}

static int check_text(const char *name, const char *text, size_t length, struct nvb_error **err)
{
	struct check c = { .name = name, .text = text, .length = length, .line = 1, .parts = 1 };
	int r = 0;

	if (length >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0)
		c.i = c.line_begin = 3;
	while (r == 0 && c.i < length) {
		if (text[c.i] == '"' || text[c.i] == '\'') {
			skip_to(&c, skip_string(text, length, c.i));
		} else if (text[c.i] == '#') {
			skip_to(&c, find_line_end(&c));
		} else {
			r = check_character(&c, err);
			skip_to(&c, c.i + 1);
		}
	}
	return r;
}

static int find_lines(struct toml_document *doc, struct nvb_error **err)
{
	const char *text = doc->text;
	size_t n = 1;

	for (size_t i = 0; i < doc->length; i++)
		n += text[i] == '\n';
	doc->lines = calloc(n, sizeof(*doc->lines));
	if (!doc->lines)
		return NVB_OOM(err);
	/* A byte order mark is no column. */
	doc->lines[doc->n_lines++] = strncmp(text, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
	for (size_t i = 0; i < doc->length; i++) {
		if (text[i] == '\n')
			doc->lines[doc->n_lines++] = i + 1;
	}
	return 0;
}

static int raise_syntax(
	const char *name, const struct toml_problem *problem, struct nvb_error **err)
{
	if (problem->line == 0)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s: %s", name, problem->text);
	if (problem->column == 0)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "%s:%u: %s", name, problem->line, problem->text);
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s:%u:%u: %s", name, problem->line,
		problem->column, problem->text);
}

static int read_document(const char *name, struct toml_document *doc, struct nvb_error **err)
{
	struct toml_problem problem = { 0 };

	switch (toml_reader_new(doc->text, doc->length, JSON_DEPTH_LIMIT, &doc->reader, &problem)) {
	case TOML_READ:
		return 0;
	case TOML_SYNTAX:
		return raise_syntax(name, &problem, err);
	case TOML_TOO_DEEP:
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': it is nested deeper than %d",
			name, JSON_DEPTH_LIMIT);
	case TOML_KEY_WITH_NUL:
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "read '%s': a key has a NUL byte inside", name);
	case TOML_NO_MEMORY:
		break;
	}
	return NVB_OOM(err);
}

int toml_parse(const char *name, const char *text, size_t length, struct toml_document **ret,
	struct nvb_error **err)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	int r;

	if (length > TOML_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': %zu bytes, more than %zu", name,
			length, TOML_TEXT_LIMIT_BYTES);
	r = check_text(name, text, length, err);
	if (r < 0)
		return r;
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return NVB_OOM(err);
	doc->text = malloc(length + 1);
	if (!doc->text)
		return NVB_OOM(err);
	if (length)
		memcpy(doc->text, text, length);
	doc->text[length] = '\0';
	doc->length = length;
	r = find_lines(doc, err);
	if (r == 0)
		r = read_document(name, doc, err);
	if (r == 0)
		*ret = TAKE_PTR(doc);
	return r;
}

void toml_free(struct toml_document *doc)
{
	if (!doc)
		return;
	toml_reader_free(doc->reader);
	free(doc->lines);
	free(doc->text);
	free(doc);
}

struct json_object *toml_root(const struct toml_document *doc)
{
	return toml_reader_root(doc->reader);
}

static bool locate(const struct toml_document *doc, const char *const *path, size_t n, bool of_key,
	struct toml_position *ret_begin, struct toml_position *ret_end)
{
	struct toml_region region;

	if (!toml_reader_locate(doc->reader, path, n, of_key, &region))
		return false;
	*ret_begin = (struct toml_position){ region.begin_line, region.begin_column };
	*ret_end = (struct toml_position){ region.end_line, region.end_column };
	return true;
}

bool toml_locate(const struct toml_document *doc, const char *const *path, size_t n,
	struct toml_position *ret_begin, struct toml_position *ret_end)
{
	return locate(doc, path, n, false, ret_begin, ret_end);
}

bool toml_locate_key(const struct toml_document *doc, const char *const *path, size_t n,
	struct toml_position *ret_begin, struct toml_position *ret_end)
{
	return locate(doc, path, n, true, ret_begin, ret_end);
}

size_t toml_offset(const struct toml_document *doc, struct toml_position position)
{
	size_t at;

	if (position.line == 0 || position.line > doc->n_lines)
		return doc->length;
	at = doc->lines[position.line - 1];
	for (unsigned column = 1; column < position.column && at < doc->length; column++) {
		at++;
		while (at < doc->length && (doc->text[at] & 0xC0) == 0x80)
			at++;
	}
	return at;
}
