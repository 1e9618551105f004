/* SPDX-License-Identifier: Apache-2.0 */
/* Between selectors and the names of CDI devices. */
#include <string.h>

#include "request/selector.h"
#include "request/selector_item.h"

struct split {
	struct arena *arena;
	struct string_list *own, *foreign;
};

static int add_item(void *user, const struct item *item, struct nvb_error **err)
{
	struct split *s = user;
	struct string_list *list = item->kind == ITEM_FOREIGN ? s->foreign : s->own;
	/* The item of a kind counts that kind's GPUs alone: the kind must stay with it. */
	const char *text = item->cdi ? arena_printf(s->arena, "%s=%.*s", item->cdi->name,
					       (int)item->length, item->text)
				     : arena_strndup(s->arena, item->text, item->length);

	return !text || string_list_add(s->arena, list, text) < 0 ? NVB_OOM(err) : 0;
}

int selector_split_foreign(const struct string_list *selectors, struct arena *a,
	struct string_list *ret_own, struct string_list *ret_foreign, struct nvb_error **err)
{
	struct string_list own = { 0 }, foreign = { 0 };
	struct split s = { .arena = a, .own = &own, .foreign = &foreign };

	vec_foreach (const char *, selector, selectors) {
		int r = item_for_each(*selector, add_item, &s, err);

		if (r < 0)
			return r;
	}
	*ret_own = own;
	*ret_foreign = foreign;
	return 0;
}

unsigned selector_index_in_kind(const struct inventory *inv, const struct gpu *gpu)
{
	unsigned index = 0;

	vec_foreach (struct gpu, other, &inv->gpus)
		index += other->vendor == gpu->vendor && other->index < gpu->index;
	return index;
}

static int add_name(struct arena *a, const struct inventory *inv,
	const struct selected_gpu *selected, struct string_list *names, struct nvb_error **err)
{
	const char *kind = selector_kind_of(selected->gpu->vendor);
	unsigned index = selector_index_in_kind(inv, selected->gpu);
	int r;

	if (selected->gpu->vendor == GPU_VENDOR_WSL)
		r = string_list_printf(a, names, "%s=all", kind);
	else if (selected->partition)
		r = string_list_printf(
			a, names, "%s=%u:%u", kind, index, selected->partition->index);
	else
		r = string_list_printf(a, names, "%s=%u", kind, index);
	return r < 0 ? NVB_OOM(err) : 0;
}

int selector_cdi_names(const struct selection *selection, const struct inventory *inv,
	struct arena *a, struct string_list *ret, struct nvb_error **err)
{
	struct string_list names = { 0 };

	for (size_t i = 0; i < selection->n; i++) {
		int r = add_name(a, inv, &selection->items[i], &names, err);

		if (r < 0)
			return r;
	}
	*ret = names;
	return 0;
}
