/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/hook.h"

static void add_strings(struct json_builder *b, struct json_object *object, const char *key,
	const struct string_list *strings)
{
	struct json_object *array = json_add_array(b, object, key);

	vec_foreach (const char *, s, strings)
		json_append_string(b, array, *s);
}

struct json_object *oci_hook_describe(struct json_builder *b, const struct plan_hook *hook)
{
	struct json_object *o = json_new_object(b);

	json_add_string(b, o, "path", hook->path);
	add_strings(b, o, "args", &hook->args);
	/* Always there, also when empty: a runtime must not fill it from the container's. */
	add_strings(b, o, "env", &hook->env);
	if (hook->timeout_s)
		json_add_int(b, o, "timeout", hook->timeout_s);
	return o;
}

/* Engines leave an empty list out. */
static struct json_object *content(struct json_object *hook, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(hook, key, &value);
	if (json_object_is_type(value, json_type_array) && !json_object_array_length(value))
		return NULL;
	return value;
}

bool oci_hook_is_same(struct json_object *hook, struct json_object *other)
{
	static const char *const keys[] = { "path", "args", "env", "timeout" };

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (!json_object_equal(content(hook, keys[i]), content(other, keys[i])))
			return false;
	return true;
}
