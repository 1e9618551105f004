/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a text by place: what stands between the places stays byte for byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"

struct text_patch {
	size_t begin, end; /* what goes; begin == end: nothing */
	const char *text;  /* what comes in its place */
	bool whole_lines;  /* `text` is lines, and must begin on one of its own */
};

struct text_patch_list VEC(struct text_patch);

/* A patch that is there already counts once. Returns 0, or -1 when out of memory. */
int text_patch_add(struct arena *a, struct text_patch_list *list, struct text_patch patch);

/* True if both change the same place in different ways. */
bool text_patch_conflicts(const struct text_patch *one, const struct text_patch *other);

/*
 * Applies all of them; none conflict. Of those at one place, the order of the list counts. `eol` is
 * what ends a line. Sorts the list.
 */
void text_patch_apply(const char *text, size_t length, const char *eol,
	struct text_patch_list *list, struct strbuf *out);
