/* SPDX-License-Identifier: Apache-2.0 */
#include "format/json.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/strbuf.h"
#include "format/json_syntax.h"
#include "format/json_tree.h"

#define PATH_TEXT_LIMIT_BYTES 4096

/* Parsing. */

int json_parse(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err)
{
	struct json_object *root;
	int r;

	if (length > JSON_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "parse JSON: more than %zu bytes",
			JSON_TEXT_LIMIT_BYTES);
	r = json_check_syntax(text, length, err);
	if (r >= 0)
		r = json_tree_build(text, length, &root, err);
	if (r < 0)
		return r;
	if (!root)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "parse JSON: the document is null");
	*ret_root = root;
	return 0;
}

/* Places and typed access. */

static const char *expectation(enum json_type type)
{
	switch (type) {
	case json_type_boolean:
		return "true or false";
	case json_type_double:
		return "a number";
	case json_type_int:
		return "an integer";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "an array";
	case json_type_string:
		return "a string";
	case json_type_null:
	default:
		return "null";
	}
}

static void add_path(struct strbuf *b, const struct json_at *at)
{
	if (!at || !at->parent)
		return;
	add_path(b, at->parent);
	if (!at->key) {
		strbuf_printf(b, "[%zu]", at->index);
		return;
	}
	if (b->length)
		strbuf_char_add(b, '.');
	strbuf_escaped_add(b, at->key, 64);
}

static int raise_at(const struct json_at *at, const char *must, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf path = STRBUF_INIT(PATH_TEXT_LIMIT_BYTES);

	add_path(&path, at);
	if (!path.length && !strbuf_failed(&path))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "the document %s", must);
	return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "'%s' %s", strbuf_str(&path), must);
}

int json_invalid(
	const struct json_at *at, const char *key, const char *expected, struct nvb_error **err)
{
	const struct json_at member = { .parent = at, .key = key };
	_cleanup_(strbuf_done) struct strbuf must = STRBUF_INIT(PATH_TEXT_LIMIT_BYTES);

	strbuf_printf(&must, "must be %s", expected);
	return raise_at(key ? &member : at, strbuf_str(&must), err);
}

int json_missing(const struct json_at *parent, const char *key, struct nvb_error **err)
{
	const struct json_at member = { .parent = parent, .key = key };

	return raise_at(&member, "is missing", err);
}

int json_root(
	struct json_object *root, enum json_type type, struct json_at *ret, struct nvb_error **err)
{
	struct json_at at = { .value = root };

	if (json_object_get_type(root) != type)
		return json_invalid(&at, NULL, expectation(type), err);
	*ret = at;
	return 0;
}

int json_member(const struct json_at *parent, const char *key, enum json_type type,
	struct json_at *ret, struct nvb_error **err)
{
	struct json_at at = { .parent = parent, .key = key };

	assert(json_object_is_type(parent->value, json_type_object));
	if (!json_object_object_get_ex(parent->value, key, &at.value) || !at.value)
		return 0;
	if (json_object_get_type(at.value) != type)
		return json_invalid(&at, NULL, expectation(type), err);
	*ret = at;
	return 1;
}

int json_ensure(const struct json_at *parent, const char *key, enum json_type type,
	struct json_at *ret, struct nvb_error **err)
{
	struct json_at at = { .parent = parent, .key = key };
	int r;

	assert(type == json_type_object || type == json_type_array);
	r = json_member(parent, key, type, ret, err);
	if (r != 0)
		return r < 0 ? r : 0;
	at.value = type == json_type_object ? json_object_new_object() : json_object_new_array();
	if (!at.value)
		return NVB_OOM(err);
	if (json_object_object_add(parent->value, key, at.value) < 0) {
		json_putp(&at.value);
		return NVB_OOM(err);
	}
	*ret = at;
	return 0;
}

size_t json_length(const struct json_at *array)
{
	assert(json_object_is_type(array->value, json_type_array));
	return json_object_array_length(array->value);
}

