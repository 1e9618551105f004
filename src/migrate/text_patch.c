/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/text_patch.h"

#include <string.h>

static bool is_same(const struct text_patch *one, const struct text_patch *other)
{
	return one->begin == other->begin && one->end == other->end &&
	       strcmp(one->text, other->text) == 0;
}

int text_patch_add(struct arena *a, struct text_patch_list *list, struct text_patch patch)
{
	struct text_patch *made;

	vec_foreach (const struct text_patch, known, list)
		if (is_same(known, &patch))
			return 0;
	made = vec_push(a, list);
	if (!made)
		return -1;
	*made = patch;
	return 0;
}

bool text_patch_conflicts(const struct text_patch *one, const struct text_patch *other)
{
	if (is_same(one, other))
		return false;
	if (one->begin == one->end && other->begin == other->end)
		return one->begin == other->begin;
	if (one->begin == one->end)
		return one->begin > other->begin && one->begin < other->end;
	if (other->begin == other->end)
		return other->begin > one->begin && other->begin < one->end;
	return one->begin < other->end && other->begin < one->end;
}

/* What comes in at a place stands before what goes from there on. */
static bool comes_before(const struct text_patch *one, const struct text_patch *other)
{
	return one->begin < other->begin || (one->begin == other->begin && one->end < other->end);
}

/* Stable: the order of what comes in at one place is the caller's. */
static void sort(struct text_patch_list *list)
{
	for (size_t i = 1; i < list->n; i++) {
		const struct text_patch moved = list->items[i];
		size_t at = i;

		for (; at > 0 && comes_before(&moved, &list->items[at - 1]); at--)
			list->items[at] = list->items[at - 1];
		list->items[at] = moved;
	}
}

void text_patch_apply(const char *text, size_t length, const char *eol,
	struct text_patch_list *list, struct strbuf *out)
{
	size_t at = 0;

	sort(list);
	vec_foreach (const struct text_patch, patch, list) {
		if (patch->begin > at)
			strbuf_add(out, text + at, patch->begin - at);
		if (patch->whole_lines && out->length && out->data[out->length - 1] != '\n')
			strbuf_str_add(out, eol);
		strbuf_str_add(out, patch->text);
		at = patch->end > at ? patch->end : at;
	}
	strbuf_add(out, text + at, length - at);
}
