/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose_decide.h"

#include <string.h>

#include "base/strbuf.h"
#include "gpu/capability.h"

/* Less than a compose file can hold; more is an error, not a part of it. */
#define LIST_LIMIT_BYTES ((size_t)4 << 20)

struct deciding {
	const struct compose_selection *selection;
	const struct compose_service *service;
	enum compose_target target;
	struct arena *arena;
	struct compose_edit_list *edits;
	struct migrate_entry *entry;
	struct nvb_error **err;
};

#define SAY(d, kind, line, ...)                                                                    \
	migrate_remark((d)->arena, (d)->entry, (kind), (line), (d)->err, __VA_ARGS__)

/* The steps of a path end with NULL. */
static int add_edit(struct deciding *d, enum compose_edit_kind kind, const char *value, ...)
{
	struct compose_edit *edit = vec_push(d->arena, d->edits);
	const char *step;
	va_list steps;
	int r = 0;

	if (!edit)
		return NVB_OOM(d->err);
	*edit = (struct compose_edit){
		.kind = kind,
		.value = value,
		.near = d->selection->near,
	};
	va_start(steps, value);
	while (r == 0 && (step = va_arg(steps, const char *)))
		r = string_list_add(d->arena, &edit->path, step);
	va_end(steps);
	return r < 0 ? NVB_OOM(d->err) : 0;
}

static const char *index_step(struct deciding *d, size_t index)
{
	return arena_printf(d->arena, "%zu", index);
}

/* From the last to the first: what is removed then moves nothing that comes after. */
static int remove_requests(struct deciding *d)
{
	const struct compose_service *s = d->service;
	int r = s->gpus_all ? add_edit(d, COMPOSE_REMOVE, NULL, "gpus", NULL) : 0;

	for (size_t i = s->gpus.n; r >= 0 && i-- > 0;)
		if (compose_is_gpu_request(&s->gpus.items[i], d->target))
			r = add_edit(d, COMPOSE_REMOVE, NULL, "gpus",
				index_step(d, s->gpus.items[i].index), NULL);
	for (size_t i = s->reserved.n; r >= 0 && i-- > 0;)
		if (compose_is_gpu_request(&s->reserved.items[i], d->target))
			r = add_edit(d, COMPOSE_REMOVE, NULL, "deploy", "resources", "reservations",
				"devices", index_step(d, s->reserved.items[i].index), NULL);
	return r;
}

/* A value in place of the one that a variable has. */
static int change_variable(struct deciding *d, const struct compose_variable *v, const char *value)
{
	const char *pair = arena_printf(d->arena, "%s=%s", v->name, value);

	if (!pair)
		return NVB_OOM(d->err);
	return add_edit(d, COMPOSE_PUT,
		d->service->environment_is_list ? pair : pair + strlen(v->name) + 1, "environment",
		v->step, NULL);
}

/* Those of GPUs stay and say none: an engine's default runtime would read the image's instead. */
static int settle_variables(struct deciding *d)
{
	const struct compose_variable_list *list = &d->service->environment;
	int r = 0;

	for (size_t i = list->n; r >= 0 && i-- > 0;) {
		const struct compose_variable *v = &list->items[i];

		if (!compose_is_device_variable(v->name) || compose_is_denial(v))
			continue;
		r = compose_is_gpu_variable(v->name)
			    ? change_variable(d, v, COMPOSE_NO_GPU)
			    : add_edit(d, COMPOSE_REMOVE, NULL, "environment", v->step, NULL);
	}
	return r;
}

static int explain_settled(struct deciding *d)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && compose_vendor_at(i); i++) {
		const struct compose_vendor *vendor = compose_vendor_at(i);
		const struct compose_variable *v =
			vendor->driver ? compose_variable(d->service, vendor->variable) : NULL;

		if (v && !compose_is_denial(v))
			r = SAY(d, MIGRATE_NOTE, v->line,
				"%s stays, as '" COMPOSE_NO_GPU
				"': without it, an engine's default runtime would go by "
				"the image's own, which may be 'all'",
				v->name);
	}
	return r;
}

/* What the variables that stay mean to CDI devices: a table, first match wins. */
static const struct {
	const char *name;
	bool is_prefix;
	enum migrate_remark_kind kind;
	const char *meaning;
} meanings[] = {
	{ "NVIDIA_DISABLE_REQUIRE", false, MIGRATE_NOTE,
		"nothing checks requirements with CDI devices, so there is nothing to switch off" },
	{ "NVIDIA_REQUIRE_", true, MIGRATE_LOST,
		"nobody checks this with CDI devices; '--to runtime' keeps the check" },
	{ "NVIDIA_MIG_CONFIG_DEVICES", false, MIGRATE_LOST,
		"no CDI device of a GPU grants it; 'nvbind cdi generate --mode management' makes "
		"one for such tools, and '--to runtime' keeps the variable's meaning" },
	{ "NVIDIA_MIG_MONITOR_DEVICES", false, MIGRATE_LOST,
		"no CDI device of a GPU grants it; 'nvbind cdi generate --mode management' makes "
		"one for such tools, and '--to runtime' keeps the variable's meaning" },
	{ "DOCKER_RESOURCE_", true, MIGRATE_LOST,
		"a Swarm resource has no CDI device; '--to runtime' and the key "
		"'swarm_resources' of the runtime's policy keep it" },
	{ "BOLT_", true, MIGRATE_NOTE, "Docker and Podman pass it on, and do not act on it" },
};

