/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "oci/defaults.h"
#include "oci/hook.h"

#define OCI_VERSION "1.0.2"
#define TTY_GID_OPTION "gid=5"

/* Everything that one config.json is made from. */
struct writer {
	struct json_builder b;
	struct json_object *root;
	const struct plan *plan;
	const struct oci_container *container;
};

bool oci_node_is_bound(const struct plan_node *node, bool rootless)
{
	/* A user namespace cannot mknod; a stand-in without numbers has nothing to make it from. */
	return rootless || !node->type;
}

static void append_strings(struct writer *w, struct json_object *array,
	const struct string_list *strings)
{
	vec_foreach (const char *, s, strings)
		json_append_string(&w->b, array, *s);
}

static bool has_capability(const struct oci_container *c, const char *name)
{
	return c->device_cgroup || c->rootless || strcmp(name, "CAP_MKNOD") != 0;
}

static void write_capabilities(struct writer *w, struct json_object *process)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	struct json_object *caps = json_add_object(&w->b, process, "capabilities");

	for (size_t s = 0; s < ELEMENTS(sets); s++) {
		struct json_object *set = json_add_array(&w->b, caps, sets[s]);

		/* An ordinary user starts with none; a set-user-ID program may still gain them. */
		if (w->container->uid != 0 && s > 0)
			continue;
		for (size_t i = 0; i < oci_capabilities_n; i++)
			if (has_capability(w->container, oci_capabilities[i]))
				json_append_string(&w->b, set, oci_capabilities[i]);
	}
}

static void write_gids(struct writer *w, struct json_object *user)
{
	const struct oci_container *c = w->container;
	struct json_object *array;

	/* Rootless, the caller's own groups stay in force: setgroups() is denied there. */
	if (c->rootless || !(c->gids.n + w->plan->additional_gids.n))
		return;
	array = json_add_array(&w->b, user, "additionalGids");
	vec_foreach (uint32_t, gid, &c->gids)
		json_append_uint(&w->b, array, *gid);
	vec_foreach (uint32_t, gid, &w->plan->additional_gids)
		json_append_uint(&w->b, array, *gid);
}

static void write_process(struct writer *w)
{
	const struct oci_container *c = w->container;
	struct json_object *process = json_add_object(&w->b, w->root, "process");
	struct json_object *user = json_add_object(&w->b, process, "user");
	struct json_object *rlimits;

	json_add_bool(&w->b, process, "terminal", c->terminal);
	json_add_uint(&w->b, user, "uid", c->uid);
	json_add_uint(&w->b, user, "gid", c->gid);
	write_gids(w, user);
	append_strings(w, json_add_array(&w->b, process, "args"), c->args);
	append_strings(w, json_add_array(&w->b, process, "env"), c->env);
	json_add_string(&w->b, process, "cwd", c->cwd);
	write_capabilities(w, process);
	if (!w->plan->rlimits.n)
		return;
	rlimits = json_add_array(&w->b, process, "rlimits");
	vec_foreach (struct plan_rlimit, limit, &w->plan->rlimits) {
		struct json_object *o = json_append_object(&w->b, rlimits);

		json_add_string(&w->b, o, "type", limit->type);
		json_add_uint(&w->b, o, "soft", limit->soft);
		json_add_uint(&w->b, o, "hard", limit->hard);
	}
}

static struct json_object *write_mount(struct writer *w, struct json_object *mounts,
	const char *destination, const char *type, const char *source)
{
	struct json_object *mount = json_append_object(&w->b, mounts);

	json_add_string(&w->b, mount, "destination", destination);
	json_add_string(&w->b, mount, "type", type);
	json_add_string(&w->b, mount, "source", source);
	return json_add_array(&w->b, mount, "options");
}

static void write_shm_size(struct writer *w, struct json_object *options)
{
	char text[32];

	if (!w->plan->shm_size_bytes)
		return;
	(void)snprintf(text, sizeof(text), "size=%" PRIu64, w->plan->shm_size_bytes);
	json_append_string(&w->b, options, text);
}

static void write_table_mounts(struct writer *w, struct json_object *mounts,
	const struct oci_default_mount *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct oci_default_mount *m = &table[i];
		struct json_object *options =
			write_mount(w, mounts, m->destination, m->type, m->source);

		for (size_t o = 0; o < ELEMENTS(m->options) && m->options[o]; o++)
			json_append_string(&w->b, options, m->options[o]);
		/* The terminal group has no number in a namespace that maps one user. */
		if (strcmp(m->type, "devpts") == 0 && !w->container->rootless)
			json_append_string(&w->b, options, TTY_GID_OPTION);
		if (strcmp(m->destination, "/dev/shm") == 0)
			write_shm_size(w, options);
	}
}

