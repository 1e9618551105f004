/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of TOML, written on one line: "key = value" and "[header]" are their caller's. */
#pragma once

#include <json-c/json.h>

#include "base/strbuf.h"

/* Bare where it can be, else quoted. */
void toml_write_key(const char *key, struct strbuf *out);
/* An object is an inline table. TOML has no null: the caller leaves it out. */
void toml_write_value(struct json_object *value, struct strbuf *out);
