/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of format/toml.c that is C++: toml++ behind functions that let no exception out.
 * For format/toml.c alone; it bounds the text before it comes here.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum toml_outcome {
	TOML_READ,
	TOML_SYNTAX,
	TOML_TOO_DEEP,
	TOML_KEY_WITH_NUL,
	TOML_NO_MEMORY,
};

struct toml_problem {
	unsigned line, column; /* of TOML_SYNTAX alone; 0: unknown */
	char text[256];
};

/* Lines and columns count from 1; a column is a code point. `end` is behind the last one. */
struct toml_region {
	unsigned begin_line, begin_column;
	unsigned end_line, end_column;
};

struct toml_reader;

enum toml_outcome toml_reader_new(const char *text, size_t length, unsigned depth_limit,
	struct toml_reader **ret, struct toml_problem *ret_problem);
void toml_reader_free(struct toml_reader *reader);
struct json_object *toml_reader_root(const struct toml_reader *reader);
/* `of_key`: of the last key itself instead of its value. */
bool toml_reader_locate(const struct toml_reader *reader, const char *const *path, size_t n,
	bool of_key, struct toml_region *ret);

#ifdef __cplusplus
}
#endif
