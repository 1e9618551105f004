/* SPDX-License-Identifier: Apache-2.0 */
#include "format/yaml_copy.h"

#include <stdbool.h>
#include <string.h>

#include "format/json_lines.h"
#include "format/yaml.h"

struct copier {
	struct yaml_budget *budget;
	unsigned line;
	struct nvb_error **err;
};

int yaml_raise_limit(unsigned line, const char *what, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "parse YAML: line %u: %s", line, what);
}

int yaml_budget_take(
	struct yaml_budget *budget, size_t length, unsigned line, struct nvb_error **err)
{
	budget->nodes++;
	if (budget->nodes > YAML_NODE_LIMIT)
		return yaml_raise_limit(
			line, "more values than a file may hold, aliases counted", err);
	if (__builtin_add_overflow(budget->bytes, length, &budget->bytes) ||
		budget->bytes > YAML_TEXT_LIMIT_BYTES)
		return yaml_raise_limit(
			line, "more text than a file may hold, aliases counted", err);
	return 0;
}

static int copy(
	struct copier *c, struct json_object *value, unsigned depth, struct json_object **ret);

static int copy_members(
	struct copier *c, struct json_object *from, unsigned depth, struct json_object *to)
{
	json_object_object_foreach(from, key, value)
	{
		struct json_object *item = NULL;
		int r = yaml_budget_take(c->budget, strlen(key), c->line, c->err);

		if (r >= 0)
			r = copy(c, value, depth, &item);
		if (r < 0)
			return r;
		if (json_object_object_add(to, key, item) < 0) {
			json_object_put(item);
			return NVB_OOM(c->err);
		}
	}
	return 0;
}

static int copy_items(
	struct copier *c, struct json_object *from, unsigned depth, struct json_object *to)
{
	const size_t n = json_object_array_length(from);

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = NULL;
		int r = copy(c, json_object_array_get_idx(from, i), depth, &item);

		if (r < 0)
			return r;
		if (json_object_array_add(to, item) < 0) {
			json_object_put(item);
			return NVB_OOM(c->err);
		}
	}
	return 0;
}

static struct json_object *copy_leaf(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		return json_object_new_boolean(json_object_get_boolean(value));
	case json_type_double:
		return json_object_new_double(json_object_get_double(value));
	case json_type_int:
		return json_object_get_int64(value) < 0
			       ? json_object_new_int64(json_object_get_int64(value))
			       : json_object_new_uint64(json_object_get_uint64(value));
	case json_type_string:
		return json_object_new_string_len(
			json_object_get_string(value), json_object_get_string_len(value));
	case json_type_array:
		return json_object_new_array();
	case json_type_object:
		return json_object_new_object();
	case json_type_null:
	default:
		return NULL;
	}
}

static int copy(
	struct copier *c, struct json_object *value, unsigned depth, struct json_object **ret)
{
	const bool is_text = json_object_is_type(value, json_type_string);
	struct json_object *made;
	int r = yaml_budget_take(c->budget, is_text ? (size_t)json_object_get_string_len(value) : 0,
		c->line, c->err);

	*ret = NULL;
	if (r < 0 || !value)
		return r;
	if (depth > YAML_DEPTH_LIMIT)
		return yaml_raise_limit(c->line, "nested too deeply", c->err);
	made = copy_leaf(value);
	if (!made)
		return NVB_OOM(c->err);
	json_set_line(made, c->line);
	if (json_object_is_type(value, json_type_object))
		r = copy_members(c, value, depth + 1, made);
	else if (json_object_is_type(value, json_type_array))
		r = copy_items(c, value, depth + 1, made);
	if (r < 0)
		json_object_put(made);
	else
		*ret = made;
	return r < 0 ? r : 0;
}

int yaml_copy(struct yaml_budget *budget, struct json_object *value, unsigned depth, unsigned line,
	struct json_object **ret, struct nvb_error **err)
{
	struct copier c = { .budget = budget, .line = line, .err = err };

	return copy(&c, value, depth, ret);
}
