/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <stdarg.h>
#include <string.h>

#include "oci/edit_build.h"
#include "oci/hook.h"

const char *edit_text_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

void edit_put_item(
	struct edit *e, struct json_object *array, size_t index, struct json_object *take_item)
{
	if (index == json_object_array_length(array)) {
		json_append(&e->b, array, take_item);
	} else if (json_object_array_put_idx(array, index, take_item) < 0) {
		(void)json_object_put(take_item);
		e->b.out_of_memory = true;
	}
}

int edit_warn(struct edit *e, struct nvb_error **err, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	const char *copy;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	copy = text ? arena_strdup(e->options->arena, text) : NULL;
	if (!copy || string_list_add(e->options->arena, e->options->warnings, copy) < 0)
		return NVB_OOM(err);
	return 0;
}

/* Of a name that is there twice, programs do not agree which one counts. */
static void set_variable(struct edit *e, struct json_object *env, const char *assignment)
{
	size_t length = strcspn(assignment, "=") + 1;
	size_t n = json_object_array_length(env);
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(env, i);

		if (!json_object_is_type(item, json_type_string) ||
			strncmp(json_object_get_string(item), assignment, length) != 0)
			continue;
		edit_put_item(e, env, i, json_new_string(&e->b, assignment));
		found = true;
	}
	if (!found)
		json_append(&e->b, env, json_new_string(&e->b, assignment));
}

static int edit_env(struct edit *e, const struct json_at *process, struct nvb_error **err)
{
	struct json_at env;
	int r;

	if (!e->plan->env.n)
		return 0;
	r = json_ensure(process, "env", json_type_array, &env, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, assignment, &e->plan->env)
		set_variable(e, env.value, *assignment);
	return 0;
}

static int edit_gids(struct edit *e, const struct json_at *process, struct nvb_error **err)
{
	struct json_at user, gids;
	int r;

	if (!e->plan->additional_gids.n)
		return 0;
	r = json_ensure(process, "user", json_type_object, &user, err);
	if (r >= 0)
		r = json_ensure(&user, "additionalGids", json_type_array, &gids, err);
	if (r < 0)
		return r;
	vec_foreach (uint32_t, gid, &e->plan->additional_gids) {
		size_t n = json_length(&gids), i = 0;

		while (i < n &&
			json_object_get_int64(json_object_array_get_idx(gids.value, i)) != *gid)
			i++;
		if (i == n)
			json_append_uint(&e->b, gids.value, *gid);
	}
	return 0;
}

static int edit_process(struct edit *e, struct nvb_error **err)
{
	struct json_at process;
	int r;

	if (!e->plan->env.n && !e->plan->additional_gids.n)
		return 0;
	r = json_ensure(&e->root, "process", json_type_object, &process, err);
	if (r >= 0)
		r = edit_env(e, &process, err);
	return r < 0 ? r : edit_gids(e, &process, err);
}

static struct json_object *describe_node(struct edit *e, const struct plan_node *node)
{
	struct json_object *o = json_new_object(&e->b);
	const char type[] = { node->type, '\0' };

	json_add_string(&e->b, o, "path", node->path);
	json_add_string(&e->b, o, "type", type);
	/* A FIFO has no numbers. */
	if (node->type != 'p') {
		json_add_uint(&e->b, o, "major", node->major);
		json_add_uint(&e->b, o, "minor", node->minor);
	}
	/* Without a node of the host, only what a spec says is known. */
	if (node->exists || node->mode)
		json_add_uint(&e->b, o, "fileMode", node->mode);
	if (node->exists || node->uid || node->gid) {
		json_add_uint(&e->b, o, "uid", node->uid);
		json_add_uint(&e->b, o, "gid", node->gid);
	}
	return o;
}

bool edit_node_is_left_out(const struct edit *e, const struct plan_node *node)
{
	return e->options->user_namespace && node->type && !node->exists;
}

