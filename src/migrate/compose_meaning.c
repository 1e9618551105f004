/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_meaning.h"

#include <string.h>

#include "base/number.h"
#include "format/json.h"

static struct json_object *step_into(struct json_object *value, const char *step)
{
	struct json_object *found = NULL;
	uint64_t index;

	if (json_object_is_type(value, json_type_object))
		return json_object_object_get_ex(value, step, &found) ? found : NULL;
	if (json_object_is_type(value, json_type_array) && number_parse(step, SIZE_MAX, &index))
		return json_object_array_get_idx(value, index);
	return NULL;
}

static bool is_empty(struct json_object *value)
{
	if (json_object_is_type(value, json_type_object))
		return json_object_object_length(value) == 0;
	return json_object_is_type(value, json_type_array) && json_object_array_length(value) == 0;
}

static void remove_step(struct json_object *value, const char *step)
{
	uint64_t index;

	if (json_object_is_type(value, json_type_object))
		json_object_object_del(value, step);
	else if (json_object_is_type(value, json_type_array) &&
		 number_parse(step, SIZE_MAX, &index))
		(void)json_object_array_del_idx(value, index, 1);
}

/* What stands at the path, and above it what is empty then. */
static void remove_path(struct json_object *value, const struct string_list *path, size_t depth)
{
	struct json_object *below;

	if (depth + 1 == path->n) {
		remove_step(value, path->items[depth]);
		return;
	}
	below = step_into(value, path->items[depth]);
	if (!below)
		return;
	remove_path(below, path, depth + 1);
	if (is_empty(below))
		remove_step(value, path->items[depth]);
}

static int put(
	struct json_object *container, const char *step, const char *text, struct nvb_error **err)
{
	struct json_object *value = json_object_new_string(text);
	uint64_t index;
	int r = -1;

	if (value && json_object_is_type(container, json_type_object))
		r = json_object_object_add(container, step, value);
	else if (value && number_parse(step, SIZE_MAX, &index))
		r = json_object_array_put_idx(container, index, value);
	if (r == 0)
		return 0;
	json_object_put(value);
	return NVB_OOM(err);
}

static int put_path(
	struct json_object *service, const struct compose_edit *edit, struct nvb_error **err)
{
	struct json_object *container = service;

	for (size_t i = 0; container && i + 1 < edit->path.n; i++)
		container = step_into(container, edit->path.items[i]);
	if (!container)
		return NVB_RAISE(err, NVB_ERR_FAILED, 0, "change '%s'", edit->path.items[0]);
	return put(container, edit->path.items[edit->path.n - 1], edit->value, err);
}

static bool is_pair(const struct compose_edit *edit)
{
	return strcmp(edit->path.items[0], "environment") == 0;
}

static int add_pair(struct json_object *mapping, const char *pair, struct nvb_error **err)
{
	const char *equals = strchr(pair, '=');
	_cleanup_free_ char *name = equals ? strndup(pair, (size_t)(equals - pair)) : NULL;

	return name ? put(mapping, name, equals + 1, err) : NVB_OOM(err);
}

static int add_item(
	struct json_object *service, const struct compose_edit *edit, struct nvb_error **err)
{
	struct json_object *container = step_into(service, edit->path.items[0]), *item;

	if (!container) {
		container = is_pair(edit) ? json_object_new_object() : json_object_new_array();
		if (!container ||
			json_object_object_add(service, edit->path.items[0], container) < 0) {
			json_object_put(container);
			return NVB_OOM(err);
		}
	}
	if (json_object_is_type(container, json_type_object))
		return add_pair(container, edit->value, err);
	item = json_object_new_string(edit->value);
	if (item && json_object_is_type(container, json_type_array) &&
		json_object_array_add(container, item) == 0)
		return 0;
	json_object_put(item);
	return NVB_OOM(err);
}

int compose_meaning_change(
	struct json_object *service, const struct compose_edit_list *edits, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < edits->n; i++) {
		const struct compose_edit *edit = &edits->items[i];

		if (edit->kind == COMPOSE_REMOVE)
			remove_path(service, &edit->path, 0);
		else if (edit->kind == COMPOSE_PUT)
			r = put_path(service, edit, err);
		else
			r = add_item(service, edit, err);
	}
	return r;
}

static void prune(struct json_object *value, const char *const *steps)
{
	struct json_object *below = step_into(value, steps[0]);

	if (below && steps[1])
		prune(below, steps + 1);
	if (!below || is_empty(below))
		remove_step(value, steps[0]);
}

static void prune_empty(struct json_object *service)
{
	static const char *const paths[][5] = {
		{ "environment" },
		{ "devices" },
		{ "gpus" },
		{ "deploy", "resources", "reservations", "devices" },
	};

	for (size_t i = 0; i < ELEMENTS(paths); i++)
		prune(service, paths[i]);
}

bool compose_meaning_same(struct json_object *one, struct json_object *other)
{
	prune_empty(one);
	prune_empty(other);
	return json_object_equal(one, other);
}