static void write_sysfs(struct writer *w, struct json_object *mounts)
{
	static const char *const bound[] = { "rbind", "ro", "rro", "nosuid", "noexec", "nodev" };
	static const char *const fresh[] = { "nosuid", "noexec", "nodev", "ro" };
	/* sysfs belongs to a network namespace; only that one's owner may mount it. */
	bool bind = w->container->rootless && w->container->host_network;
	const char *const *options = bind ? bound : fresh;
	size_t n = bind ? ELEMENTS(bound) : ELEMENTS(fresh);
	struct json_object *array = write_mount(
		w, mounts, "/sys", bind ? "none" : "sysfs", bind ? "/sys" : "sysfs");

	for (size_t i = 0; i < n; i++)
		json_append_string(&w->b, array, options[i]);
}

static void write_plan_mounts(struct writer *w, struct json_object *mounts,
	const struct plan_mount_list *list)
{
	vec_foreach (struct plan_mount, m, list) {
		struct json_object *options =
			write_mount(w, mounts, m->destination, m->type ? m->type : "none",
				m->source);

		append_strings(w, options, &m->options);
	}
}

static void write_bound_nodes(struct writer *w, struct json_object *mounts)
{
	vec_foreach (struct plan_node, node, &w->plan->nodes) {
		struct json_object *options;

		if (!oci_node_is_bound(node, w->container->rootless) || !node->exists)
			continue;
		options = write_mount(w, mounts, node->path, "none", node->host_path);
		json_append_string(&w->b, options, "bind");
		json_append_string(&w->b, options, "nosuid");
	}
}

static void write_mounts(struct writer *w)
{
	struct json_object *mounts = json_add_array(&w->b, w->root, "mounts");

	write_table_mounts(w, mounts, oci_default_mounts, oci_default_mounts_n);
	if (w->container->root_is_host)
		write_table_mounts(w, mounts, oci_host_root_mounts, oci_host_root_mounts_n);
	write_sysfs(w, mounts);
	write_bound_nodes(w, mounts);
	write_plan_mounts(w, mounts, w->container->extra_mounts);
	write_plan_mounts(w, mounts, w->container->mounts);
}

static void write_devices(struct writer *w, struct json_object *linux_object)
{
	struct json_object *devices = json_add_array(&w->b, linux_object, "devices");

	vec_foreach (struct plan_node, node, &w->plan->nodes) {
		struct json_object *o;
		char type[2] = { node->type, '\0' };

		if (oci_node_is_bound(node, w->container->rootless))
			continue;
		o = json_append_object(&w->b, devices);
		json_add_string(&w->b, o, "path", node->path);
		json_add_string(&w->b, o, "type", type);
		json_add_uint(&w->b, o, "major", node->major);
		json_add_uint(&w->b, o, "minor", node->minor);
		json_add_uint(&w->b, o, "fileMode", node->exists ? node->mode : 0666);
		json_add_uint(&w->b, o, "uid", node->exists ? node->uid : 0);
		json_add_uint(&w->b, o, "gid", node->exists ? node->gid : 0);
	}
}

/* Hooks come from CDI specs alone: see plan/plan.h. Grouped by name, in the plan's order. */
static void write_hooks(struct writer *w)
{
	struct json_object *hooks;

	if (!w->plan->hooks.n)
		return;
	hooks = json_add_object(&w->b, w->root, "hooks");
	vec_foreach (struct plan_hook, hook, &w->plan->hooks) {
		struct json_object *list = NULL;

		if (!json_object_object_get_ex(hooks, hook->name, &list))
			list = json_add_array(&w->b, hooks, hook->name);
		json_append(&w->b, list, oci_hook_describe(&w->b, hook));
	}
}

static struct json_object *write_device_rule(struct writer *w, struct json_object *rules,
	bool allow, const char *access)
{
	struct json_object *rule = json_append_object(&w->b, rules);

	json_add_bool(&w->b, rule, "allow", allow);
	json_add_string(&w->b, rule, "access", access);
	return rule;
}

