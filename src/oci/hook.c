/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/hook.h"

static void add_strings(struct json_builder *b, struct json_object *object, const char *key,
	const struct string_list *strings)
{
	struct json_object *array = json_add_array(b, object, key);

	vec_foreach (const char *, s, strings)
		json_append_string(b, array, *s);
}

void oci_hook_append(struct json_builder *b, struct json_object *list,
	const struct plan_hook *hook)
{
	struct json_object *o = json_append_object(b, list);

	json_add_string(b, o, "path", hook->path);
	add_strings(b, o, "args", &hook->args);
	/* Always there, also when empty: a runtime must not fill it from the container's. */
	add_strings(b, o, "env", &hook->env);
	if (hook->timeout_s)
		json_add_int(b, o, "timeout", hook->timeout_s);
}
