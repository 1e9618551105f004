/* SPDX-License-Identifier: Apache-2.0 */
/* json-c's tree of a checked text. For format/json.c alone. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

/*
 * The text must have passed json_check_syntax(). *ret_root is NULL where the text says null.
 * Errors: NVB_ERR_NO_MEMORY, NVB_ERR_FORMAT.
 */
int json_tree_build(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err);