bool edit_node_is_bound(const struct edit *e, const struct plan_node *node)
{
	return !node->type || (e->options->user_namespace && node->exists &&
				      strcmp(node->path, node->host_path) != 0);
}

static bool is_number(struct json_object *object, const char *key, uint64_t number)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) &&
	       json_object_get_uint64(value) == number;
}

static int keep_node(struct edit *e, struct json_object *own, const struct plan_node *node,
	struct nvb_error **err)
{
	if (node->type == 'p' ||
		(is_number(own, "major", node->major) && is_number(own, "minor", node->minor)))
		return 0;
	return edit_warn(e, err, "the container's own node '%s' stays: it is not %u:%u", node->path,
		node->major, node->minor);
}

static int put_node(struct edit *e, struct edit_items *devices, const struct plan_node *node,
	struct nvb_error **err)
{
	size_t at = edit_items_find(devices, node->path);

	if (e->options->keep_own && at < json_object_array_length(devices->array))
		return keep_node(e, json_object_array_get_idx(devices->array, at), node, err);
	edit_items_put(e, devices, at, node->path, describe_node(e, node));
	return 0;
}

static bool is_made(const struct edit *e, const struct plan_node *node)
{
	return !edit_node_is_bound(e, node) && !edit_node_is_left_out(e, node);
}

static int put_nodes(struct edit *e, const struct json_at *linux_at, struct nvb_error **err)
{
	_cleanup_(edit_items_done) struct edit_items items = { 0 };
	struct json_at devices;
	int r;

	r = json_ensure(linux_at, "devices", json_type_array, &devices, err);
	if (r < 0)
		return r;
	edit_items_init(e, &items, devices.value, "path");
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (r >= 0 && is_made(e, node))
			r = put_node(e, &items, node, err);
	return r;
}

/* One line for all of them: they may be a driver's whole table. */
static int warn_of_left_out(struct edit *e, struct nvb_error **err)
{
	const struct plan_node *first = NULL;
	size_t n = 0;

	vec_foreach (struct plan_node, node, &e->plan->nodes) {
		if (!edit_node_is_left_out(e, node))
			continue;
		first = first ? first : node;
		n++;
	}
	if (!n || !e->options->warnings)
		return 0;
	if (n == 1)
		return edit_warn(e, err,
			"the device node '%s' is not on this machine: in a user namespace it "
			"cannot be made, and is left out",
			first->host_path);
	return edit_warn(e, err,
		"%zu device nodes are not on this machine, '%s' the first: in a user namespace "
		"they cannot be made, and are left out",
		n, first->host_path);
}

static int edit_nodes(struct edit *e, struct nvb_error **err)
{
	bool made = false, ruled = false;
	struct json_at linux_at;
	int r = warn_of_left_out(e, err);

	vec_foreach (struct plan_node, node, &e->plan->nodes) {
		made |= is_made(e, node);
		ruled |= edit_node_has_rule(e, node);
	}
	if (r < 0 || (!made && !ruled))
		return r;
	r = json_ensure(&e->root, "linux", json_type_object, &linux_at, err);
	if (r >= 0 && made)
		r = put_nodes(e, &linux_at, err);
	return r >= 0 && ruled ? edit_rules(e, &linux_at, err) : r;
}

/* A bundle may be seen more than once, and an engine may have put the hooks there itself. */
static bool has_hook(struct json_object *list, struct json_object *hook)
{
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (oci_hook_is_same(json_object_array_get_idx(list, i), hook))
			return true;
	return false;
}

static int add_hook(struct edit *e, const struct json_at *hooks, const struct plan_hook *hook,
	struct nvb_error **err)
{
	struct json_at list;
	struct json_object *o;
	int r = json_ensure(hooks, hook->name, json_type_array, &list, err);

	if (r < 0)
		return r;
	o = oci_hook_describe(&e->b, hook);
	if (o && has_hook(list.value, o))
		json_putp(&o);
	else
		json_append(&e->b, list.value, o);
	return 0;
}

