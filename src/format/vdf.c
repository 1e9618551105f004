/* SPDX-License-Identifier: Apache-2.0 */
#include "format/vdf.h"

#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "format/json.h"

enum token {
	TOKEN_END,
	TOKEN_STRING,
	TOKEN_OPEN,
	TOKEN_CLOSE,
};

struct reader {
	const char *name;
	const char *at, *end;
	unsigned line;
	size_t nodes;
	struct strbuf text; /* of the last TOKEN_STRING */
};

static int raise(const struct reader *r, const char *what, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s:%u: %s", r->name, r->line, what);
}

/* "[$WIN32]" behind a key or a value is a condition: for Steam's own files it says nothing. */
static bool skip_condition(struct reader *r)
{
	if (*r->at != '[')
		return false;
	while (r->at < r->end && *r->at != ']' && *r->at != '\n')
		r->at++;
	if (r->at < r->end && *r->at == ']')
		r->at++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end) {
		if (*r->at == '/' && r->end - r->at > 1 && r->at[1] == '/') {
			const char *next = memchr(r->at, '\n', (size_t)(r->end - r->at));

			r->at = next ? next : r->end;
		} else if (*r->at == '\n') {
			r->line++;
			r->at++;
		} else if (strchr(" \t\r", *r->at) && *r->at) {
			r->at++;
		} else if (!skip_condition(r)) {
			return;
		}
	}
}

static char unescaped(char c)
{
	return c == 'n' ? '\n' : c == 't' ? '\t' : c;
}

static int read_quoted(struct reader *r, struct nvb_error **err)
{
	for (r->at++; r->at < r->end && *r->at != '"'; r->at++) {
		char c = *r->at;

		if (!c)
			return raise(r, "a NUL byte", err);
		if (c == '\n')
			r->line++;
		if (c == '\\' && r->end - r->at > 1 && r->at[1])
			c = unescaped(*++r->at);
		strbuf_char_add(&r->text, c);
	}
	if (r->at == r->end)
		return raise(r, "a string has no end", err);
	r->at++;
	return TOKEN_STRING;
}

static int read_bare(struct reader *r, struct nvb_error **err)
{
	for (; r->at < r->end && !(*r->at && strchr(" \t\r\n{}\"", *r->at)); r->at++) {
		if (!*r->at)
			return raise(r, "a NUL byte", err);
		strbuf_char_add(&r->text, *r->at);
	}
	return TOKEN_STRING;
}

static int next(struct reader *r, struct nvb_error **err)
{
	skip_blanks(r);
	if (r->at == r->end)
		return TOKEN_END;
	if (*r->at == '{' || *r->at == '}')
		return *r->at++ == '{' ? TOKEN_OPEN : TOKEN_CLOSE;
	strbuf_truncate(&r->text, 0);
	return *r->at == '"' ? read_quoted(r, err) : read_bare(r, err);
}

/* The first of a name counts; a later one is read, and forgotten. */
static int put(struct json_object *parent, const char *key, struct json_object *take_value,
	struct json_object **ret, struct nvb_error **err)
{
	if (!take_value)
		return NVB_OOM(err);
	if (json_object_object_get_ex(parent, key, NULL)) {
		(void)json_object_put(take_value);
		*ret = NULL;
		return 0;
	}
	if (json_object_object_add(parent, key, take_value) != 0) {
		(void)json_object_put(take_value);
		return NVB_OOM(err);
	}
	*ret = take_value;
	return 0;
}

struct stack {
	struct json_object *objects[VDF_DEPTH_LIMIT];
	struct json_object *forgotten; /* owned: an array of tables that are read all the same */
	size_t n;
};

static void stack_done(struct stack *s)
{
	if (s->forgotten)
		(void)json_object_put(s->forgotten);
}

static struct json_object *forget(struct stack *s)
{
	struct json_object *table = json_object_new_object();

	if (!s->forgotten)
		s->forgotten = json_object_new_array();
	if (table && s->forgotten && json_object_array_add(s->forgotten, table) == 0)
		return table;
	(void)json_object_put(table);
	return NULL;
}

static int open_object(struct reader *r, struct stack *s, const char *key, struct nvb_error **err)
{
	struct json_object *added = NULL;
	int e;

	if (s->n == VDF_DEPTH_LIMIT)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "%s:%u: deeper than %d tables", r->name,
			r->line, VDF_DEPTH_LIMIT);
	e = put(s->objects[s->n - 1], key, json_object_new_object(), &added, err);
	if (e < 0)
		return e;
	if (!added)
		added = forget(s);
	if (!added)
		return NVB_OOM(err);
	s->objects[s->n++] = added;
	return 0;
}

/* A value, or the table of a key. */
static int read_value(struct reader *r, struct stack *s, struct nvb_error **err)
{
	_cleanup_free_ char *key = strdup(strbuf_str(&r->text));
	struct json_object *added;
	int token;

	if (!key || r->text.failed)
		return NVB_OOM(err);
	if (++r->nodes > VDF_NODE_LIMIT)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': more than %zu values", r->name,
			VDF_NODE_LIMIT);
	token = next(r, err);
	if (token < 0)
		return token;
	if (token == TOKEN_OPEN)
		return open_object(r, s, key, err);
	if (token != TOKEN_STRING)
		return raise(r, "a key has no value", err);
	if (r->text.failed)
		return NVB_OOM(err);
	return put(s->objects[s->n - 1], key, json_object_new_string(strbuf_str(&r->text)), &added,
		err);
}

static int read_all(struct reader *r, struct stack *s, struct nvb_error **err)
{
	for (;;) {
		int token = next(r, err);

		if (token < 0)
			return token;
		if (token == TOKEN_END)
			return s->n == 1 ? 0 : raise(r, "a table has no end", err);
		if (token == TOKEN_OPEN)
			return raise(r, "a table has no key", err);
		if (token == TOKEN_CLOSE && --s->n == 0)
			return raise(r, "a table ends that has not begun", err);
		if (token == TOKEN_STRING)
			token = read_value(r, s, err);
		if (token < 0)
			return token;
	}
}

int vdf_parse(const char *name, const char *text, size_t length, struct json_object **ret_root,
	struct nvb_error **err)
{
	struct reader r = {
		.name = name,
		.at = text,
		.end = text + length,
		.line = 1,
		.text = STRBUF_INIT(VDF_TEXT_LIMIT_BYTES),
	};
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(stack_done) struct stack stack = { .n = 1 };
	int e;

	if (length > VDF_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': it is larger than %zu bytes",
			name, VDF_TEXT_LIMIT_BYTES);
	root = stack.objects[0] = json_object_new_object();
	e = root ? read_all(&r, &stack, err) : NVB_OOM(err);
	strbuf_done(&r.text);
	if (e < 0)
		return e;
	*ret_root = TAKE_PTR(root);
	return 0;
}

struct json_object *vdf_find(struct json_object *object, const char *key)
{
	struct json_object *exact;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	if (json_object_object_get_ex(object, key, &exact))
		return exact;
	json_object_object_foreach(
		object, name, value) if (strcasecmp(name, key) == 0) return value;
	return NULL;
}

const char *vdf_find_string(struct json_object *object, const char *key)
{
	struct json_object *value = vdf_find(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}
