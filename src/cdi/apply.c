/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/apply.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
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

static const char *spec_name(const struct target *t)
{
	return t->spec->path ? t->spec->path : t->spec->kind;
}

static int raise_stale(
	const struct target *t, const char *what, const char *path, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_DRIVER, 0, "apply the CDI spec '%s': %s '%s' does not exist",
			spec_name(t), what, path),
		"the spec is stale: run 'nvbind cdi refresh', or the tool that wrote it");
}

static bool is_empty(const char *text)
{
	return !text || !text[0];
}

/* As the reference has it: a major number of 0 is one that was not given. */
static bool has_numbers(const struct cdi_device_node *node)
{
	return node->has_major && node->major;
}

/* What the spec says of the type, where an unbuffered character device is one to the kernel. */
static char type_given(const struct cdi_device_node *node)
{
	if (is_empty(node->type))
		return 0;
	return node->type[0] == 'u' ? 'c' : node->type[0];
}

/* "none", and a FIFO has no numbers that a rule could name. */
static const char *permissions_of(const struct cdi_device_node *node)
{
	if (type_given(node) == 'p' ||
		strcmp(node->permissions ? node->permissions : "", "none") == 0)
		return "";
	return is_empty(node->permissions) ? "rw" : node->permissions;
}

static int check_type(const struct target *t, const struct cdi_device_node *from,
	const struct host_node *node, struct nvb_error **err)
{
	char type = type_given(from);

	if (has_numbers(from) || type == 'p' || !node->type || !type || type == node->type)
		return 0;
	return NVB_RAISE(err, NVB_ERR_DRIVER, 0,
		"apply the CDI spec '%s': the node '%s' has the type '%c', not '%c'", spec_name(t),
		node->host_path, node->type, type);
}

/* Source: fillMissingInfo() of the reference implementation's container-edits_unix.go. */
static void fill_node(
	const struct cdi_device_node *from, const struct host_node *host, struct plan_node *to)
{
	char type = type_given(from);

	*to = (struct plan_node){
		.path = from->path,
		.host_path = host->host_path,
		.type = host->type,
		.major = host->major,
		.minor = host->minor,
		.mode = from->has_file_mode ? from->file_mode & 0777 : host->mode,
		.uid = from->has_uid ? from->uid : host->uid,
		.gid = from->has_gid ? from->gid : host->gid,
		.exists = host->exists,
		.is_device = host->is_device,
		.permissions = permissions_of(from),
	};
	if (type == 'p') {
		to->type = type;
		to->major = to->minor = 0;
	} else if (has_numbers(from)) {
		to->type = type ? type : host->type ? host->type : 'c';
		to->major = (uint32_t)from->major;
		to->minor = from->has_minor ? (uint32_t)from->minor : 0;
	}
}

/* The node on the host, with what the spec says of it. */
static int describe_node(struct target *t, const struct cdi_device_node *from, struct plan_node *to,
	struct nvb_error **err)
{
	const char *path = is_empty(from->host_path) ? from->path : from->host_path;
	const struct host_tree *tree = tree_of(t, &path);
	struct host_node node;
	errint_t e;
	int r;

	e = host_tree_node(tree, t->plan->arena, path, &node);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_DRIVER, -e, "look at the node '%s'", path);
	if (!node.exists && !has_numbers(from) && type_given(from) != 'p')
		return raise_stale(t, "the node", node.host_path, err);
	r = check_type(t, from, &node, err);
	if (r >= 0)
		fill_node(from, &node, to);
	return r;
}

static int apply_node(struct target *t, const struct cdi_device_node *from, struct nvb_error **err)
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

/* What we may not look at is left to the runtime, which says what is wrong. */
static int check_source(const struct target *t, const char *source, struct nvb_error **err)
{
	const char *path = source;
	const struct host_tree *tree = tree_of(t, &path);
	_cleanup_close_ int fd = path_open_in(tree->root_fd, path, O_PATH, 0);

	return fd == -ENOENT || fd == -ENOTDIR ? raise_stale(t, "the mount's source", source, err)
					       : 0;
}