static int edit_hooks(struct edit *e, struct nvb_error **err)
{
	struct json_at hooks;
	int r;

	if (!e->plan->hooks.n)
		return 0;
	r = json_ensure(&e->root, "hooks", json_type_object, &hooks, err);
	vec_foreach (struct plan_hook, hook, &e->plan->hooks)
		if (r >= 0)
			r = add_hook(e, &hooks, hook, err);
	return r;
}

/* Source: OCI runtime specification 1.3.0, config-linux.md, "Network Devices". */
static int edit_net_devices(struct edit *e, const struct json_at *linux_at, struct nvb_error **err)
{
	struct json_at devices;
	int r;

	if (!e->plan->net_devices.n)
		return 0;
	r = json_ensure(linux_at, "netDevices", json_type_object, &devices, err);
	if (r < 0)
		return r;
	vec_foreach (struct plan_net_device, device, &e->plan->net_devices) {
		struct json_object *o = json_new_object(&e->b);

		if (device->name)
			json_add_string(&e->b, o, "name", device->name);
		json_add(&e->b, devices.value, device->host_name, o);
	}
	return 0;
}

static void edit_rdt(struct edit *e, const struct json_at *linux_at)
{
	const struct plan_rdt *rdt = e->plan->rdt;
	struct json_object *o, *schemata;
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "closID", rdt->clos_id },
		{ "l3CacheSchema", rdt->l3_cache_schema },
		{ "memBwSchema", rdt->mem_bw_schema },
	};
	const struct {
		const char *key;
		bool value;
	} switches[] = {
		{ "enableCMT", rdt->enable_cmt },
		{ "enableMBM", rdt->enable_mbm },
		{ "enableMonitoring", rdt->enable_monitoring },
	};

	o = json_add_object(&e->b, linux_at->value, "intelRdt");
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		if (texts[i].text)
			json_add_string(&e->b, o, texts[i].key, texts[i].text);
	if (rdt->schemata.n) {
		schemata = json_add_array(&e->b, o, "schemata");
		vec_foreach (const char *, line, &rdt->schemata)
			json_append_string(&e->b, schemata, *line);
	}
	for (size_t i = 0; i < ELEMENTS(switches); i++)
		if (switches[i].value)
			json_add_bool(&e->b, o, switches[i].key, true);
}

static int edit_machine_parts(struct edit *e, struct nvb_error **err)
{
	struct json_at linux_at;
	int r;

	if (!e->plan->net_devices.n && !e->plan->rdt)
		return 0;
	r = json_ensure(&e->root, "linux", json_type_object, &linux_at, err);
	if (r >= 0)
		r = edit_net_devices(e, &linux_at, err);
	if (r >= 0 && e->plan->rdt)
		edit_rdt(e, &linux_at);
	return r;
}

int oci_edit_plan_with(struct json_object *config, const struct plan *plan,
	const struct oci_edit_options *options, struct nvb_error **err)
{
	struct edit e = { .b = JSON_BUILDER_INIT, .plan = plan, .options = options };
	int r;

	r = json_root(config, json_type_object, &e.root, err);
	if (r >= 0)
		r = edit_process(&e, err);
	if (r >= 0)
		r = edit_nodes(&e, err);
	if (r >= 0)
		r = edit_machine_parts(&e, err);
	if (r >= 0)
		r = edit_hooks(&e, err);
	/* Last: it makes links. */
	if (r >= 0)
		r = edit_mounts(&e, err);
	json_putp(&e.mount_options);
	return r < 0 ? r : json_builder_check(&e.b, err);
}

int oci_edit_plan(struct json_object *config, const struct plan *plan, struct nvb_error **err)
{
	const struct oci_edit_options options = { .root_fd = -1 };

	return oci_edit_plan_with(config, plan, &options, err);
}