static int explain_variables(struct deciding *d)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < d->service->environment.n; i++) {
		const struct compose_variable *v = &d->service->environment.items[i];

		for (size_t j = 0; j < ELEMENTS(meanings); j++) {
			const size_t n = strlen(meanings[j].name);

			if (strncmp(v->name, meanings[j].name, n) != 0 ||
				(!meanings[j].is_prefix && v->name[n]))
				continue;
			r = SAY(d, meanings[j].kind, v->line, "%.128s: %s", v->name,
				meanings[j].meaning);
			break;
		}
	}
	return r;
}

static int check_list(struct deciding *d, const struct strbuf *list)
{
	return strbuf_failed(list) ? NVB_RAISE(d->err, NVB_ERR_LIMIT, 0,
					     "service '%.128s': more than %zu bytes of devices",
					     d->service->name, LIST_LIMIT_BYTES)
				   : 0;
}

static int join(struct deciding *d, const struct string_list *list, struct strbuf *out)
{
	vec_foreach (const char *, item, list)
		strbuf_printf(out, "%s%s", out->length ? "," : "", *item);
	return check_list(d, out);
}

/* Which parts of the driver: a property of the specification, not of the request. */
static int explain_capabilities(struct deciding *d)
{
	const struct compose_variable *v =
		compose_variable(d->service, "NVIDIA_DRIVER_CAPABILITIES");
	_cleanup_(strbuf_done) struct strbuf list = STRBUF_INIT(LIST_LIMIT_BYTES);
	capability_set set;
	int r = join(d, &d->selection->capabilities, &list);

	if (r < 0)
		return r;
	if (!list.length && v && v->value)
		strbuf_str_add(&list, v->value);
	if (!list.length || strcmp(strbuf_str(&list), "all") == 0)
		return 0;
	if (capability_parse(strbuf_str(&list), &set, NULL) < 0)
		return SAY(d, MIGRATE_LOST, v ? v->line : 0,
			"'%.256s' is no list of driver capabilities", strbuf_str(&list));
	return SAY(d, MIGRATE_NOTE, v ? v->line : 0,
		"CDI devices bring all parts of the driver; 'nvbind cdi generate --capabilities "
		"%s' makes them bring these alone",
		strbuf_str(&list));
}

static int explain_node(struct deciding *d, const struct compose_node *node)
{
	const bool brought = compose_node_is_brought(node, &d->selection->devices);

	vec_foreach (const char *, path, &d->service->nodes)
		if (compose_node_of(*path) == node)
			return SAY(d, MIGRATE_NOTE, 0, "'%.128s' in 'devices' %s%s", *path,
				brought ? "may go: the CDI device brings the nodes it needs"
					: "is ",
				brought ? "" : node->advice);
	return 0;
}

static int explain_nodes(struct deciding *d)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && compose_node_at(i); i++)
		r = explain_node(d, compose_node_at(i));
	return r;
}

static bool has_device(const struct compose_service *s, const char *name)
{
	vec_foreach (const char *, device, &s->devices)
		if (strcmp(*device, name) == 0)
			return true;
	return false;
}

static int to_cdi(struct deciding *d)
{
	_cleanup_(strbuf_done) struct strbuf list = STRBUF_INIT(LIST_LIMIT_BYTES);
	int r = 0;

	if (d->service->runtime && compose_is_gpu_runtime(d->service->runtime))
		r = add_edit(d, COMPOSE_REMOVE, NULL, "runtime", NULL);
	if (r >= 0)
		r = remove_requests(d);
	if (r >= 0)
		r = settle_variables(d);
	vec_foreach (const char *, name, &d->selection->devices)
		if (r >= 0 && !has_device(d->service, *name))
			r = add_edit(d, COMPOSE_ADD, *name, "devices", NULL);
	if (r >= 0 && !d->edits->n) {
		d->entry->outcome = MIGRATE_NOTHING_TO_DO;
		return 0;
	}
	if (r >= 0)
		r = explain_settled(d);
	if (r >= 0)
		r = explain_variables(d);
	if (r >= 0)
		r = explain_capabilities(d);
	if (r >= 0)
		r = explain_nodes(d);
	if (r >= 0 && d->service->swarm_resources)
		r = SAY(d, MIGRATE_LOST, 0,
			"'generic_resources' are Swarm's: they say how many, and no CDI device");
	if (r >= 0)
		r = join(d, &d->selection->devices, &list);
	return r < 0 ? r
		     : SAY(d, MIGRATE_BECOMES, 0, "devices: %s",
			       list.length ? strbuf_str(&list) : "none");
}

