/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_devices.h"

#include <string.h>

#include "base/path.h"
#include "cdi/apply.h"

void run_devices_done(struct run_devices *devices)
{
	cdi_registry_free(devices->registry);
	devices->registry = NULL;
}

static int append(struct arena *a, struct string_list *list, const struct string_list *more,
	struct nvb_error **err)
{
	vec_foreach (const char *, s, more)
		if (string_list_add(a, list, *s) < 0)
			return NVB_OOM(err);
	return 0;
}

int run_devices_split(const struct run_options *options, struct arena *a,
	struct run_devices *devices, struct string_list *ret_own, struct nvb_error **err)
{
	int r;

	r = selector_split_foreign(&options->gpus, a, ret_own, &devices->names, err);
	if (r >= 0)
		r = append(a, &devices->names, &options->cdi_names, err);
	/* The default "all" is for who names no device at all. */
	if (r >= 0 && !options->gpus_given && devices->names.n)
		*ret_own = (struct string_list){ 0 };
	return r;
}

int run_devices_take_gpus(struct run_devices *devices, const struct inventory *inv, struct arena *a,
	struct selection *selection, struct nvb_error **err)
{
	struct string_list names = { 0 };
	int r;

	r = selector_cdi_names(selection, inv, a, &names, err);
	if (r >= 0)
		r = append(a, &devices->names, &names, err);
	if (r < 0)
		return r;
	*selection = (struct selection){ .none = true };
	return 0;
}

/* What a configuration can say, and no container of ours can have. */
static int refuse_unsupported(const struct plan *plan, struct nvb_error **err)
{
	if (!plan->net_devices.n && !plan->rdt)
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"apply CDI devices: the built-in engine has no %s",
		plan->net_devices.n ? "network devices" : "RDT");
}

static int apply_specs(struct run_devices *devices, const struct run_options *options,
	const struct host_tree *tree, struct arena *a, struct plan *plan, struct nvb_error **err)
{
	const struct cdi_apply_options apply = {
		.devices = &devices->found, .tree = tree, .user_env = &options->env
	};
	struct string_list directories = { 0 };
	int r;

	if (!devices->names.n)
		return 0;
	r = cdi_host_directories(tree, a, &directories, err);
	if (r >= 0)
		r = cdi_registry_read(&directories, &devices->registry, err);
	if (r >= 0)
		r = cdi_registry_resolve(
			devices->registry, &devices->names, a, &devices->found, err);
	if (r >= 0)
		r = cdi_apply_to_plan(&apply, plan, err);
	return r < 0 ? r : refuse_unsupported(plan, err);
}

/* SRC[:DST[:PERMISSIONS]] */
struct device {
	const char *source, *destination, *permissions;
};

static int parse_device(
	struct arena *a, const char *text, struct device *ret, struct nvb_error **err)
{
	char *copy = arena_strdup(a, text);
	char *rest = copy;

	if (!copy)
		return NVB_OOM(err);
	ret->source = strsep(&rest, ":");
	ret->destination = rest && *rest == '/' ? strsep(&rest, ":") : ret->source;
	ret->permissions = rest ? rest : "rw";
	if (path_is_normal(ret->source) && path_is_normal(ret->destination) &&
		path_is_below(ret->destination, "/dev") && ret->permissions[0] &&
		strspn(ret->permissions, "rwm") == strlen(ret->permissions))
		return 0;
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--device': '%s'", text),
		"it is SRC[:DST[:rw]], with absolute paths, DST below /dev");
}

static int add_device(const struct host_tree *tree, struct arena *a, const char *text,
	struct plan *plan, struct nvb_error **err)
{
	struct plan_node *slot;
	struct host_node node;
	struct device d = { 0 };
	errint_t e;
	int r;

	r = parse_device(a, text, &d, err);
	if (r < 0)
		return r;
	e = host_tree_node(tree, a, d.source, &node);
	if (e < 0 || !node.exists)
		return NVB_RAISE(err, NVB_ERR_USAGE, e < 0 ? -e : ENOENT,
			"give the device node '%s' to the container", d.source);
	slot = vec_push(plan->arena, &plan->nodes);
	if (!slot)
		return NVB_OOM(err);
	*slot = (struct plan_node){ .path = d.destination,
		.host_path = node.host_path,
		.type = node.type,
		.major = node.major,
		.minor = node.minor,
		.mode = node.mode,
		.uid = node.uid,
		.gid = node.gid,
		.exists = true,
		.is_device = node.is_device,
		.permissions = d.permissions };
	return 0;
}

int run_devices_apply(struct run_devices *devices, const struct run_options *options,
	const struct host_tree *tree, struct arena *a, struct plan *plan, struct nvb_error **err)
{
	int r = apply_specs(devices, options, tree, a, plan, err);

	for (size_t i = 0; r >= 0 && i < options->devices.n; i++)
		r = add_device(tree, a, options->devices.items[i], plan, err);
	return r;
}
