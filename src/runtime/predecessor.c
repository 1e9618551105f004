/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/predecessor.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* Source: moby, daemon/nvidia_linux.go; NVIDIA Container Toolkit, oci-nvidia-hook.json. */
static const char *const programs[] = { "nvidia-container-runtime-hook",
	"nvidia-container-toolkit" };

static const char *const lists[] = { "prestart", "createRuntime" };

static bool is_predecessor(struct json_object *hook)
{
	struct json_object *path = NULL;

	if (!json_object_is_type(hook, json_type_object) ||
		!json_object_object_get_ex(hook, "path", &path) ||
		!json_object_is_type(path, json_type_string))
		return false;
	for (size_t i = 0; i < ELEMENTS(programs); i++)
		if (strcmp(path_base_name(json_object_get_string(path)), programs[i]) == 0)
			return true;
	return false;
}

typedef size_t (*list_function)(struct json_object *list);

static size_t count_in(struct json_object *list)
{
	size_t found = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		found += is_predecessor(json_object_array_get_idx(list, i));
	return found;
}

static size_t remove_from(struct json_object *list)
{
	size_t removed = 0;

	for (size_t i = json_object_array_length(list); i; i--)
		if (is_predecessor(json_object_array_get_idx(list, i - 1)))
			removed += json_object_array_del_idx(list, i - 1, 1) == 0;
	return removed;
}

static size_t for_each_list(struct json_object *config, list_function each)
{
	struct json_object *hooks = NULL, *list;
	size_t n = 0;

	if (!json_object_object_get_ex(config, "hooks", &hooks) ||
		!json_object_is_type(hooks, json_type_object))
		return 0;
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		if (json_object_object_get_ex(hooks, lists[i], &list) &&
			json_object_is_type(list, json_type_array))
			n += each(list);
	return n;
}

bool predecessor_is_present(struct json_object *config)
{
	return for_each_list(config, count_in) > 0;
}

size_t predecessor_remove_hooks(struct json_object *config)
{
	return for_each_list(config, remove_from);
}
