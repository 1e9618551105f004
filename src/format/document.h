/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file as its text: values are set and removed where they stand, and everything
 * else (comments, order, indentation, unknown keys) stays as it was.
 *
 * Text editing is guesswork about style, so it is never believed: the new text is parsed again and
 * must differ from the old one by exactly the edits, else there is no new text.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

#define DOCUMENT_PATH_LIMIT 16

enum document_format {
	DOCUMENT_JSON,
	DOCUMENT_TOML,
};

/* A place: the keys that lead to it from the top. */
struct document_path {
	const char *keys[DOCUMENT_PATH_LIMIT];
	size_t n;
};

/* DOCUMENT_PATH("runtimes", "nvbind") */
#define DOCUMENT_PATH(...)                                                                         \
	(struct document_path)                                                                     \
	{                                                                                          \
		.keys = { __VA_ARGS__ }, .n = ELEMENTS(((const char *[]){ __VA_ARGS__ }))          \
	}

/* `path` and one key more. Beyond the limit: a path that is refused by document_apply(). */
struct document_path document_path_below(const struct document_path *path, const char *key);
/* "runtimes.nvbind" for messages. */
void document_path_add(const struct document_path *path, struct strbuf *out);

struct document_edit {
	struct document_path path;
	struct json_object *value; /* an object is merged into what is there; NULL: remove it */
};

/* The keys lie in the arena that the list was made with; the values are owned. */
struct document_edits {
	struct document_edit *items;
	size_t n;
	size_t capacity;
};

void document_edits_done(struct document_edits *edits);
/* The path is copied. `take_value` belongs to the list, also on failure. */
int document_edits_add(struct document_edits *edits, struct arena *a,
	const struct document_path *path, struct json_object *take_value, struct nvb_error **err);

/* The tree of a text; one of blanks alone is an empty object. `name` is for messages. */
int document_parse(enum document_format format, const char *name, const char *text,
	struct json_object **ret_root, struct nvb_error **err);

/* Borrowed; NULL if there is none. */
struct json_object *document_find(struct json_object *root, const struct document_path *path);

/*
 * The text with the edits made. *ret_text is malloc'd; it equals `text` where nothing is to do.
 * Errors: NVB_ERR_FORMAT (the text is malformed), NVB_ERR_UNSUPPORTED (it cannot be edited
 * safely; the hint says what to do by hand).
 */
int document_apply(enum document_format format, const char *name, const char *text,
	const struct document_edits *edits, char **ret_text, struct nvb_error **err);

/* What to add by hand, in the file's own format. */
void document_describe(
	enum document_format format, const struct document_edits *edits, struct strbuf *out);

/*
 * The edits that take `edits` back in a text that may have changed since: `original` is the tree
 * before them, or NULL. What somebody else has changed since stays, and is named in `kept`.
 */
int document_invert(const struct document_edits *edits, struct json_object *original,
	struct json_object *current, struct arena *a, struct document_edits *ret,
	struct string_list *kept, struct nvb_error **err);
