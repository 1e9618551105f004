/* SPDX-License-Identifier: Apache-2.0 */
/* The text has been parsed before: the scanner here may rely on its being JSON. */
#include <string.h>

#include "format/json.h"
#include "format/text_edit.h"

#define DEFAULT_INDENT "    "

struct member {
	size_t key_begin, key_end;
	size_t value_begin, value_end;
};

/* An object's outer ends, and the members of interest. */
struct object {
	size_t begin, end; /* of '{', behind '}' */
	struct member first, last, found, before_found, behind_found;
	bool is_empty, has_found, has_before, has_behind;
};

/* How the text is laid out. */
struct style {
	const char *eol;
	char unit[16]; /* one level */
	bool one_line;
};

static size_t skip_blanks(const char *text, size_t i)
{
	return i + strspn(text + i, " \t\r\n");
}

static size_t skip_string(const char *text, size_t i)
{
	for (i++; text[i] && text[i] != '"'; i++)
		if (text[i] == '\\' && text[i + 1])
			i++;
	return text[i] ? i + 1 : i;
}

static size_t skip_value(const char *text, size_t i)
{
	unsigned depth = 0;

	if (text[i] == '"')
		return skip_string(text, i);
	if (text[i] != '{' && text[i] != '[')
		return i + strcspn(text + i, " \t\r\n,]}");
	while (text[i]) {
		char c = text[i];

		i = c == '"' ? skip_string(text, i) : i + 1;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	return i;
}

/* The member that starts at or behind `at`, which is behind '{' or behind another member. */
static bool next_member(const char *text, size_t at, struct member *ret)
{
	at = skip_blanks(text, at);
	if (text[at] == ',')
		at = skip_blanks(text, at + 1);
	if (text[at] != '"')
		return false;
	ret->key_begin = at;
	ret->key_end = skip_string(text, at);
	ret->value_begin = skip_blanks(text, skip_blanks(text, ret->key_end) + 1);
	ret->value_end = skip_value(text, ret->value_begin);
	return true;
}

static bool is_key(const char *text, const struct member *m, const char *key)
{
	_cleanup_(json_putp) struct json_object *list = NULL;
	_cleanup_free_ char *literal = NULL;
	size_t length = m->key_end - m->key_begin;

	if (!memchr(text + m->key_begin, '\\', length))
		return strlen(key) == length - 2 &&
		       memcmp(text + m->key_begin + 1, key, length - 2) == 0;
	if (asprintf(&literal, "[%.*s]", (int)length, text + m->key_begin) < 0) {
		literal = NULL;
		return false;
	}
	if (json_parse(literal, strlen(literal), &list, NULL) < 0)
		return false;
	return strcmp(json_object_get_string(json_object_array_get_idx(list, 0)), key) == 0;
}

/* Of members with the same name the last counts, as for all readers. */
static void look_into(const char *text, size_t begin, const char *key, struct object *ret)
{
	struct member m, previous = { 0 };
	bool previous_found = false;
	size_t at = begin + 1;

	*ret = (struct object){ .begin = begin, .end = skip_value(text, begin), .is_empty = true };
	while (next_member(text, at, &m)) {
		if (ret->is_empty)
			ret->first = m;
		if (previous_found) {
			ret->behind_found = m;
			ret->has_behind = true;
		}
		previous_found = is_key(text, &m, key);
		if (previous_found) {
			ret->found = m;
			ret->has_found = true;
			ret->before_found = previous;
			ret->has_before = !ret->is_empty;
			ret->has_behind = false;
		}
		ret->is_empty = false;
		ret->last = previous = m;
		at = m.value_end;
	}
}

/* The blanks from the start of the line of `at` up to it; empty if something else is there. */
static size_t indent_of(const char *text, size_t at, const char **ret)
{
	size_t begin = at;

	while (begin > 0 && (text[begin - 1] == ' ' || text[begin - 1] == '\t'))
		begin--;
	*ret = text + begin;
	return begin > 0 && text[begin - 1] == '\n' ? at - begin : 0;
}

static void find_style(const char *text, struct style *ret)
{
	size_t begin = skip_blanks(text, 0), length;
	const char *blanks;
	struct object top;

	*ret = (struct style){ .eol = strstr(text, "\r\n") ? "\r\n" : "\n",
		.unit = DEFAULT_INDENT };
	look_into(text, begin, "", &top);
	if (top.is_empty)
		return;
	ret->one_line = !memchr(text + top.begin, '\n', top.first.key_begin - top.begin);
	length = indent_of(text, top.first.key_begin, &blanks);
	if (length > 0 && length < sizeof(ret->unit)) {
		memcpy(ret->unit, blanks, length);
		ret->unit[length] = '\0';
	}
}

static int add_literal(struct json_object *value, struct strbuf *out, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r = json_format(value, JSON_PLAIN, &text, NULL, err);

	if (r >= 0)
		strbuf_str_add(out, text);
	return r;
}

static int add_key(const char *key, struct strbuf *out, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *string = json_object_new_string(key);
	int r = string ? add_literal(string, out, err) : NVB_OOM(err);

	strbuf_str_add(out, ": ");
	return r;
}

static void add_break(
	const struct style *style, const char *indent, unsigned depth, struct strbuf *out)
{
	if (style->one_line)
		return;
	strbuf_str_add(out, style->eol);
	strbuf_str_add(out, indent);
	while (depth--)
		strbuf_str_add(out, style->unit);
}

static int add_value(const struct style *style, const char *indent, unsigned depth,
	struct json_object *value, struct strbuf *out, struct nvb_error **err)
{
	const char *separator = "";
	int r = 0;

	if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) == 0)
		return add_literal(value, out, err);
	strbuf_char_add(out, '{');
	json_object_object_foreach(value, key, item)
	{
		strbuf_str_add(out, separator);
		add_break(style, indent, depth + 1, out);
		if (r >= 0)
			r = add_key(key, out, err);
		if (r >= 0)
			r = add_value(style, indent, depth + 1, item, out, err);
		separator = style->one_line ? ", " : ",";
	}
	add_break(style, indent, depth, out);
	strbuf_char_add(out, '}');
	return r;
}

