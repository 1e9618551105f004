/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an alias stands for, as a copy of its own, and how much of a document there may be: every
 * value counts, also one that an alias repeats, and so does its text.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

struct yaml_budget {
	size_t nodes, bytes; /* taken so far */
};

/* Takes one value and `length` bytes of text. Errors: NVB_ERR_LIMIT. */
int yaml_budget_take(
	struct yaml_budget *budget, size_t length, unsigned line, struct nvb_error **err);

/*
 * Copies `value`, which may be NULL, to a place below `depth` containers. The copy stands in
 * `line`, where the alias is. Errors: NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int yaml_copy(struct yaml_budget *budget, struct json_object *value, unsigned depth, unsigned line,
	struct json_object **ret, struct nvb_error **err);

int yaml_raise_limit(unsigned line, const char *what, struct nvb_error **err);
