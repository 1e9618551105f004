/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of format/yaml.h. */
#include "format/yaml.h"

#include <inttypes.h>
#include <string.h>

#include "base/strbuf.h"
#include "format/yaml_scalar.h"

struct writer {
	struct strbuf out;
	bool not_finite;
	bool too_deep;
};

/*
 * Plain is only what no reader can take for anything else: no blank, nothing with a meaning in
 * flow or block style, nothing that looks like a number or a truth value.
 */
static bool is_plain(const char *s, size_t length)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789/_.-+=:@";

	if (!length || length > 4096 || strspn(s, allowed) != length)
		return false;
	if (strchr("0123456789.-+=:@", s[0]) || s[length - 1] == ':')
		return false;
	return yaml_scalar_of(s, length).kind == YAML_TEXT;
}

/* The code point at `s`, which is UTF-8; its length in bytes goes to *ret_length. */
static uint32_t code_point(const unsigned char *s, size_t *ret_length)
{
	const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? s[0] : s[0] & (0xffU >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	*ret_length = n;
	return c;
}

/* What YAML does not print, and what YAML 1.1 takes for a line break. */
static bool needs_escape(uint32_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void write_quoted(struct strbuf *out, const char *s, size_t length)
{
	strbuf_char_add(out, '"');
	for (size_t i = 0, n; i < length; i += n) {
		const uint32_t c = code_point((const unsigned char *)s + i, &n);

		if (!needs_escape(c))
			strbuf_add(out, s + i, n);
		else if (c == '"' || c == '\\')
			strbuf_printf(out, "\\%c", (char)c);
		else if (c == '\n')
			strbuf_str_add(out, "\\n");
		else if (c == '\t')
			strbuf_str_add(out, "\\t");
		else
			strbuf_printf(out, "\\u%04" PRIx32, c);
	}
	strbuf_char_add(out, '"');
}

static void write_text(struct strbuf *out, const char *s, size_t length)
{
	if (is_plain(s, length))
		strbuf_add(out, s, length);
	else
		write_quoted(out, s, length);
}

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

static void write_leaf(struct writer *w, struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		strbuf_str_add(&w->out, json_object_get_boolean(value) ? "true" : "false");
		break;
	case json_type_double:
		write_double(w, value);
		break;
	case json_type_int:
		if (json_object_get_int64(value) < 0)
			strbuf_printf(&w->out, "%" PRId64, json_object_get_int64(value));
		else
			strbuf_printf(&w->out, "%" PRIu64, json_object_get_uint64(value));
		break;
	case json_type_string:
		write_text(&w->out, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
		break;
	case json_type_array:
		strbuf_str_add(&w->out, "[]");
		break;
	case json_type_object:
		strbuf_str_add(&w->out, "{}");
		break;
	case json_type_null:
	default:
		strbuf_str_add(&w->out, "null");
		break;
	}
}

static bool is_container(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		return json_object_object_length(value) > 0;
	return json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0;
}

static void begin_line(struct writer *w, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		strbuf_add(&w->out, "  ", 2);
}

static void write_block(struct writer *w, struct json_object *value, unsigned depth, bool inlined);

/* `inlined`: the first line of a block stands behind "- " already. */
static void write_item(struct writer *w, struct json_object *value, unsigned depth)
{
	if (!is_container(value)) {
		write_leaf(w, value);
		strbuf_char_add(&w->out, '\n');
		return;
	}
	write_block(w, value, depth, true);
}

static void write_member(
	struct writer *w, const char *key, struct json_object *value, unsigned depth)
{
	write_text(&w->out, key, strlen(key));
	strbuf_char_add(&w->out, ':');
	if (!is_container(value)) {
		strbuf_char_add(&w->out, ' ');
		write_leaf(w, value);
		strbuf_char_add(&w->out, '\n');
		return;
	}
	strbuf_char_add(&w->out, '\n');
	write_block(w, value, depth + 1, false);
}

static void write_block(struct writer *w, struct json_object *value, unsigned depth, bool inlined)
{
	if (depth > YAML_DEPTH_LIMIT) {
		w->too_deep = true;
		return;
	}
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			if (!inlined)
				begin_line(w, depth);
			inlined = false;
			write_member(w, key, member, depth);
		}
		return;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		if (!inlined)
			begin_line(w, depth);
		inlined = false;
		strbuf_add(&w->out, "- ", 2);
		write_item(w, json_object_array_get_idx(value, i), depth + 1);
	}
}

static void writer_done(struct writer *w)
{
	strbuf_done(&w->out);
}

int yaml_format(
	struct json_object *root, char **ret_text, size_t *ret_length, struct nvb_error **err)
{
	_cleanup_(writer_done) struct writer w = { .out = STRBUF_INIT(YAML_TEXT_LIMIT_BYTES) };
	size_t length;
	char *text;

	strbuf_str_add(&w.out, "---\n");
	if (is_container(root))
		write_block(&w, root, 0, false);
	else
		write_item(&w, root, 0);
	if (w.not_finite)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "write YAML: a number is not finite");
	if (w.too_deep)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write YAML: nested deeper than %d levels",
			YAML_DEPTH_LIMIT);
	if (strbuf_failed(&w.out))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
			"write YAML: more than %zu bytes, or no memory for them",
			YAML_TEXT_LIMIT_BYTES);
	length = w.out.length;
	text = strbuf_take(&w.out);
	if (!text)
		return NVB_OOM(err);
	*ret_text = text;
	if (ret_length)
		*ret_length = length;
	return 0;
}
