/* SPDX-License-Identifier: Apache-2.0 */
/* Items of an array by name. A JSON object of the names is the hash table. */
#include "oci/edit_build.h"

static void add_place(struct edit *e, struct edit_items *items, const char *text, size_t index)
{
	if (text && !json_object_object_get_ex(items->places, text, NULL))
		json_add_uint(&e->b, items->places, text, index);
}

void edit_items_init(
	struct edit *e, struct edit_items *items, struct json_object *array, const char *key)
{
	size_t n = json_object_array_length(array);

	*items = (struct edit_items){ .array = array, .places = json_new_object(&e->b) };
	for (size_t i = 0; i < n; i++)
		add_place(e, items, edit_text_member(json_object_array_get_idx(array, i), key), i);
}

void edit_items_done(struct edit_items *items)
{
	json_putp(&items->places);
}

size_t edit_items_find(const struct edit_items *items, const char *text)
{
	struct json_object *place = NULL;

	if (json_object_object_get_ex(items->places, text, &place))
		return (size_t)json_object_get_uint64(place);
	return json_object_array_length(items->array);
}

void edit_items_put(struct edit *e, struct edit_items *items, size_t index, const char *text,
	struct json_object *take_item)
{
	if (index == json_object_array_length(items->array))
		add_place(e, items, text, index);
	edit_put_item(e, items->array, index, take_item);
}
