/* SPDX-License-Identifier: Apache-2.0 */
/* How members and items of a compose file are written, and where their lines begin and end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "format/yaml_position.h"
#include "migrate/text_patch.h"

struct compose_text {
	const char *text;
	size_t length;
	const char *eol;      /* "\n" or "\r\n" */
	size_t list_indent;   /* blanks of "- " beyond the name of its list */
	size_t member_indent; /* blanks of a member beyond the name of its mapping */
};

/* How the author writes: read from the text itself. */
void compose_lines_read(
	struct compose_text *t, const char *text, size_t length, struct yaml_node *root);

/* A text in quotes where it must be, or where it was before. */
const char *compose_scalar(struct arena *a, const char *text, bool quoted);

/* Behind the value; of a value that is not written, behind the colon. */
size_t compose_pair_end(const struct compose_text *t, const struct yaml_pair *pair);

/* The beginning of the line behind the one that `at` stands in. */
size_t compose_line_after(const struct compose_text *t, size_t at);

/* True if only blanks and a comment follow in the line. */
bool compose_line_ends(const struct compose_text *t, size_t at);

/* True if the brackets between two places may hold a comment. */
bool compose_has_comment(const struct compose_text *t, size_t begin, size_t end);

/* The lines of a pair or an item go; the comments in them stay, on lines of their own. */
struct text_patch compose_lines_remove(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, size_t index, const char **ret_refused);

/* An item of a list, or NAME=VALUE of a mapping, behind the last; `text` NULL: out of memory. */
struct text_patch compose_block_append(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, const char *value, const char **ret_refused);
struct text_patch compose_flow_append(struct arena *a, const struct compose_text *t,
	const struct yaml_node *container, const char *value);

/* A new member of a mapping. */
struct compose_member {
	const char *key;
	const char *scalar; /* NULL: `items` */
	const struct string_list *items;
	bool is_mapping;
};

void compose_block_member(struct strbuf *out, const struct compose_text *t,
	const struct yaml_node *mapping, const struct compose_member *member);
void compose_flow_member(struct strbuf *out, const struct compose_text *t,
	const struct yaml_node *mapping, const struct compose_member *member);
