/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_read.h"

#include <string.h>

#include "format/json.h"
#include "format/json_lines.h"

#define SERVICE_LIMIT 512

struct reader {
	struct arena *arena;
	struct nvb_error **err;
};

/* A scalar as text: 0 and "0" are the same to Compose where a text is due. */
static int get_text(struct reader *rd, const struct json_at *parent, const char *key,
	const char **ret, unsigned *ret_line)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(parent->value, key, &value) || !value)
		return 0;
	if (json_object_is_type(value, json_type_object) ||
		json_object_is_type(value, json_type_array))
		return json_invalid(parent, key, "a text", rd->err);
	*ret = json_object_get_string(value);
	if (ret_line)
		*ret_line = json_line_of(value);
	return *ret ? 1 : NVB_OOM(rd->err);
}

static int read_texts(
	struct reader *rd, const struct json_at *parent, const char *key, struct string_list *ret)
{
	struct json_at list;
	int r = json_member(parent, key, json_type_array, &list, rd->err);

	for (size_t i = 0; r > 0 && i < json_length(&list); i++) {
		struct json_object *item = json_object_array_get_idx(list.value, i);
		const char *text = item ? json_object_get_string(item) : NULL;

		if (!text || json_object_is_type(item, json_type_object) ||
			json_object_is_type(item, json_type_array))
			return json_invalid(&list, NULL, "a list of texts", rd->err);
		if (string_list_add(rd->arena, ret, text) < 0)
			return NVB_OOM(rd->err);
	}
	return r;
}

static int read_reservation(
	struct reader *rd, const struct json_at *item, struct compose_reservation *ret)
{
	struct json_object *options = NULL;
	int r;

	ret->line = json_line_of(item->value);
	r = get_text(rd, item, "driver", &ret->driver, NULL);
	if (r >= 0)
		r = get_text(rd, item, "count", &ret->count, NULL);
	if (r >= 0)
		r = read_texts(rd, item, "device_ids", &ret->ids);
	if (r >= 0)
		r = read_texts(rd, item, "capabilities", &ret->capabilities);
	if (r < 0)
		return r;
	if (json_object_object_get_ex(item->value, "options", &options))
		ret->has_options = options != NULL;
	return 0;
}

