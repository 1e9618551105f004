/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for programs. This is a public interface: keys, their order and their types stay as
 * they are; new keys go to the end of their object. What is not known is null.
 */
#include <string.h>

#include "format/json.h"
#include "plan/plan.h"

struct json {
	struct json_builder builder;
	struct json_object *root;
};

static void add_strings(struct json *j, struct json_object *object, const char *key,
	const struct string_list *list)
{
	struct json_object *array = json_add_array(&j->builder, object, key);

	vec_foreach (const char *, item, list)
		json_append_string(&j->builder, array, *item);
}

static void add_outcome(struct json *j, struct json_object *o, const struct plan_knob *knob)
{
	json_add_string(&j->builder, o, "status", knob_status_name(knob->status));
	json_add_string(&j->builder, o, "mechanism", knob->mechanism);
	json_add_string(&j->builder, o, "reason", knob->reason);
}

static void add_isolation(struct json *j, const struct plan *plan)
{
	struct json_object *o = json_add_object(&j->builder, j->root, "isolation");

	json_add_string(&j->builder, o, "mode", plan->isolation_outcome.value);
	add_outcome(j, o, &plan->isolation_outcome);
}

/* A partition is told by its own UUID; its place "i:j" is in the knob "gpu". */
static void add_gpus(struct json *j, const struct selection *gpus)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "gpus");

	for (size_t i = 0; i < gpus->n; i++) {
		const struct selected_gpu *item = &gpus->items[i];
		struct json_object *o = json_append_object(&j->builder, array);

		json_add_uint(&j->builder, o, "index", item->gpu->index);
		json_add_string(&j->builder, o, "uuid",
			item->partition ? item->partition->uuid : item->gpu->uuid);
		json_add_string(&j->builder, o, "pci_address", item->gpu->pci_address);
	}
}

static void add_nodes(struct json *j, const struct plan_node_list *nodes)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "device_nodes");

	vec_foreach (struct plan_node, node, nodes) {
		struct json_object *o = json_append_object(&j->builder, array);
		const char type[] = { node->type, '\0' };

		json_add_string(&j->builder, o, "path", node->path);
		json_add_string(&j->builder, o, "host_path", node->host_path);
		json_add_string(&j->builder, o, "type", node->type ? type : NULL);
		if (node->type) {
			json_add_uint(&j->builder, o, "major", node->major);
			json_add_uint(&j->builder, o, "minor", node->minor);
		} else {
			json_add_null(&j->builder, o, "major");
			json_add_null(&j->builder, o, "minor");
		}
		json_add_string(&j->builder, o, "permissions", node->permissions);
	}
}

static void add_mounts(struct json *j, const struct plan_mount_list *mounts)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "mounts");

	vec_foreach (struct plan_mount, mount, mounts) {
		struct json_object *o = json_append_object(&j->builder, array);
		struct json_object *options;

		json_add_string(&j->builder, o, "source", mount->source);
		json_add_string(&j->builder, o, "destination", mount->destination);
		options = json_add_array(&j->builder, o, "options");
		vec_foreach (const char *, option, &mount->options)
			json_append_string(&j->builder, options, *option);
		/* Only a CDI spec brings another one; everything of ours is a bind mount. */
		if (mount->type)
			json_add_string(&j->builder, o, "type", mount->type);
	}
}

static void add_links(struct json *j, const struct plan_link_list *links)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "links");

	vec_foreach (struct plan_link, link, links) {
		struct json_object *o = json_append_object(&j->builder, array);

		json_add_string(&j->builder, o, "path", link->path);
		json_add_string(&j->builder, o, "text", link->text);
		json_add_string(&j->builder, o, "source", link->source);
	}
}

/* The planner has checked that every line has a "=". */
static int add_env(struct json *j, struct arena *a, const struct string_list *env)
{
	struct json_object *o = json_add_object(&j->builder, j->root, "env");

	vec_foreach (const char *, line, env) {
		const char *equals = strchr(*line, '=');
		const char *name = arena_strndup(a, *line, (size_t)(equals - *line));

		if (!name)
			return -1;
		json_add_string(&j->builder, o, name, equals + 1);
	}
	return 0;
}

static void add_limits(struct json *j, const struct plan *plan)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "additional_gids");

	vec_foreach (uint32_t, gid, &plan->additional_gids)
		json_append_uint(&j->builder, array, *gid);
	array = json_add_array(&j->builder, j->root, "rlimits");
	vec_foreach (struct plan_rlimit, limit, &plan->rlimits) {
		struct json_object *o = json_append_object(&j->builder, array);

		json_add_string(&j->builder, o, "type", limit->type);
		json_add_uint(&j->builder, o, "soft", limit->soft);
		json_add_uint(&j->builder, o, "hard", limit->hard);
	}
}

static void add_hooks(struct json *j, const struct plan_hook_list *hooks)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "hooks");

	vec_foreach (struct plan_hook, hook, hooks) {
		struct json_object *o = json_append_object(&j->builder, array);

		json_add_string(&j->builder, o, "name", hook->name);
		json_add_string(&j->builder, o, "path", hook->path);
		add_strings(j, o, "args", &hook->args);
		add_strings(j, o, "env", &hook->env);
		if (hook->timeout_s)
			json_add_int(&j->builder, o, "timeout", hook->timeout_s);
		else
			json_add_null(&j->builder, o, "timeout");
	}
}

static void add_knobs(struct json *j, const struct plan_knob_list *knobs)
{
	struct json_object *array = json_add_array(&j->builder, j->root, "knobs");

	vec_foreach (struct plan_knob, knob, knobs) {
		struct json_object *o = json_append_object(&j->builder, array);

		json_add_string(&j->builder, o, "name", knob->name);
		json_add_string(&j->builder, o, "value", knob->value);
		add_outcome(j, o, knob);
	}
}

int plan_format_json(const struct plan *plan, char **ret_text, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json j = { .builder = JSON_BUILDER_INIT };
	int r;

	if (!scratch)
		return NVB_OOM(err);
	j.root = root = json_new_object(&j.builder);
	json_add_string(&j.builder, root, "engine", plan->engine);
	json_add_string(&j.builder, root, "image", plan->image);
	add_strings(&j, root, "command", &plan->command);
	add_isolation(&j, plan);
	add_gpus(&j, &plan->gpus);
	add_nodes(&j, &plan->nodes);
	add_mounts(&j, &plan->mounts);
	if (add_env(&j, scratch, &plan->env) < 0)
		return NVB_OOM(err);
	add_limits(&j, plan);
	add_hooks(&j, &plan->hooks);
	add_knobs(&j, &plan->knobs);
	add_strings(&j, root, "warnings", &plan->warnings);
	add_strings(&j, root, "engine_argv", &plan->engine_argv);
	add_links(&j, &plan->links);
	r = json_builder_check(&j.builder, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "write the plan");
	return json_format(root, JSON_PRETTY, ret_text, NULL, err);
}
