/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of format/json.h. */
#include "format/json.h"

#include <string.h>

#include "base/strbuf.h"
#include "format/json_syntax.h"

struct writer {
	struct strbuf out;
	enum json_style style;
	unsigned depth;
	bool not_finite;
	bool too_deep;
};

static void write_value(struct writer *w, struct json_object *value);

static void write_escape(struct strbuf *out, unsigned char c)
{
	static const char short_escape[] = "btn\0fr";

	if (c == '"' || c == '\\')
		strbuf_printf(out, "\\%c", c);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		strbuf_printf(out, "\\%c", short_escape[c - '\b']);
	else if (c < 0x20 || c == 0x7f)
		strbuf_printf(out, "\\u%04x", c);
	else /* a part of UTF-8: the parser and the builder see to it */
		strbuf_char_add(out, (char)c);
}

static void write_escaped(struct strbuf *out, const char *s, size_t length)
{
	strbuf_char_add(out, '"');
	for (;;) {
		const size_t plain = json_plain_length(s, length);

		strbuf_add(out, s, plain);
		if (plain == length)
			break;
		write_escape(out, (unsigned char)s[plain]);
		s += plain + 1;
		length -= plain + 1;
	}
	strbuf_char_add(out, '"');
}

static void write_string(struct strbuf *out, const char *s, size_t length)
{
	char *space;

	if (json_plain_length(s, length) < length) {
		write_escaped(out, s, length);
		return;
	}
	space = strbuf_extend(out, length + 2);
	if (!space)
		return;
	space[0] = '"';
	memcpy(space + 1, s, length);
	space[length + 1] = '"';
}

static void write_break(struct writer *w)
{
	if (w->style == JSON_PLAIN)
		return;
	strbuf_char_add(&w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		strbuf_add(&w->out, "  ", 2);
}

static void write_object(struct writer *w, struct json_object *object)
{
	bool first = true;

	strbuf_char_add(&w->out, '{');
	w->depth++;
	json_object_object_foreach(object, key, value)
	{
		if (!first)
			strbuf_char_add(&w->out, ',');
		first = false;
		write_break(w);
		write_string(&w->out, key, strlen(key));
		strbuf_char_add(&w->out, ':');
		if (w->style == JSON_PRETTY)
			strbuf_char_add(&w->out, ' ');
		write_value(w, value);
	}
	w->depth--;
	if (!first)
		write_break(w);
	strbuf_char_add(&w->out, '}');
}

static void write_array(struct writer *w, struct json_object *array)
{
	size_t n = json_object_array_length(array);

	strbuf_char_add(&w->out, '[');
	w->depth++;
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_char_add(&w->out, ',');
		write_break(w);
		write_value(w, json_object_array_get_idx(array, i));
	}
	w->depth--;
	if (n)
		write_break(w);
	strbuf_char_add(&w->out, ']');
}

/* json-c keeps a parsed number's own text, so "1.10" stays "1.10" and 1e999 is not lost. */
static void write_double(struct writer *w, struct json_object *value)
{
	const char *text = json_object_get_string(value);

	if (!text)
		w->out.failed = true;
	else if (text[text[0] == '-'] < '0' || text[text[0] == '-'] > '9')
		w->not_finite = true;
	else
		strbuf_str_add(&w->out, text);
}

static void write_int(struct writer *w, struct json_object *value)
{
	const int64_t i = json_object_get_int64(value);

	if (i < 0)
		strbuf_char_add(&w->out, '-');
	strbuf_uint_add(&w->out, i < 0 ? 0 - (uint64_t)i : json_object_get_uint64(value));
}

static void write_value(struct writer *w, struct json_object *value)
{
	/* A tree that our own code built deeper than we read is a bug, but not a stack overflow. */
	if (w->depth > JSON_DEPTH_LIMIT) {
		w->too_deep = true;
		return;
	}
	switch (json_object_get_type(value)) {
	case json_type_null:
		strbuf_str_add(&w->out, "null");
		break;
	case json_type_boolean:
		strbuf_str_add(&w->out, json_object_get_boolean(value) ? "true" : "false");
		break;
	case json_type_double:
		write_double(w, value);
		break;
	case json_type_int:
		write_int(w, value);
		break;
	case json_type_object:
		write_object(w, value);
		break;
	case json_type_array:
		write_array(w, value);
		break;
	case json_type_string:
		write_string(&w->out, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		break;
	}
}

static void writer_done(struct writer *w)
{
	strbuf_done(&w->out);
}

int json_format(struct json_object *root, enum json_style style, char **ret_text,
	size_t *ret_length, struct nvb_error **err)
{
	_cleanup_(writer_done) struct writer w = {
		.out = STRBUF_INIT(JSON_TEXT_LIMIT_BYTES),
		.style = style,
	};
	size_t length;
	char *text;

	write_value(&w, root);
	if (style == JSON_PRETTY)
		strbuf_char_add(&w.out, '\n');
	if (w.not_finite)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "write JSON: a number is not finite");
	if (w.too_deep)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write JSON: nested deeper than %d levels",
			JSON_DEPTH_LIMIT);
	if (strbuf_failed(&w.out))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"write JSON: more than %zu bytes, or no memory for them",
			JSON_TEXT_LIMIT_BYTES);
	length = w.out.length;
	text = strbuf_take(&w.out);
	if (!text)
		return NVB_OOM(err);
	*ret_text = text;
	if (ret_length)
		*ret_length = length;
	return 0;
}
