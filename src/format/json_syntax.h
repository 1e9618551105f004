/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of RFC 8259, to the letter.
 *
 * json-c, also in its strict mode, takes 'single quotes', NaN, raw control characters and "-01",
 * cuts a key off at \u0000 and clamps an integer that does not fit. So the text is checked here
 * first, and format/json_tree.c reads what is known to be right. For format/json.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* One value, at most JSON_DEPTH_LIMIT containers deep. Errors: NVB_ERR_FORMAT, NVB_ERR_LIMIT. */
int json_check_syntax(const char *text, size_t length, struct nvb_error **err);

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool json_is_utf8(const char *text, size_t length);

/* Bytes from the start on that are the same in a string of JSON: ASCII from ' ' to '~' less \ and
 * ". */
size_t json_plain_length(const char *text, size_t length);
