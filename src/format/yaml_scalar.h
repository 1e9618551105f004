/* SPDX-License-Identifier: Apache-2.0 */
/* What a plain scalar of a YAML file means. For the YAML files of this room alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yaml_scalar_kind {
	YAML_TEXT,
	YAML_NULL,
	YAML_TRUTH,
	YAML_INTEGER,  /* `integer`, negative if `negative` */
	YAML_FLOAT,    /* `number` */
	YAML_INFINITE, /* .inf or .nan */
};

struct yaml_scalar {
	enum yaml_scalar_kind kind;
	bool truth;
	bool negative;
	uint64_t integer; /* the amount: -5 is 5 and negative */
	double number;
};

struct yaml_scalar yaml_scalar_of(const char *text, size_t length);

/* For yaml_parse_as_written(): a text, unless it is null or spelled true or false. */
void yaml_scalar_keep_spelling(struct yaml_scalar *scalar, const char *text, size_t length);
