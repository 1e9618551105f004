/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_devices.h"

#include <string.h>

#include "base/path.h"
#include "base/strbuf.h"
#include "cdi/apply.h"
#include "cdi/presence.h"

#define CDI_NAMES_BYTES 65536

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

/* A spec that no device was asked of cannot spoil anything. */
static int check_spec(const struct cdi_spec *spec, const char *newest, const struct inventory *inv,
	const struct host_tree *tree, struct arena *a, const char **ret_problem,
	struct nvb_error **err)
{
	struct cdi_finding_list findings = { 0 };
	const char *problem;
	int r;

	if (newest && strverscmp(spec->version, newest) > 0) {
		problem =
			arena_printf(a, "'%s' is of CDI %s, and this engine reads no newer than %s",
				spec->path, spec->version, newest);
	} else {
		r = cdi_spec_find_missing(
			spec, tree, cdi_spec_driver_version(spec, inv), a, &findings, err);
		if (r < 0)
			return r;
		if (!findings.n)
			return 0;
		problem =
			arena_printf(a, "'%s' is stale: %s", spec->path, findings.items[0].message);
	}
	if (!problem)
		return NVB_OOM(err);
	*ret_problem = problem;
	return 0;
}

/* An error of the registry is what the engine would say too: here it is an answer. */
static int as_problem(struct nvb_error *problem, struct arena *a, const char **ret_problem,
	struct nvb_error **err)
{
	*ret_problem = arena_strdup(a, nvb_error_message(problem));
	return *ret_problem ? 0 : NVB_OOM(err);
}

int run_devices_find_problem(const struct run_devices *devices,
	const struct string_list *directories, const char *newest, const struct inventory *inv,
	const struct host_tree *tree, const struct selection *selection, struct arena *a,
	const char **ret_problem, struct nvb_error **err)
{
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;
	const struct cdi_spec *checked = NULL;
	struct cdi_found_list found = { 0 };
	struct string_list names = { 0 };
	int r;

	*ret_problem = NULL;
	r = selector_cdi_names(selection, inv, a, &names, err);
	if (r >= 0)
		r = append(a, &names, &devices->names, err);
	if (r < 0)
		return r;
	r = cdi_registry_read(directories, &registry, &problem);
	if (r >= 0)
		r = cdi_registry_resolve(registry, &names, a, &found, &problem);
	if (r < 0)
		return as_problem(problem, a, ret_problem, err);
	vec_foreach (struct cdi_found, device, &found) {
		if (device->spec != checked)
			r = check_spec(device->spec, newest, inv, tree, a, ret_problem, err);
		checked = device->spec;
		if (r < 0 || *ret_problem)
			return r;
	}
	return 0;
}

/* What a configuration can say, and no container of ours can have. */
static int refuse_unsupported(const struct plan *plan, struct nvb_error **err)
{
	if ((!plan->net_devices.n && !plan->rdt) || strcmp(plan->engine, "bolt") != 0)
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"apply CDI devices: the built-in engine has no %s",
		plan->net_devices.n ? "network devices" : "RDT");
}

/* Of what CDI brings, the plan knows no GPU; the user named some all the same. */
static int report_names(
	const struct run_devices *devices, struct plan *plan, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(CDI_NAMES_BYTES);

	if (plan->gpus.n)
		return 0;
	vec_foreach (const char *, name, &devices->names)
		strbuf_printf(&text, "%s%s", text.length ? "," : "", *name);
	vec_foreach (struct plan_knob, knob, &plan->knobs) {
		if (strcmp(knob->name, "gpu") != 0)
			continue;
		knob->value =
			strbuf_failed(&text) ? NULL : arena_strdup(plan->arena, strbuf_str(&text));
		knob->reason = "CDI specifications say what belongs to it";
		if (!knob->value)
			return NVB_OOM(err);
	}
	return 0;
}

static int apply_specs(struct run_devices *devices, const struct run_options *options,
	const struct host_tree *tree, struct arena *a, struct plan *plan, struct nvb_error **err)
{
	const struct cdi_apply_options apply = {
		.devices = &devices->found, .tree = tree, .user_env = &options->env
	};
	struct string_list directories = devices->directories;
	int r = 0;

	if (!devices->names.n)
		return 0;
	if (!directories.n)
		r = cdi_host_directories(tree, a, &directories, err);
	if (r >= 0)
		r = cdi_registry_read(&directories, &devices->registry, err);
	if (r >= 0)
		r = cdi_registry_resolve(
			devices->registry, &devices->names, a, &devices->found, err);
	if (r >= 0)
		r = cdi_apply_to_plan(&apply, plan, err);
	if (r >= 0)
		r = report_names(devices, plan, err);
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