/* A runtime binds because of the option, whatever the type: a spec may leave both out. */
static int fill_mount(const struct target *t, const struct cdi_mount *from, struct plan_mount *to,
	struct nvb_error **err)
{
	*to = (struct plan_mount){
		.source = from->host_path,
		.destination = from->container_path,
		.type = cdi_mount_is_bind(from) ? NULL : from->type,
		.is_volume = true,
	};
	vec_foreach (const char *, option, &from->options)
		if (string_list_add(t->plan->arena, &to->options, *option) < 0)
			return NVB_OOM(err);
	if (!cdi_mount_is_bind(from))
		return 0;
	if (!cdi_mount_has_bind_option(from) &&
		string_list_add(t->plan->arena, &to->options, "bind") < 0)
		return NVB_OOM(err);
	return check_source(t, from->host_path, err);
}

static int apply_mount(struct target *t, const struct cdi_mount *from, struct nvb_error **err)
{
	struct plan_mount mount, *slot = NULL;
	int r = fill_mount(t, from, &mount, err);

	if (r < 0)
		return r;
	vec_foreach (struct plan_mount, old, &t->plan->mounts)
		if (strcmp(old->destination, mount.destination) == 0)
			slot = old;
	if (!slot)
		slot = vec_push(t->plan->arena, &t->plan->mounts);
	if (!slot)
		return NVB_OOM(err);
	*slot = mount;
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

static int apply_net_device(
	struct target *t, const struct cdi_net_device *from, struct nvb_error **err)
{
	struct plan_net_device *slot = NULL;

	vec_foreach (struct plan_net_device, old, &t->plan->net_devices)
		if (strcmp(old->host_name, from->host_interface_name) == 0)
			slot = old;
	if (!slot)
		slot = vec_push(t->plan->arena, &t->plan->net_devices);
	if (!slot)
		return NVB_OOM(err);
	*slot = (struct plan_net_device){
		.host_name = from->host_interface_name,
		.name = from->name,
	};
	return 0;
}

/* The last one counts, as a whole. */
static int apply_intel_rdt(
	struct target *t, const struct cdi_intel_rdt *from, struct nvb_error **err)
{
	struct plan_rdt *to;

	if (!from)
		return 0;
	to = arena_new_object(t->plan->arena, struct plan_rdt);
	if (!to)
		return NVB_OOM(err);
	*to = (struct plan_rdt){
		.clos_id = from->clos_id,
		.l3_cache_schema = from->l3_cache_schema,
		.mem_bw_schema = from->mem_bw_schema,
		.schemata = from->schemata,
		.enable_monitoring = from->enable_monitoring,
		.enable_cmt = from->enable_cmt,
		.enable_mbm = from->enable_mbm,
	};
	t->plan->rdt = to;
	return 0;
}

static int apply_edits(struct target *t, const struct cdi_edits *edits, struct nvb_error **err)
{
	int r = apply_intel_rdt(t, edits->intel_rdt, err);

	for (size_t i = 0; r >= 0 && i < edits->env.n; i++)
		r = apply_env(t, edits->env.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->device_nodes.n; i++)
		r = apply_node(t, &edits->device_nodes.items[i], err);
	for (size_t i = 0; r >= 0 && i < edits->net_devices.n; i++)
		r = apply_net_device(t, &edits->net_devices.items[i], err);
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

/* A mount must not cover one that lies below it: parents first, else the given order. */
static void sort_mounts(struct plan_mount_list *mounts)
{
	for (size_t i = 1; i < mounts->n; i++) {
		struct plan_mount m = mounts->items[i];
		size_t at = i;

		while (at && plan_mount_depth(mounts->items[at - 1].destination) >
				     plan_mount_depth(m.destination)) {
			mounts->items[at] = mounts->items[at - 1];
			at--;
		}
		mounts->items[at] = m;
	}
}

int cdi_apply_to_plan(
	const struct cdi_apply_options *options, struct plan *plan, struct nvb_error **err)
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