/* "key": value, and objects for the keys of the path that are missing in between. */
static int add_member(const struct style *style, const char *indent, unsigned depth,
	const struct document_path *path, size_t first, struct json_object *value,
	struct strbuf *out, struct nvb_error **err)
{
	int r = add_key(path->keys[first], out, err);

	if (r >= 0 && first + 1 == path->n)
		return add_value(style, indent, depth, value, out, err);
	strbuf_char_add(out, '{');
	add_break(style, indent, depth + 1, out);
	if (r >= 0)
		r = add_member(style, indent, depth + 1, path, first + 1, value, out, err);
	add_break(style, indent, depth, out);
	strbuf_char_add(out, '}');
	return r;
}

/* The innermost object on the way that exists; *ret_depth keys lead to it. */
static bool descend(
	const char *text, const struct document_path *path, struct object *ret, size_t *ret_depth)
{
	size_t begin = skip_blanks(text, 0);

	for (size_t i = 0; i < path->n; i++) {
		if (text[begin] != '{')
			return false;
		look_into(text, begin, path->keys[i], ret);
		*ret_depth = i;
		if (!ret->has_found)
			return true;
		begin = ret->found.value_begin;
	}
	return true;
}

static void splice(
	const char *text, size_t begin, size_t end, const char *middle, struct strbuf *out)
{
	strbuf_add(out, text, begin);
	strbuf_str_add(out, middle);
	strbuf_str_add(out, text + end);
}

static int insert_member(const char *text, const struct object *o, const struct document_path *path,
	size_t depth, struct json_object *value, struct strbuf *middle, struct nvb_error **err)
{
	_cleanup_free_ char *indent = NULL;
	struct style style;
	const char *blanks;
	size_t length;

	find_style(text, &style);
	if (!o->is_empty)
		style.one_line = !memchr(text + o->begin, '\n', o->first.key_begin - o->begin);
	if (o->is_empty) {
		/* The line that the object stands in, one level deeper. */
		size_t line = o->begin;

		while (line > 0 && text[line - 1] != '\n')
			line--;
		blanks = text + line;
		length = strspn(blanks, " \t");
		if (asprintf(&indent, "%.*s%s", (int)length, blanks, style.unit) < 0)
			indent = NULL;
	} else {
		length = indent_of(text, o->last.key_begin, &blanks);
		indent = strndup(blanks, length);
	}
	if (!indent)
		return NVB_OOM(err);
	if (!o->is_empty)
		strbuf_str_add(middle, style.one_line ? ", " : ",");
	add_break(&style, indent, 0, middle);
	return add_member(&style, indent, 0, path, depth, value, middle, err);
}

int json_edit_set(const char *text, const struct document_path *path, struct json_object *value,
	struct strbuf *out, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf middle = STRBUF_INIT(out->limit_bytes);
	struct object o;
	struct style style;
	size_t depth = 0;
	int r;

	if (path->n == 0 || !descend(text, path, &o, &depth))
		return 1;
	if (o.has_found) {
		r = add_literal(value, &middle, err);
		splice(text, o.found.value_begin, o.found.value_end, strbuf_str(&middle), out);
		return r;
	}
	r = insert_member(text, &o, path, depth, value, &middle, err);
	if (r < 0)
		return r;
	if (!o.is_empty) {
		splice(text, o.last.value_end, o.last.value_end, strbuf_str(&middle), out);
		return 0;
	}
	find_style(text, &style);
	if (!style.one_line) {
		size_t line = o.begin;

		while (line > 0 && text[line - 1] != '\n')
			line--;
		strbuf_str_add(&middle, style.eol);
		strbuf_add(&middle, text + line, strspn(text + line, " \t"));
	}
	splice(text, o.begin + 1, o.end - 1, strbuf_str(&middle), out);
	return 0;
}

int json_edit_remove(const char *text, const struct document_path *path, struct strbuf *out,
	struct nvb_error **err)
{
	struct object o;
	size_t depth = 0;

	(void)err;
	if (path->n == 0 || !descend(text, path, &o, &depth) || !o.has_found)
		return 1;
	if (o.has_before)
		splice(text, o.before_found.value_end, o.found.value_end, "", out);
	else if (o.has_behind)
		splice(text, o.found.key_begin, o.behind_found.key_begin, "", out);
	else
		splice(text, o.begin + 1, o.end - 1, "", out);
	return 0;
}