int json_item(const struct json_at *array, size_t index, enum json_type type, struct json_at *ret,
	struct nvb_error **err)
{
	struct json_at at = { .parent = array, .index = index };

	assert(index < json_length(array));
	at.value = json_object_array_get_idx(array->value, index);
	if (json_object_get_type(at.value) != type)
		return json_invalid(&at, NULL, expectation(type), err);
	*ret = at;
	return 0;
}

/* A text that C would cut short could pass a check that its whole does not. */
static int string_of(const struct json_at *at, const char **ret, struct nvb_error **err)
{
	const char *s = json_object_get_string(at->value);

	if (!s)
		return NVB_OOM(err);
	if (strlen(s) != (size_t)json_object_get_string_len(at->value))
		return json_invalid(at, NULL, "a string without NUL bytes", err);
	*ret = s;
	return 1;
}

int json_item_string(
	const struct json_at *array, size_t index, const char **ret, struct nvb_error **err)
{
	struct json_at at;
	int r = json_item(array, index, json_type_string, &at, err);

	if (r < 0)
		return r;
	r = string_of(&at, ret, err);
	return r < 0 ? r : 0;
}

int json_get_string(
	const struct json_at *parent, const char *key, const char **ret, struct nvb_error **err)
{
	struct json_at at;
	int r = json_member(parent, key, json_type_string, &at, err);

	return r <= 0 ? r : string_of(&at, ret, err);
}

int json_get_bool(const struct json_at *parent, const char *key, bool *ret, struct nvb_error **err)
{
	struct json_at at = { 0 };
	int r = json_member(parent, key, json_type_boolean, &at, err);

	if (r > 0)
		*ret = json_object_get_boolean(at.value);
	return r;
}

int json_get_uint(const struct json_at *parent, const char *key, uint64_t max, uint64_t *ret,
	struct nvb_error **err)
{
	char expected[64];
	struct json_at at;
	uint64_t value;
	int r = json_member(parent, key, json_type_int, &at, err);

	if (r <= 0)
		return r;
	value = json_object_get_uint64(at.value);
	if (json_object_get_int64(at.value) < 0 || value > max) {
		(void)snprintf(expected, sizeof(expected), "an integer from 0 to %llu",
			(unsigned long long)max);
		return json_invalid(&at, NULL, expected, err);
	}
	*ret = value;
	return 1;
}

int json_get_int(
	const struct json_at *parent, const char *key, int64_t *ret, struct nvb_error **err)
{
	struct json_at at;
	int r = json_member(parent, key, json_type_int, &at, err);

	if (r <= 0)
		return r;
	/* json-c clamps what does not fit. */
	if (json_object_get_uint64(at.value) > INT64_MAX)
		return json_invalid(&at, NULL, "a signed 64-bit integer", err);
	*ret = json_object_get_int64(at.value);
	return 1;
}

/* Building. */

static bool builder_failed(const struct json_builder *b)
{
	return b->out_of_memory || b->not_utf8;
}

static bool check_utf8(struct json_builder *b, const char *s, const char *name)
{
	_cleanup_(strbuf_done) struct strbuf escaped = STRBUF_INIT(sizeof(b->key));

	if (json_is_utf8(s, strlen(s)))
		return true;
	if (!builder_failed(b)) {
		strbuf_escaped_add(&escaped, name, 15);
		(void)snprintf(b->key, sizeof(b->key), "%s", strbuf_str(&escaped));
		b->not_utf8 = true;
	}
	return false;
}

int json_builder_check(const struct json_builder *b, struct nvb_error **err)
{
	if (b->out_of_memory)
		return NVB_OOM(err);
	if (b->not_utf8)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "write '%s' as JSON: not UTF-8 text", b->key);
	return 0;
}

/* json-c frees nothing of ours on failure; every new value passes here. */
static struct json_object *made(struct json_builder *b, struct json_object *value)
{
	if (!value)
		b->out_of_memory = true;
	return value;
}

