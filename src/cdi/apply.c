/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/apply.h"

#include <string.h>

#include "base/path.h"

/* One application: where it goes and what it may not touch. */
struct target {
	const struct cdi_apply_options *options;
	const struct cdi_spec *spec;
	struct host_tree live; /* "/", for nodes outside of a simulated root */
	struct plan *plan;
};

static const struct host_tree *tree_of(const struct target *t, const char **path)
{
	const char *prefix = t->options->tree->prefix;

	if (host_tree_is_live(t->options->tree) || !path_is_below(*path, prefix))
		return &t->live;
	*path += strlen(prefix);
	return t->options->tree;
}

static int raise_stale(const struct target *t, const char *what, const char *path,
	struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_DRIVER, 0, "apply the CDI spec '%s': %s '%s' does not exist",
			t->spec->path ? t->spec->path : t->spec->kind, what, path),
		"the spec is stale: run 'nvbind cdi refresh', or the tool that wrote it");
}

/* The node on the host, with what the spec says of it. */
static int describe_node(struct target *t, const struct cdi_device_node *from,
	struct plan_node *to, struct nvb_error **err)
{
	const char *path = from->host_path ? from->host_path : from->path;
	const struct host_tree *tree = tree_of(t, &path);
	struct host_node node;
	errint_t e;

	e = host_tree_node(tree, t->plan->arena, path, &node);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_DRIVER, -e, "look at the node '%s'", path);
	if (!node.exists && !(from->has_major && from->has_minor))
		return raise_stale(t, "the node", node.host_path, err);
	*to = (struct plan_node){
		.path = from->path,
		.host_path = node.host_path,
		.type = from->type && from->type[0] ? from->type[0] : node.type,
		.major = from->has_major ? (uint32_t)from->major : node.major,
		.minor = from->has_minor ? (uint32_t)from->minor : node.minor,
		.mode = from->has_file_mode ? from->file_mode & 0777 : node.mode,
		.uid = from->has_uid ? from->uid : node.uid,
		.gid = from->has_gid ? from->gid : node.gid,
		.exists = node.exists,
		.is_device = node.is_device,
		.permissions = from->permissions && from->permissions[0] ? from->permissions : "rw",
	};
	if (!to->type && from->has_major)
		to->type = 'c';
	/* An unbuffered character device is one to the kernel. */
	if (to->type == 'u')
		to->type = 'c';
	return 0;
}

static int apply_node(struct target *t, const struct cdi_device_node *from,
	struct nvb_error **err)
{
	struct plan_node node, *slot = NULL;
	int r = describe_node(t, from, &node, err);

	if (r < 0)
		return r;
	vec_foreach (struct plan_node, old, &t->plan->nodes)
		if (strcmp(old->path, node.path) == 0)
			slot = old;
	if (!slot)
		slot = vec_push(t->plan->arena, &t->plan->nodes);
	if (!slot)
		return NVB_OOM(err);
	*slot = node;
	return 0;
}

static int apply_mount(struct target *t, const struct cdi_mount *from, struct nvb_error **err)
{
	struct plan_mount *slot = NULL;

	vec_foreach (struct plan_mount, old, &t->plan->mounts)
		if (strcmp(old->destination, from->container_path) == 0)
			slot = old;
	if (!slot)
		slot = vec_push(t->plan->arena, &t->plan->mounts);
	if (!slot)
		return NVB_OOM(err);
	*slot = (struct plan_mount){
		.source = from->host_path,
		.destination = from->container_path,
		.options = from->options,
		.is_volume = true,
	};
	return 0;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

static bool names_variable(const struct string_list *list, const char *assignment)
{
	if (!list)
		return false;
	vec_foreach (const char *, s, list)
		if (same_name(assignment, *s))
			return true;
	return false;
}

static int apply_env(struct target *t, const char *assignment, struct nvb_error **err)
{
	const char **slot = NULL;

	if (names_variable(t->options->user_env, assignment))
		return 0;
	vec_foreach (const char *, s, &t->plan->env)
		if (same_name(assignment, *s))
			slot = s;
	if (!slot)
		slot = vec_push(t->plan->arena, &t->plan->env);
	if (!slot)
		return NVB_OOM(err);
	*slot = assignment;
	return 0;
}

static int apply_hook(struct target *t, const struct cdi_hook *from, struct nvb_error **err)
{
	struct plan_hook *hook = vec_push(t->plan->arena, &t->plan->hooks);

	if (!hook)
		return NVB_OOM(err);
	*hook = (struct plan_hook){
		.name = from->name,
		.path = from->path,
		.args = from->args,
		.env = from->env,
		.timeout_s = from->has_timeout ? from->timeout_s : 0,
	};
	return 0;
}

static int apply_gid(struct target *t, uint32_t gid, struct nvb_error **err)
{
	uint32_t *slot;

	if (gid == 0)
		return 0;
	vec_foreach (uint32_t, old, &t->plan->additional_gids)
		if (*old == gid)
			return 0;
	slot = vec_push(t->plan->arena, &t->plan->additional_gids);
	if (!slot)
		return NVB_OOM(err);
	*slot = gid;
	return 0;
}

static int refuse_unsupported(const struct target *t, const struct cdi_edits *edits,
	struct nvb_error **err)
{
	if (!edits->net_devices.n && !edits->intel_rdt)
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"apply the CDI spec '%s': the built-in engine has no %s",
		t->spec->path ? t->spec->path : t->spec->kind,
		edits->net_devices.n ? "network devices" : "Intel RDT");
}

static int apply_edits(struct target *t, const struct cdi_edits *edits, struct nvb_error **err)
{
	int r = refuse_unsupported(t, edits, err);

	for (size_t i = 0; r >= 0 && i < edits->env.n; i++)
		r = apply_env(t, edits->env.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->device_nodes.n; i++)
		r = apply_node(t, &edits->device_nodes.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->mounts.n; i++)
		r = apply_mount(t, &edits->mounts.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->hooks.n; i++)
		r = apply_hook(t, &edits->hooks.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->additional_gids.n; i++)
		r = apply_gid(t, edits->additional_gids.items[i], err);
	return r;
}

static bool spec_came_before(const struct cdi_found_list *list, const struct cdi_found *found)
{
	for (const struct cdi_found *f = list->items; f < found; f++)
		if (f->spec == found->spec)
			return true;
	return false;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1];
	return n;
}

/* A mount must not cover one that lies below it: parents first, else the given order. */
static void sort_mounts(struct plan_mount_list *mounts)
{
	for (size_t i = 1; i < mounts->n; i++) {
		struct plan_mount m = mounts->items[i];
		size_t at = i;

		while (at && depth(mounts->items[at - 1].destination) > depth(m.destination)) {
			mounts->items[at] = mounts->items[at - 1];
			at--;
		}
		mounts->items[at] = m;
	}
}

int cdi_apply_to_plan(const struct cdi_apply_options *options, struct plan *plan,
	struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree live = HOST_TREE_INIT;
	struct target t = { .options = options, .plan = plan };
	int r;

	r = host_tree_open("/", &live, err);
	t.live = live;
	for (size_t i = 0; r >= 0 && i < options->devices->n; i++) {
		const struct cdi_found *found = &options->devices->items[i];

		t.spec = found->spec;
		if (!spec_came_before(options->devices, found))
			r = apply_edits(&t, &found->spec->edits, err);
		if (r >= 0)
			r = apply_edits(&t, &found->device->edits, err);
	}
	if (r >= 0)
		sort_mounts(&plan->mounts);
	return r;
}
