/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar, the encoding and the depth of the text are known to be right. json-c's own parser
 * would look at each byte again, and copy it twice: it is asked for nothing but the few values that
 * take more than a copy, which are escapes, fractions and long integers.
 */
#include "format/json_tree.h"

#include <string.h>

#include "base/cleanup.h"
#include "format/json.h"
#include "format/json_syntax.h"

/* So many digits fit a signed integer whatever they are. */
#define SHORT_DIGITS 18
/* A tree has many short arrays; json-c would begin with 32 places for each. */
#define FIRST_ITEMS 4
#define SHORT_NAME  64

struct reader {
	const char *at, *end;
	struct json_tokener *tokener; /* of json-c; made when it is needed */
	bool out_of_memory;
	const char *problem; /* of json-c */
};

static bool read_value(struct reader *r, struct json_object **ret);

static bool fail(struct reader *r)
{
	r->out_of_memory = true;
	return false;
}

static bool give(struct reader *r, struct json_object *value, struct json_object **ret)
{
	*ret = value;
	return value || fail(r);
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && (unsigned char)*r->at <= ' ')
		r->at++;
}

/* Past the comma or colon that may be there: the text is right, so which one is clear. */
static void skip_mark(struct reader *r)
{
	skip_space(r);
	if (*r->at == ',' || *r->at == ':')
		r->at++;
	skip_space(r);
}

/* A value without parts, from r->at on. */
static bool ask_json_c(struct reader *r, size_t length, struct json_object **ret)
{
	if (!r->tokener)
		r->tokener = json_tokener_new();
	if (!r->tokener)
		return fail(r);
	json_tokener_reset(r->tokener);
	json_tokener_set_flags(r->tokener, JSON_TOKENER_STRICT);
	*ret = json_tokener_parse_ex(r->tokener, r->at, (int)length);
	/* A number has no end of its own: to json-c, only what follows ends it. */
	if (!*ret && json_tokener_get_error(r->tokener) == json_tokener_continue)
		*ret = json_tokener_parse_ex(r->tokener, "", 1);
	r->at += length;
	if (!*ret)
		r->problem = json_tokener_error_desc(json_tokener_get_error(r->tokener));
	return *ret;
}

/* With its quotes. */
static size_t string_length(const struct reader *r, bool *ret_escaped)
{
	const char *at = r->at + 1;

	for (*ret_escaped = false;; at++) {
		at += json_plain_length(at, (size_t)(r->end - at));
		if (*at == '"')
			break;
		if (*at != '\\')
			continue;
		*ret_escaped = true;
		at++;
	}
	return (size_t)(at + 1 - r->at);
}

static bool read_string(struct reader *r, struct json_object **ret)
{
	const char *text = r->at + 1;
	bool escaped;
	size_t length = string_length(r, &escaped);

	if (escaped)
		return ask_json_c(r, length, ret);
	r->at += length;
	return give(r, json_object_new_string_len(text, (int)length - 2), ret);
}

static bool read_number(struct reader *r, struct json_object **ret)
{
	const char *digits = r->at + (*r->at == '-'), *at = digits;
	size_t length;
	int64_t value = 0;

	while (at < r->end && *at >= '0' && *at <= '9' && at - digits < SHORT_DIGITS)
		value = value * 10 + (*at++ - '0');
	if (at == r->end || !strchr("0123456789.eE", *at)) {
		value = digits > r->at ? -value : value;
		r->at = at;
		return give(r, json_object_new_int64(value), ret);
	}
	length = (size_t)(at - r->at);
	while (length < (size_t)(r->end - r->at) && strchr("0123456789.eE+-", r->at[length]))
		length++;
	return ask_json_c(r, length, ret);
}

/* A name goes into `buffer` where it fits; else, or where it has escapes, it is malloc'd. */
static const char *read_name(struct reader *r, char buffer[SHORT_NAME], char **ret_allocated)
{
	_cleanup_(json_putp) struct json_object *value = NULL;
	const char *text = r->at + 1;
	bool escaped;
	size_t length = string_length(r, &escaped);

	if (!escaped && length - 2 < SHORT_NAME) {
		memcpy(buffer, text, length - 2);
		buffer[length - 2] = '\0';
		r->at += length;
		return buffer;
	}
	if (!read_string(r, &value))
		return NULL;
	*ret_allocated = strdup(json_object_get_string(value));
	if (!*ret_allocated)
		(void)fail(r);
	return *ret_allocated;
}

static bool read_member(struct reader *r, struct json_object *object)
{
	_cleanup_free_ char *allocated = NULL;
	struct json_object *value = NULL;
	char buffer[SHORT_NAME];
	const char *name = read_name(r, buffer, &allocated);

	if (!name)
		return false;
	skip_mark(r);
	if (!read_value(r, &value))
		return false;
	if (json_object_object_add(object, name, value) == 0)
		return true;
	json_putp(&value);
	return fail(r);
}

static bool read_item(struct reader *r, struct json_object *array)
{
	struct json_object *value = NULL;

	if (!read_value(r, &value))
		return false;
	if (json_object_array_add(array, value) == 0)
		return true;
	json_putp(&value);
	return fail(r);
}

static bool read_items(struct reader *r, struct json_object *container, char close,
	bool (*read_one)(struct reader *r, struct json_object *container))
{
	r->at++;
	for (skip_space(r); *r->at != close; skip_mark(r))
		if (!read_one(r, container))
			return false;
	r->at++;
	return true;
}

static bool read_container(struct reader *r, struct json_object **ret)
{
	_cleanup_(json_putp) struct json_object *container = NULL;
	bool is_object = *r->at == '{';

	container = is_object ? json_object_new_object() : json_object_new_array_ext(FIRST_ITEMS);
	if (!container)
		return fail(r);
	if (!read_items(r, container, is_object ? '}' : ']', is_object ? read_member : read_item))
		return false;
	*ret = TAKE_PTR(container);
	return true;
}

static bool read_value(struct reader *r, struct json_object **ret)
{
	switch (*r->at) {
	case '{':
	case '[':
		return read_container(r, ret);
	case '"':
		return read_string(r, ret);
	case 't':
		r->at += strlen("true");
		return give(r, json_object_new_boolean(true), ret);
	case 'f':
		r->at += strlen("false");
		return give(r, json_object_new_boolean(false), ret);
	case 'n':
		r->at += strlen("null");
		*ret = NULL;
		return true;
	default:
		return read_number(r, ret);
	}
}

int json_tree_build(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err)
{
	struct reader r = { .at = text, .end = text + length };
	struct json_object *root = NULL;
	bool good;

	skip_space(&r);
	good = read_value(&r, &root);
	if (r.tokener)
		json_tokener_free(r.tokener);
	if (r.out_of_memory)
		return NVB_OOM(err);
	if (!good)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "parse JSON: %s", r.problem);
	*ret_root = root;
	return 0;
}