struct json_object *json_new_object(struct json_builder *b)
{
	return builder_failed(b) ? NULL : made(b, json_object_new_object());
}

struct json_object *json_new_array(struct json_builder *b)
{
	return builder_failed(b) ? NULL : made(b, json_object_new_array());
}

static struct json_object *new_text(struct json_builder *b, const char *s, const char *name)
{
	if (!s || builder_failed(b))
		return NULL;
	if (strlen(s) > INT_MAX - 1 || !check_utf8(b, s, name))
		return NULL;
	return made(b, json_object_new_string(s));
}

struct json_object *json_new_string(struct json_builder *b, const char *s)
{
	return new_text(b, s, s);
}

static struct json_object *new_uint(struct json_builder *b, uint64_t value)
{
	/* json-c keeps two kinds of integers; the signed one is what its parser makes. */
	if (builder_failed(b))
		return NULL;
	return made(b, value > INT64_MAX ? json_object_new_uint64(value)
					 : json_object_new_int64((int64_t)value));
}

void json_add(struct json_builder *b, struct json_object *object, const char *key,
	struct json_object *take_value)
{
	if (builder_failed(b) || !check_utf8(b, key, key)) {
		json_putp(&take_value);
		return;
	}
	assert(json_object_is_type(object, json_type_object));
	if (json_object_object_add(object, key, take_value) < 0) {
		b->out_of_memory = true;
		json_putp(&take_value);
	}
}

void json_add_null(struct json_builder *b, struct json_object *object, const char *key)
{
	json_add(b, object, key, NULL);
}

void json_add_string(
	struct json_builder *b, struct json_object *object, const char *key, const char *s)
{
	json_add(b, object, key, new_text(b, s, key));
}

void json_add_bool(struct json_builder *b, struct json_object *object, const char *key, bool value)
{
	json_add(
		b, object, key, builder_failed(b) ? NULL : made(b, json_object_new_boolean(value)));
}

void json_add_uint(
	struct json_builder *b, struct json_object *object, const char *key, uint64_t value)
{
	json_add(b, object, key, new_uint(b, value));
}

void json_add_int(
	struct json_builder *b, struct json_object *object, const char *key, int64_t value)
{
	json_add(b, object, key, builder_failed(b) ? NULL : made(b, json_object_new_int64(value)));
}

struct json_object *json_add_object(
	struct json_builder *b, struct json_object *object, const char *key)
{
	struct json_object *child = json_new_object(b);

	json_add(b, object, key, child);
	return builder_failed(b) ? NULL : child;
}

struct json_object *json_add_array(
	struct json_builder *b, struct json_object *object, const char *key)
{
	struct json_object *child = json_new_array(b);

	json_add(b, object, key, child);
	return builder_failed(b) ? NULL : child;
}

void json_append(struct json_builder *b, struct json_object *array, struct json_object *take_value)
{
	if (builder_failed(b)) {
		json_putp(&take_value);
		return;
	}
	assert(json_object_is_type(array, json_type_array));
	if (json_object_array_add(array, take_value) < 0) {
		b->out_of_memory = true;
		json_putp(&take_value);
	}
}

void json_append_string(struct json_builder *b, struct json_object *array, const char *s)
{
	json_append(b, array, json_new_string(b, s));
}

void json_append_uint(struct json_builder *b, struct json_object *array, uint64_t value)
{
	json_append(b, array, new_uint(b, value));
}

struct json_object *json_append_object(struct json_builder *b, struct json_object *array)
{
	struct json_object *child = json_new_object(b);

	json_append(b, array, child);
	return builder_failed(b) ? NULL : child;
}

struct json_object *json_append_array(struct json_builder *b, struct json_object *array)
{
	struct json_object *child = json_new_array(b);

	json_append(b, array, child);
	return builder_failed(b) ? NULL : child;
}
