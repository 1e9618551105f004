/* SPDX-License-Identifier: Apache-2.0 */
#include "format/json_lines.h"

#include <string.h>

#include "base/strbuf.h"
#include "format/json.h"

#define SHOWN_BYTES 64

/* The text is json_parse()'s: its grammar and depth are checked already. */
struct walk {
	const char *at, *end;
	unsigned line;
	struct nvb_error **err;
};

unsigned json_line_of(struct json_object *value)
{
	/* json-c keeps the text of a double where we keep the line. */
	if (!value || json_object_get_type(value) == json_type_double)
		return 0;
	return (unsigned)(uintptr_t)json_object_get_userdata(value);
}

void json_set_line(struct json_object *value, unsigned line)
{
	if (value && json_object_get_type(value) != json_type_double)
		json_object_set_userdata(value, (void *)(uintptr_t)line, NULL);
}

static void skip_space(struct walk *w)
{
	for (; w->at < w->end && memchr(" \t\n\r", *w->at, 4); w->at++)
		w->line += *w->at == '\n';
}

static void skip_string(struct walk *w)
{
	for (w->at++; w->at < w->end && *w->at != '"'; w->at++)
		w->at += *w->at == '\\';
	w->at++;
}

/* The separator behind a value; true if another value follows. */
static bool next_item(struct walk *w)
{
	skip_space(w);
	return w->at < w->end && *w->at++ == ',';
}

/* True where the container that begins here is empty; it is then behind us. */
static bool skip_empty(struct walk *w, char close)
{
	w->at++;
	skip_space(w);
	if (w->at >= w->end || *w->at != close)
		return false;
	w->at++;
	return true;
}

static int walk_value(struct walk *w, struct json_object *value);

static int raise_repeated(struct walk *w, const char *name, size_t length)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);

	for (size_t i = 0; i < length && i < SHOWN_BYTES; i++)
		strbuf_char_add(&shown, name[i]);
	return NVB_RAISE(w->err, NVB_ERR_FORMAT, 0, "parse JSON: line %u: a second '%s'", w->line,
		strbuf_str(&shown));
}

/*
 * json-c keeps members in the order of their first appearance, so the n-th name of the text is
 * the n-th member, until a name comes a second time.
 */
static int walk_object(struct walk *w, struct json_object *object)
{
	struct lh_entry *entry = json_object_get_object(object)->head;

	if (skip_empty(w, '}'))
		return 0;
	do {
		const char *name;
		size_t length;
		int r;

		skip_space(w);
		name = w->at + 1;
		skip_string(w);
		length = (size_t)(w->at - name) - 1;
		if (!entry || (!memchr(name, '\\', length) &&
				      (strlen(lh_entry_k(entry)) != length ||
					      memcmp(lh_entry_k(entry), name, length) != 0)))
			return raise_repeated(w, name, length);
		skip_space(w);
		w->at++;
		r = walk_value(w, (struct json_object *)lh_entry_v(entry));
		if (r < 0)
			return r;
		entry = entry->next;
	} while (next_item(w));
	return 0;
}

static int walk_array(struct walk *w, struct json_object *array)
{
	if (skip_empty(w, ']'))
		return 0;
	for (size_t i = 0;; i++) {
		int r = walk_value(w, json_object_array_get_idx(array, i));

		if (r < 0)
			return r;
		if (!next_item(w))
			return 0;
	}
}

/* A name written with an escape may be a second one that was not seen: then the kinds differ. */
static int walk_value(struct walk *w, struct json_object *value)
{
	skip_space(w);
	json_set_line(value, w->line);
	if (w->at >= w->end)
		return 0;
	if (*w->at == '{' && json_object_is_type(value, json_type_object))
		return walk_object(w, value);
	if (*w->at == '[' && json_object_is_type(value, json_type_array))
		return walk_array(w, value);
	if (*w->at == '{' || *w->at == '[')
		return NVB_RAISE(w->err, NVB_ERR_FORMAT, 0,
			"parse JSON: line %u: a member of this name is given twice", w->line);
	if (*w->at == '"') {
		skip_string(w);
		return 0;
	}
	while (w->at < w->end && !memchr(" \t\n\r,]}", *w->at, 7))
		w->at++;
	return 0;
}

int json_mark_lines(
	const char *text, size_t length, struct json_object *root, struct nvb_error **err)
{
	struct walk w = { .at = text, .end = text + length, .line = 1, .err = err };

	return walk_value(&w, root);
}