static void write_cpus(struct writer *w, struct json_object *resources)
{
	if (w->plan->cpu_set)
		json_add_string(&w->b, json_add_object(&w->b, resources, "cpu"), "cpus",
			w->plan->cpu_set);
}

/* Deny all, then name what is allowed. Making a node is allowed everywhere: using it is not. */
static void write_resources(struct writer *w, struct json_object *linux_object)
{
	static const char *const types[] = { "c", "b" };
	struct json_object *resources, *rules;

	if (!w->container->device_cgroup)
		return;
	resources = json_add_object(&w->b, linux_object, "resources");
	write_cpus(w, resources);
	rules = json_add_array(&w->b, resources, "devices");
	(void)write_device_rule(w, rules, false, "rwm");
	for (size_t i = 0; i < ELEMENTS(types); i++)
		json_add_string(
			&w->b, write_device_rule(w, rules, true, "m"), "type", types[i]);
	vec_foreach (struct plan_node, node, &w->plan->nodes) {
		struct json_object *rule;
		char type[2] = { node->type, '\0' };

		if (!node->type || !node->permissions[0])
			continue;
		rule = write_device_rule(w, rules, true, node->permissions);
		json_add_string(&w->b, rule, "type", type);
		json_add_uint(&w->b, rule, "major", node->major);
		json_add_uint(&w->b, rule, "minor", node->minor);
	}
}

static void write_namespaces(struct writer *w, struct json_object *linux_object)
{
	static const char *const types[] = { "pid", "ipc", "uts", "mount", "network" };
	struct json_object *array = json_add_array(&w->b, linux_object, "namespaces");

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (!w->container->host_network || strcmp(types[i], "network") != 0)
			json_add_string(
				&w->b, json_append_object(&w->b, array), "type", types[i]);
}

static void append_table(struct writer *w, struct json_object *object, const char *key,
	const char *const *table, size_t n)
{
	struct json_object *array = json_add_array(&w->b, object, key);

	for (size_t i = 0; i < n; i++)
		json_append_string(&w->b, array, table[i]);
}

static void write_seccomp(struct writer *w, struct json_object *linux_object)
{
	struct json_object *seccomp = json_add_object(&w->b, linux_object, "seccomp");
	struct json_object *rule;

	json_add_string(&w->b, seccomp, "defaultAction", "SCMP_ACT_ALLOW");
	if (oci_seccomp_architectures_n)
		append_table(w, seccomp, "architectures", oci_seccomp_architectures,
			oci_seccomp_architectures_n);
	rule = json_append_object(&w->b, json_add_array(&w->b, seccomp, "syscalls"));
	append_table(w, rule, "names", oci_denied_syscalls, oci_denied_syscalls_n);
	json_add_string(&w->b, rule, "action", "SCMP_ACT_ERRNO");
	json_add_uint(&w->b, rule, "errnoRet", EPERM);
}

static void write_linux(struct writer *w)
{
	struct json_object *linux_object = json_add_object(&w->b, w->root, "linux");

	if (w->container->cgroup_path)
		json_add_string(
			&w->b, linux_object, "cgroupsPath", w->container->cgroup_path);
	write_namespaces(w, linux_object);
	write_devices(w, linux_object);
	write_resources(w, linux_object);
	write_seccomp(w, linux_object);
	append_table(w, linux_object, "maskedPaths", oci_masked_paths, oci_masked_paths_n);
	append_table(w, linux_object, "readonlyPaths", oci_read_only_paths, oci_read_only_paths_n);
}

int oci_config_format(const struct plan *plan, const struct oci_container *container,
	char **ret_text, size_t *ret_length, struct nvb_error **err)
{
	struct writer w = { .b = JSON_BUILDER_INIT, .plan = plan, .container = container };
	_cleanup_(json_putp) struct json_object *config = NULL;
	struct json_object *root;
	int r;

	config = w.root = json_new_object(&w.b);
	json_add_string(&w.b, w.root, "ociVersion", OCI_VERSION);
	write_process(&w);
	root = json_add_object(&w.b, w.root, "root");
	json_add_string(&w.b, root, "path", container->root_path);
	json_add_bool(&w.b, root, "readonly", container->root_read_only);
	json_add_string(&w.b, w.root, "hostname", container->hostname);
	write_mounts(&w);
	write_hooks(&w);
	write_linux(&w);
	r = json_builder_check(&w.b, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "write the container's configuration");
	return json_format(config, JSON_PLAIN, ret_text, ret_length, err);
}