static int read_reservations(struct reader *rd, const struct json_at *list, bool is_gpu,
	struct compose_reservation_list *ret)
{
	for (size_t i = 0; i < json_length(list); i++) {
		struct compose_reservation *made = vec_push(rd->arena, ret);
		struct json_at item;
		int r = made ? json_item(list, i, json_type_object, &item, rd->err)
			     : NVB_OOM(rd->err);

		if (r < 0)
			return r;
		made->index = i;
		made->is_gpu = is_gpu;
		r = read_reservation(rd, &item, made);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "all", or a list of requests. */
static int read_gpus(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *value = NULL;
	struct json_at list;
	const char *text;
	int r;

	if (!json_object_object_get_ex(at->value, "gpus", &value) || !value)
		return 0;
	s->gpus_line = json_line_of(value);
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	s->gpus_all = strcmp(text, "all") == 0;
	s->gpus_unread = compose_is_interpolated(text) ? text : NULL;
	if (s->gpus_all || s->gpus_unread)
		return 0;
	if (!json_object_is_type(value, json_type_array))
		return json_invalid(at, "gpus", "'all' or a list", rd->err);
	r = json_member(at, "gpus", json_type_array, &list, rd->err);
	return r < 0 ? r : read_reservations(rd, &list, true, &s->gpus);
}

static int read_deploy(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *generic = NULL;
	struct json_at deploy, resources, reservations, list;
	int r = json_member(at, "deploy", json_type_object, &deploy, rd->err);

	if (r > 0)
		r = json_member(&deploy, "resources", json_type_object, &resources, rd->err);
	if (r > 0)
		r = json_member(
			&resources, "reservations", json_type_object, &reservations, rd->err);
	if (r <= 0)
		return r;
	if (json_object_object_get_ex(reservations.value, "generic_resources", &generic))
		s->swarm_resources = generic != NULL;
	r = json_member(&reservations, "devices", json_type_array, &list, rd->err);
	return r > 0 ? read_reservations(rd, &list, false, &s->reserved) : r;
}

/* The environment. */

static int add_variable(struct reader *rd, struct compose_service *s, const char *name,
	const char *value, unsigned line, const char *step)
{
	struct compose_variable *v = vec_push(rd->arena, &s->environment);

	if (!v || !name || !step)
		return NVB_OOM(rd->err);
	*v = (struct compose_variable){ .name = name, .value = value, .line = line, .step = step };
	return 0;
}

static int read_environment_list(
	struct reader *rd, const struct json_at *list, struct compose_service *s)
{
	s->environment_is_list = true;
	for (size_t i = 0; i < json_length(list); i++) {
		const char *item = NULL, *equals;
		int r = json_item_string(list, i, &item, rd->err);

		if (r < 0)
			return r;
		equals = strchr(item, '=');
		r = add_variable(rd, s,
			equals ? arena_strndup(rd->arena, item, (size_t)(equals - item)) : item,
			equals ? equals + 1 : NULL,
			json_line_of(json_object_array_get_idx(list->value, i)),
			arena_printf(rd->arena, "%zu", i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_environment(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *value = NULL;
	struct json_at list;
	int r;

	if (!json_object_object_get_ex(at->value, "environment", &value) || !value)
		return 0;
	if (json_object_is_type(value, json_type_array)) {
		r = json_member(at, "environment", json_type_array, &list, rd->err);
		return r < 0 ? r : read_environment_list(rd, &list, s);
	}
	if (!json_object_is_type(value, json_type_object))
		return json_invalid(at, "environment", "a mapping or a list", rd->err);
	json_object_object_foreach(value, name, item)
	{
		if (json_object_is_type(item, json_type_object) ||
			json_object_is_type(item, json_type_array))
			return json_invalid(at, "environment", "a mapping of texts", rd->err);
		r = add_variable(rd, s, name, item ? json_object_get_string(item) : NULL,
			json_line_of(item), name);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct compose_variable *compose_variable(
	const struct compose_service *service, const char *name)
{
	for (size_t i = service->environment.n; i-- > 0;)
		if (strcmp(service->environment.items[i].name, name) == 0)
			return &service->environment.items[i];
	return NULL;
}

bool compose_is_interpolated(const char *value)
{
	return strchr(value, '$') != NULL;
}

/* The rest of a service. */

static int read_extends(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *value = NULL;
	struct json_at extends;
	int r;

	if (!json_object_object_get_ex(at->value, "extends", &value) || !value)
		return 0;
	if (json_object_is_type(value, json_type_string)) {
		s->extends_service = json_object_get_string(value);
		return 0;
	}
	r = json_member(at, "extends", json_type_object, &extends, rd->err);
	if (r > 0)
		r = get_text(rd, &extends, "service", &s->extends_service, NULL);
	if (r >= 0)
		r = get_text(rd, &extends, "file", &s->extends_file, NULL);
	return r;
}

static int split_words(struct reader *rd, const char *text, struct string_list *ret)
{
	static const char blanks[] = " \t\r\n";

	for (;;) {
		size_t n;

		text += strspn(text, blanks);
		n = strcspn(text, blanks);
		if (!n)
			return 0;
		if (string_list_add(rd->arena, ret, arena_strndup(rd->arena, text, n)) < 0)
			return NVB_OOM(rd->err);
		text += n;
	}
}

static int read_command(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(at->value, "command", &value) || !value)
		return 0;
	s->command_line = json_line_of(value);
	if (json_object_is_type(value, json_type_array))
		return read_texts(rd, at, "command", &s->command);
	if (!json_object_is_type(value, json_type_string))
		return json_invalid(at, "command", "a text or a list", rd->err);
	return split_words(rd, json_object_get_string(value), &s->command);
}

/* An item may also be a mapping of source, target and permissions: never a CDI name. */
static int read_devices(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_at list;
	int r = json_member(at, "devices", json_type_array, &list, rd->err);

	for (size_t i = 0; r > 0 && i < json_length(&list); i++) {
		struct json_object *item = json_object_array_get_idx(list.value, i);
		struct json_object *path = item;
		const bool is_text = json_object_is_type(item, json_type_string);

		if (is_text &&
			string_list_add(rd->arena, &s->devices, json_object_get_string(item)) < 0)
			return NVB_OOM(rd->err);
		if (json_object_is_type(item, json_type_object))
			path = json_object_object_get(item, "source");
		if (json_object_is_type(path, json_type_string) &&
			json_object_get_string(path)[0] == '/' &&
			string_list_add(rd->arena, &s->nodes, json_object_get_string(path)) < 0)
			return NVB_OOM(rd->err);
	}
	return r;
}

/* A path, or a list of paths and of mappings with a path. */
static int read_env_files(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	struct json_object *value = NULL, *item, *path;
	size_t n;

	if (!json_object_object_get_ex(at->value, "env_file", &value) || !value)
		return 0;
	s->has_env_file = true;
	n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 1;
	for (size_t i = 0; i < n; i++) {
		item = json_object_is_type(value, json_type_array)
			       ? json_object_array_get_idx(value, i)
			       : value;
		path = item;
		if (json_object_is_type(item, json_type_object) &&
			!json_object_object_get_ex(item, "path", &path))
			path = NULL;
		if (!json_object_is_type(path, json_type_string))
			return json_invalid(at, "env_file", "a path or a list of paths", rd->err);
		if (string_list_add(rd->arena, &s->env_files, json_object_get_string(path)) < 0)
			return NVB_OOM(rd->err);
	}
	return 0;
}

static int read_service(struct reader *rd, const struct json_at *at, struct compose_service *s)
{
	int r = get_text(rd, at, "runtime", &s->runtime, &s->runtime_line);

	s->name = at->key;
	s->json = at->value;
	s->line = json_line_of(at->value);
	if (r >= 0)
		r = read_gpus(rd, at, s);
	if (r >= 0)
		r = read_deploy(rd, at, s);
	if (r >= 0)
		r = read_environment(rd, at, s);
	if (r >= 0)
		r = read_extends(rd, at, s);
	if (r >= 0)
		r = read_command(rd, at, s);
	if (r >= 0)
		r = read_devices(rd, at, s);
	if (r >= 0)
		r = read_env_files(rd, at, s);
	return r < 0 ? r : 0;
}

static int raise_not_compose(struct json_object *root, struct reader *rd, const struct json_at *at)
{
	/* Files of version 1 had the services at the top. */
	json_object_object_foreach(root, name, value)
	{
		(void)name;
		if (json_object_is_type(value, json_type_object) &&
			json_object_object_get_ex(value, "image", NULL))
			return NVB_HINT(rd->err, json_missing(at, "services", rd->err),
				"this looks like version 1 of the format: move the services below "
				"'services:'");
	}
	return NVB_HINT(rd->err, json_missing(at, "services", rd->err), "is this a compose file?");
}

int compose_read(
	struct json_object *root, struct arena *a, struct compose_file *ret, struct nvb_error **err)
{
	struct reader rd = { .arena = a, .err = err };
	struct compose_file file = { .root = root };
	struct json_at top, services;
	int r = json_root(root, json_type_object, &top, err);

	if (r >= 0)
		r = json_member(&top, "services", json_type_object, &services, err);
	if (r <= 0)
		return r < 0 ? r : raise_not_compose(root, &rd, &top);
	file.includes = json_object_object_get_ex(root, "include", NULL);
	json_object_object_foreach(services.value, name, value)
	{
		struct compose_service *s = vec_push(a, &file.services);
		struct json_at at;

		(void)value;
		if (!s)
			return NVB_OOM(err);
		if (file.services.n > SERVICE_LIMIT)
			return NVB_RAISE(
				err, NVB_ERR_LIMIT, 0, "more than %d services", SERVICE_LIMIT);
		r = json_member(&services, name, json_type_object, &at, err);
		if (r == 0)
			r = json_invalid(&services, name, "a mapping", err);
		if (r >= 0)
			r = read_service(&rd, &at, s);
		if (r < 0)
			return r;
	}
	*ret = file;
	return 0;
}
