/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values out of a JSON text, without a tree: the hook wants one string of a config.json.
 *
 * The text must have passed json_check_syntax(); then nothing here can run out of it. A value is
 * a pointer to its first byte.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* The value behind leading space: how to enter a checked text. */
const char *json_find_root(const char *text);

/* The last member named `key`; NULL: `value` is no object, or has none. Keys with escapes are
 * not compared. */
const char *json_find_member(const char *value, const char *key);
/* The same in any mix of upper and lower case. */
const char *json_find_member_any_case(const char *value, const char *key);

/* The first item of an array, then the one behind `item`; NULL: no more, or no array. */
const char *json_find_first(const char *value);
const char *json_find_next(const char *item);

/* A decimal integer >= 0; false if it is anything else. */
bool json_find_uint(const char *value, uint64_t max, uint64_t *ret);

/*
 * Returns 1 and the text in `a`; 0 if `value` is NULL or no string, or holds a NUL.
 * Errors: NVB_ERR_NO_MEMORY.
 */
int json_find_string(const char *value, struct arena *a, const char **ret, struct nvb_error **err);
