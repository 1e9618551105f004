/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "format/json.h"
#include "nvbind/cdi_arguments.h"

#define MIN_COLUMN 30

static void print_text(const struct cdi_registry *registry)
{
	size_t width = MIN_COLUMN;

	vec_foreach (struct cdi_found, found, &registry->devices)
		if (strlen(found->name) > width)
			width = strlen(found->name);
	vec_foreach (struct cdi_found, found, &registry->devices)
		printf("%-*s  %s\n", (int)width, found->name, found->spec->path);
}

static void warn_of_nothing(const struct cdi_registry *registry)
{
	_cleanup_(strbuf_done) struct strbuf places = STRBUF_INIT(4096);

	vec_foreach (const char *, directory, &registry->directories)
		strbuf_printf(&places, "%s%s", places.length ? ", " : "", *directory);
	log_warning("no CDI device is defined in %s", strbuf_str(&places));
}

static void add_specs(
	struct json_builder *b, struct json_object *root, const struct cdi_registry *registry)
{
	struct json_object *specs = json_add_array(b, root, "specs");

	vec_foreach (struct cdi_spec *, item, &registry->specs) {
		const struct cdi_spec *spec = *item;
		struct json_object *object = json_append_object(b, specs), *devices;

		json_add_string(b, object, "path", spec->path);
		json_add_string(b, object, "kind", spec->kind);
		json_add_string(b, object, "version", spec->version);
		devices = json_add_array(b, object, "devices");
		vec_foreach (struct cdi_device, device, &spec->devices)
			json_append_string(b, devices, device->name);
	}
}

static void add_hindrances(
	struct json_builder *b, struct json_object *root, const struct cdi_registry *registry)
{
	struct json_object *list = json_add_array(b, root, "conflicts"), *object, *paths;

	vec_foreach (struct cdi_conflict, conflict, &registry->conflicts) {
		object = json_append_object(b, list);
		json_add_string(b, object, "name", conflict->name);
		paths = json_add_array(b, object, "paths");
		json_append_string(b, paths, conflict->path);
		json_append_string(b, paths, conflict->other_path);
	}
	list = json_add_array(b, root, "problems");
	vec_foreach (struct cdi_problem, problem, &registry->problems) {
		object = json_append_object(b, list);
		json_add_string(b, object, "path", problem->path);
		json_add_string(b, object, "message", problem->message);
	}
}

static int print_json(const struct cdi_registry *registry, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	_cleanup_free_ char *text = NULL;
	struct json_object *list = json_add_array(&b, root, "directories");
	int r;

	vec_foreach (const char *, directory, &registry->directories)
		json_append_string(&b, list, *directory);
	list = json_add_array(&b, root, "devices");
	vec_foreach (struct cdi_found, found, &registry->devices) {
		struct json_object *object = json_append_object(&b, list);

		json_add_string(&b, object, "name", found->name);
		json_add_string(&b, object, "path", found->spec->path);
	}
	add_specs(&b, root, registry);
	add_hindrances(&b, root, registry);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		fputs(text, stdout);
	return r < 0 ? r : 0;
}

int cmd_cdi_list(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(cdi_arguments_done) struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	int r;

	r = cdi_arguments_parse(COMMAND_CDI_LIST, context, argc, argv, &arguments, err);
	if (r <= 0)
		return r;
	if (arguments.operands.n)
		return command_no_operands(COMMAND_CDI_LIST, argc - 1, argc, argv, err);
	r = cdi_registry_read(&arguments.directories, &registry, err);
	if (r < 0)
		return r;
	if (arguments.json)
		return print_json(registry, err);
	print_text(registry);
	cdi_arguments_warn(registry);
	if (!registry->devices.n)
		warn_of_nothing(registry);
	return 0;
}
