/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON on top of json-c: strict bounded parsing, typed access that names the field in its errors,
 * building that cannot lose a value, and one way to write it.
 *
 * The tree itself is json-c's: `struct json_object *`, released with json_object_put(). Integers
 * keep all 64 bits. Member order is the order of insertion, or that of the parsed text.
 *
 * Reading:
 *
 *	_cleanup_(json_putp) struct json_object *config = NULL;
 *	struct json_at root, process, args;
 *
 *	r = json_parse(text, length, &config, err);
 *	if (r >= 0)
 *		r = json_root(config, json_type_object, &root, err);
 *	if (r >= 0)
 *		r = json_member(&root, "process", json_type_object, &process, err);
 *	if (r == 0)
 *		return json_missing(&root, "process", err);
 *	...
 *	for (size_t i = 0; r >= 0 && i < json_length(&args); i++)
 *		r = json_item_string(&args, i, &arg, err);	// "'process.args[3]' must be a
 *string"
 *
 * Building:
 *
 *	struct json_builder b = JSON_BUILDER_INIT;
 *	_cleanup_(json_putp) struct json_object *plan = json_new_object(&b);
 *	struct json_object *gpus = json_add_array(&b, plan, "gpus");
 *
 *	json_add_string(&b, plan, "image", NULL);		// null
 *	json_add_uint(&b, json_append_object(&b, gpus), "index", 0);
 *	r = json_builder_check(&b, err);
 *	if (r < 0)
 *		return r;
 *	return json_format(plan, JSON_PRETTY, ret_text, NULL, err);
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_TEXT_LIMIT_BYTES ((size_t)64 << 20)
#define JSON_DEPTH_LIMIT      64

static inline void json_putp(struct json_object **o)
{
	if (*o)
		(void)json_object_put(*o);
	*o = NULL;
}

/*
 * Parses exactly `length` bytes: RFC 8259 to the letter, one value in UTF-8 and nothing behind
 * it. An integer beyond 64 bits is an error, and so is a top-level `null`: *ret_root is never
 * NULL. Of members with the same name, the last counts.
 * Errors: NVB_ERR_FORMAT (with line and column), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int json_parse(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err);

/*
 * A place in a tree. It lives on the caller's stack, borrows the tree and its parent place, and
 * costs no allocation; the path is only spelled out for an error.
 */
struct json_at {
	const struct json_at *parent; /* NULL: the root */
	const char *key;	      /* NULL: an item of an array */
	size_t index;
	struct json_object *value;
};

/*
 * Errors of all readers below: NVB_ERR_FORMAT with the path of the field, "'process.env[3]' must
 * be a string". Where a return value is 1 or 0: 0 is a member that is absent or null, and then
 * nothing is set.
 */
int json_root(
	struct json_object *root, enum json_type type, struct json_at *ret, struct nvb_error **err);
/* 1 or 0. `parent` must be an object and outlive *ret. */
int json_member(const struct json_at *parent, const char *key, enum json_type type,
	struct json_at *ret, struct nvb_error **err);
/* Items of an array; an index beyond its length is a bug of the caller. A null item is an error. */
size_t json_length(const struct json_at *array);
int json_item(const struct json_at *array, size_t index, enum json_type type, struct json_at *ret,
	struct nvb_error **err);
int json_item_string(
	const struct json_at *array, size_t index, const char **ret, struct nvb_error **err);

/* Members of an object: 1 or 0. Strings are borrowed; one with a NUL byte inside is an error. */
int json_get_string(
	const struct json_at *parent, const char *key, const char **ret, struct nvb_error **err);
int json_get_bool(const struct json_at *parent, const char *key, bool *ret, struct nvb_error **err);
int json_get_uint(const struct json_at *parent, const char *key, uint64_t max, uint64_t *ret,
	struct nvb_error **err);
int json_get_int(
	const struct json_at *parent, const char *key, int64_t *ret, struct nvb_error **err);

/* For edits of a parsed tree: the member of that type, made empty if it is absent or null. */
int json_ensure(const struct json_at *parent, const char *key, enum json_type type,
	struct json_at *ret, struct nvb_error **err);

/* Raises "'a.b[1].key' is missing". */
int json_missing(const struct json_at *parent, const char *key, struct nvb_error **err);
/* Raises "'a.b[1].key' must be EXPECTED"; `key` may be NULL: the place itself. */
int json_invalid(
	const struct json_at *at, const char *key, const char *expected, struct nvb_error **err);

/*
 * A builder remembers the first value that could not be stored; all calls after it do nothing.
 * Check it once, before the tree is used.
 */
struct json_builder {
	bool out_of_memory;
	bool not_utf8;
	char key[64]; /* what was not UTF-8 */
};

#define JSON_BUILDER_INIT                                                                          \
	{                                                                                          \
		0                                                                                  \
	}

/* Errors: NVB_ERR_NO_MEMORY, NVB_ERR_FORMAT (a text that is not UTF-8). */
int json_builder_check(const struct json_builder *b, struct nvb_error **err);

struct json_object *json_new_object(struct json_builder *b);
struct json_object *json_new_array(struct json_builder *b);
/* NULL makes a null. */
struct json_object *json_new_string(struct json_builder *b, const char *s);

/*
 * Stores a value in an object, in place of an older one of that name. `take_value` belongs to the
 * object, also on failure; NULL is stored as null. `object` NULL: only after a failure.
 */
void json_add(struct json_builder *b, struct json_object *object, const char *key,
	struct json_object *take_value);
void json_add_null(struct json_builder *b, struct json_object *object, const char *key);
void json_add_string(
	struct json_builder *b, struct json_object *object, const char *key, const char *s);
void json_add_bool(struct json_builder *b, struct json_object *object, const char *key, bool value);
void json_add_uint(
	struct json_builder *b, struct json_object *object, const char *key, uint64_t value);
void json_add_int(
	struct json_builder *b, struct json_object *object, const char *key, int64_t value);
/* Return the new member, borrowed. */
struct json_object *json_add_object(
	struct json_builder *b, struct json_object *object, const char *key);
struct json_object *json_add_array(
	struct json_builder *b, struct json_object *object, const char *key);

/* The same behind the last item of an array. */
void json_append(struct json_builder *b, struct json_object *array, struct json_object *take_value);
void json_append_string(struct json_builder *b, struct json_object *array, const char *s);
void json_append_uint(struct json_builder *b, struct json_object *array, uint64_t value);
struct json_object *json_append_object(struct json_builder *b, struct json_object *array);
struct json_object *json_append_array(struct json_builder *b, struct json_object *array);

enum json_style {
	JSON_PLAIN,  /* one line, no spaces, no newline behind it */
	JSON_PRETTY, /* two spaces per level, ends in a newline */
};

/*
 * Writes a tree. Own code rather than json-c's: its layout of empty containers and its escaping
 * differ between versions, and output here is compared byte by byte. *ret_text is malloc'd and
 * NUL-terminated; ret_length may be NULL.
 * Errors: NVB_ERR_LIMIT (or no memory), NVB_ERR_FORMAT (a number that is not finite).
 */
int json_format(struct json_object *root, enum json_style style, char **ret_text,
	size_t *ret_length, struct nvb_error **err);
