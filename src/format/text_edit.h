/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One edit of a text. For format/document.c, which checks what comes out of it.
 *
 * set: `value` stands at `path` afterwards. Either there is a value that is no object, and `value`
 * is none either; or there is none, and what is missing on the way is made.
 * remove: what stands at `path` is gone. A table of TOML with a header must be empty.
 *
 * Both return 0, 1 where they know no way, or an error.
 */
#pragma once

#include "format/document.h"

int json_edit_set(const char *text, const struct document_path *path, struct json_object *value,
	struct strbuf *out, struct nvb_error **err);
int json_edit_remove(const char *text, const struct document_path *path, struct strbuf *out,
	struct nvb_error **err);

int toml_edit_set(const char *text, const struct document_path *path, struct json_object *value,
	struct strbuf *out, struct nvb_error **err);
int toml_edit_remove(const char *text, const struct document_path *path, struct strbuf *out,
	struct nvb_error **err);
/* A whole table with its header. */
void toml_edit_describe(
	const struct document_path *path, struct json_object *value, struct strbuf *out);
