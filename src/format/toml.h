/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML 1.0 by toml++, behind a C interface: a document becomes a JSON tree (dates and times
 * become strings), and every key knows where it stands. Members of a table come in the order of
 * their names: toml++ keeps no other.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define TOML_TEXT_LIMIT_BYTES ((size_t)4 << 20)

struct toml_document;

struct toml_position {
	unsigned line, column; /* from 1; a column is a code point */
};

/*
 * `name` is the file's, for messages. Not deeper than JSON_DEPTH_LIMIT, and no key with more than
 * 32 parts. Errors: NVB_ERR_FORMAT ("NAME:LINE:COLUMN: ..."), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int toml_parse(const char *name, const char *text, size_t length,
	struct toml_document **ret, struct nvb_error **err);
void toml_free(struct toml_document *doc);
DEFINE_FREEP(struct toml_document, toml_free)

/* The whole document, borrowed: see format/json.h for reading it. */
struct json_object *toml_root(const struct toml_document *doc);

/*
 * Where the value at a path of keys stands ("plugins", "io.containerd.grpc.v1.cri"); an item of an
 * array is its decimal index. `end` is behind its last character. A table of its own is where its
 * header is; one that only headers of others name, where the first of them is. False: there is none.
 */
bool toml_locate(const struct toml_document *doc, const char *const *path, size_t n,
	struct toml_position *ret_begin, struct toml_position *ret_end);

/* The same for the key itself: its last part, as written. An item of an array has none. */
bool toml_locate_key(const struct toml_document *doc, const char *const *path, size_t n,
	struct toml_position *ret_begin, struct toml_position *ret_end);

/* The byte of the text that a position of toml_locate() is. */
size_t toml_offset(const struct toml_document *doc, struct toml_position position);
