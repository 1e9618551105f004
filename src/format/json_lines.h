/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in its text a value stands, for messages about files that people write. A tree of
 * yaml_parse() knows; one of json_parse() learns it here, from the same text.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

/* Notes every value's line. A second member of the same name is an error here: NVB_ERR_FORMAT. */
int json_mark_lines(
	const char *text, size_t length, struct json_object *root, struct nvb_error **err);

/* From 1; 0 is not known. A null and a number with a fraction have no place for it. */
unsigned json_line_of(struct json_object *value);
void json_set_line(struct json_object *value, unsigned line);
