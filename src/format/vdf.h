/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Valve's KeyValues as text (.vdf, .acf): the files of Steam. An object is a table, a value a
 * string; of a key that comes twice the first counts, as for Steam. #include and #base are keys
 * like any other: nothing else is read.
 * Source: Valve Developer Community, "KeyValues", 2026-08.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

#define VDF_TEXT_LIMIT_BYTES ((size_t)8 << 20)
#define VDF_DEPTH_LIMIT	     32
#define VDF_NODE_LIMIT	     ((size_t)1 << 18)

/* `name` is the file's, for messages. Errors: NVB_ERR_FORMAT ("NAME:LINE: ..."), NVB_ERR_LIMIT. */
int vdf_parse(const char *name, const char *text, size_t length, struct json_object **ret_root,
	struct nvb_error **err);

/* The value of a key, whose case does not count. NULL: there is none, or `object` is no object. */
struct json_object *vdf_find(struct json_object *object, const char *key);
/* The same for a string. NULL: it is an object. */
const char *vdf_find_string(struct json_object *object, const char *key);