/* To the variables of nvbind-runtime. */

static int put_variable(struct deciding *d, const char *name, const char *value)
{
	const struct compose_variable *v = compose_variable(d->service, name);
	const char *pair = arena_printf(d->arena, "%s=%s", name, value);
	int r;

	if (!pair)
		return NVB_OOM(d->err);
	if (!v)
		r = add_edit(d, COMPOSE_ADD, pair, "environment", NULL);
	else
		r = change_variable(d, v, value);
	return r < 0 ? r : SAY(d, MIGRATE_BECOMES, 0, "environment: %s", pair);
}

/* The devices of one kind as the variable names them; those of other kinds by their full names. */
static int put_devices(struct deciding *d, const char *variable, const char *kind, bool others)
{
	_cleanup_(strbuf_done) struct strbuf list = STRBUF_INIT(LIST_LIMIT_BYTES);
	const size_t n = strlen(kind);
	const char *value;
	int r;

	vec_foreach (const char *, name, &d->selection->devices) {
		const bool of_kind = strncmp(*name, kind, n) == 0 && (*name)[n] == '=';

		if (of_kind || (others && strncmp(*name, "amd.com/gpu=", 12) != 0))
			strbuf_printf(&list, "%s%s", list.length ? "," : "",
				of_kind ? *name + n + 1 : *name);
	}
	r = check_list(d, &list);
	if (r < 0 || !list.length)
		return r;
	value = arena_strdup(d->arena, strbuf_str(&list));
	return value ? put_variable(d, variable, value) : NVB_OOM(d->err);
}

static int put_capabilities(struct deciding *d)
{
	_cleanup_(strbuf_done) struct strbuf list = STRBUF_INIT(LIST_LIMIT_BYTES);
	capability_set set;
	const char *value;
	int r = join(d, &d->selection->capabilities, &list);

	if (r < 0 || !list.length)
		return r;
	if (capability_parse(strbuf_str(&list), &set, NULL) < 0)
		return SAY(d, MIGRATE_LOST, 0, "'%.256s' is no list of driver capabilities",
			strbuf_str(&list));
	value = arena_strdup(d->arena, strbuf_str(&list));
	return value ? put_variable(d, "NVIDIA_DRIVER_CAPABILITIES", value) : NVB_OOM(d->err);
}

static int to_runtime(struct deciding *d)
{
	const struct compose_service *s = d->service;
	const bool requests = strcmp(d->selection->near, "environment") != 0 &&
			      strcmp(d->selection->near, "runtime") != 0;
	int r;

	if (s->runtime && !compose_is_gpu_runtime(s->runtime)) {
		d->entry->outcome = MIGRATE_NOT_CONVERTED;
		return SAY(d, MIGRATE_LOST, s->runtime_line,
			"the service has the runtime '%.64s' already, and can have one",
			s->runtime);
	}
	if (!requests && s->runtime && strcmp(s->runtime, COMPOSE_RUNTIME_NAME) == 0) {
		d->entry->outcome = MIGRATE_NOTHING_TO_DO;
		return 0;
	}
	r = add_edit(d, COMPOSE_PUT, COMPOSE_RUNTIME_NAME, "runtime", NULL);
	if (r >= 0)
		r = SAY(d, MIGRATE_BECOMES, 0, "runtime: %s", COMPOSE_RUNTIME_NAME);
	if (r >= 0 && requests)
		r = remove_requests(d);
	if (r >= 0 && requests)
		r = put_devices(d, "NVIDIA_VISIBLE_DEVICES", "nvidia.com/gpu", true);
	if (r >= 0 && requests)
		r = put_devices(d, "AMD_VISIBLE_DEVICES", "amd.com/gpu", false);
	return r >= 0 && requests ? put_capabilities(d) : r;
}

int compose_decide(const struct compose_selection *selection, enum compose_target target,
	struct arena *a, struct compose_edit_list *ret, struct migrate_entry *entry,
	struct nvb_error **err)
{
	struct deciding d = {
		.selection = selection,
		.service = selection->service,
		.target = target,
		.arena = a,
		.edits = ret,
		.entry = entry,
		.err = err,
	};
	int r;

	*ret = (struct compose_edit_list){ 0 };
	if (target == COMPOSE_TO_BOLTFILE)
		return 0;
	r = target == COMPOSE_TO_CDI ? to_cdi(&d) : to_runtime(&d);
	return r < 0 ? r : 0;
}
