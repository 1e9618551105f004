/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/edit.h"

#include <string.h>

#include "format/json.h"
#include "oci/hook.h"

/* The document while it is edited. */
struct edit {
	struct json_builder b;
	struct json_at root;
	const struct plan *plan;
};

static const char *text_member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, key, &value) ||
		!json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* Index of the item whose member `key` is `text`, or the array's length. */
static size_t find_item(struct json_object *array, const char *key, const char *text)
{
	size_t n = json_object_array_length(array);

	for (size_t i = 0; i < n; i++) {
		const char *member = text_member(json_object_array_get_idx(array, i), key);

		if (member && strcmp(member, text) == 0)
			return i;
	}
	return n;
}

static void put_item(struct edit *e, struct json_object *array, size_t index,
	struct json_object *take_item)
{
	if (index == json_object_array_length(array)) {
		json_append(&e->b, array, take_item);
	} else if (json_object_array_put_idx(array, index, take_item) < 0) {
		(void)json_object_put(take_item);
		e->b.out_of_memory = true;
	}
}

static void set_variable(struct edit *e, struct json_object *env, const char *assignment)
{
	size_t length = strcspn(assignment, "=") + 1;
	size_t n = json_object_array_length(env), i;

	for (i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(env, i);

		if (json_object_is_type(item, json_type_string) &&
			strncmp(json_object_get_string(item), assignment, length) == 0)
			break;
	}
	put_item(e, env, i, json_new_string(&e->b, assignment));
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

static struct json_object *describe_rule(struct edit *e, const struct plan_node *node)
{
	struct json_object *o = json_new_object(&e->b);
	const char type[] = { node->type, '\0' };

	json_add_bool(&e->b, o, "allow", true);
	json_add_string(&e->b, o, "type", type);
	json_add_uint(&e->b, o, "major", node->major);
	json_add_uint(&e->b, o, "minor", node->minor);
	json_add_string(&e->b, o, "access", node->permissions);
	return o;
}

static int edit_rules(struct edit *e, const struct json_at *linux_at, struct nvb_error **err)
{
	struct json_at resources, rules;
	int r;

	r = json_ensure(linux_at, "resources", json_type_object, &resources, err);
	if (r >= 0)
		r = json_ensure(&resources, "devices", json_type_array, &rules, err);
	if (r < 0)
		return r;
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (node->type && node->permissions[0])
			json_append(&e->b, rules.value, describe_rule(e, node));
	return 0;
}

static int edit_nodes(struct edit *e, struct nvb_error **err)
{
	struct json_at linux_at, devices;
	bool made = false, ruled = false;
	int r;

	vec_foreach (struct plan_node, node, &e->plan->nodes) {
		made |= node->type;
		ruled |= node->type && node->permissions[0];
	}
	if (!made)
		return 0;
	r = json_ensure(&e->root, "linux", json_type_object, &linux_at, err);
	if (r >= 0)
		r = json_ensure(&linux_at, "devices", json_type_array, &devices, err);
	if (r < 0)
		return r;
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (node->type)
			put_item(e, devices.value, find_item(devices.value, "path", node->path),
				describe_node(e, node));
	return ruled ? edit_rules(e, &linux_at, err) : 0;
}

static struct json_object *describe_mount(struct edit *e, const char *type, const char *source,
	const char *destination, const struct string_list *options)
{
	struct json_object *o = json_new_object(&e->b);
	struct json_object *array;

	json_add_string(&e->b, o, "destination", destination);
	json_add_string(&e->b, o, "type", type ? type : "bind");
	json_add_string(&e->b, o, "source", source);
	array = json_add_array(&e->b, o, "options");
	vec_foreach (const char *, option, options)
		json_append_string(&e->b, array, *option);
	return o;
}

static size_t mount_depth(struct json_object *mount)
{
	const char *destination = text_member(mount, "destination");

	return destination ? plan_mount_depth(destination) : 0;
}

/*
 * All mounts, also those that were there: a CDI mount on /usr/lib must not cover the document's on
 * /usr/lib/x. Mounts of the same depth keep their order. Takes the place of the array.
 */
static void sort_mounts(struct edit *e, struct json_object *mounts)
{
	struct json_object *sorted = json_new_array(&e->b);
	size_t n = json_object_array_length(mounts), deepest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t depth = mount_depth(json_object_array_get_idx(mounts, i));

		deepest = depth > deepest ? depth : deepest;
	}
	for (size_t depth = 0; depth <= deepest; depth++) {
		for (size_t i = 0; i < n; i++) {
			struct json_object *mount = json_object_array_get_idx(mounts, i);

			if (mount_depth(mount) == depth)
				json_append(&e->b, sorted, json_object_get(mount));
		}
	}
	json_add(&e->b, e->root.value, "mounts", sorted);
}

static void put_mount(struct edit *e, struct json_object *mounts, const char *destination,
	struct json_object *take_mount)
{
	put_item(e, mounts, find_item(mounts, "destination", destination), take_mount);
}

static bool has_mounts(const struct plan *plan)
{
	vec_foreach (struct plan_node, node, &plan->nodes)
		if (!node->type)
			return true;
	return plan->mounts.n > 0;
}

static int edit_mounts(struct edit *e, struct nvb_error **err)
{
	static const char *const words[] = { "bind", "nosuid", "noexec" };
	const char *items[ELEMENTS(words)];
	struct string_list bound = { .items = items, .n = ELEMENTS(words) };
	struct json_at mounts;
	int r;

	if (!has_mounts(e->plan))
		return 0;
	r = json_ensure(&e->root, "mounts", json_type_array, &mounts, err);
	if (r < 0)
		return r;
	memcpy(items, words, sizeof(words));
	/* A stand-in without numbers can only be bound. */
	vec_foreach (struct plan_node, node, &e->plan->nodes)
		if (!node->type)
			put_mount(e, mounts.value, node->path,
				describe_mount(e, NULL, node->host_path, node->path, &bound));
	vec_foreach (struct plan_mount, m, &e->plan->mounts)
		put_mount(e, mounts.value, m->destination,
			describe_mount(e, m->type, m->source, m->destination, &m->options));
	sort_mounts(e, mounts.value);
	return 0;
}

static int add_hook(struct edit *e, const struct json_at *hooks, const struct plan_hook *hook,
	struct nvb_error **err)
{
	struct json_at list;
	int r = json_ensure(hooks, hook->name, json_type_array, &list, err);

	if (r >= 0)
		oci_hook_append(&e->b, list.value, hook);
	return r;
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

int oci_edit_plan(struct json_object *config, const struct plan *plan, struct nvb_error **err)
{
	struct edit e = { .b = JSON_BUILDER_INIT, .plan = plan };
	int r;

	r = json_root(config, json_type_object, &e.root, err);
	if (r >= 0)
		r = edit_process(&e, err);
	if (r >= 0)
		r = edit_nodes(&e, err);
	if (r >= 0)
		r = edit_machine_parts(&e, err);
	if (r >= 0)
		r = edit_mounts(&e, err);
	if (r >= 0)
		r = edit_hooks(&e, err);
	return r < 0 ? r : json_builder_check(&e.b, err);
}
