/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which GPUs a service has. A device request counts before a variable, as it does in Docker, whose
 * driver for GPUs sets the variable itself; a variable counts before what the image says.
 * Source: Moby 28, daemon/nvidia_linux.go.
 */
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "migrate/compose_decide.h"
#include "migrate/compose_nested.h"
#include "request/selector.h"

#define DEVICE_LIMIT 64

struct selecting {
	const struct compose_service *service;
	enum compose_target target;
	const struct compose_files *files;
	struct arena *arena;
	struct compose_selection *out;
	struct migrate_entry *entry;
	struct nvb_error **err;
};

#define SAY(s, kind, line, ...)                                                                    \
	migrate_remark((s)->arena, (s)->entry, (kind), (line), (s)->err, __VA_ARGS__)

#define SAY_NOT_CONVERTED(s, line, ...)                                                            \
	((s)->entry->outcome = MIGRATE_NOT_CONVERTED, SAY((s), MIGRATE_LOST, (line), __VA_ARGS__))

static bool is_refused(const struct selecting *s)
{
	return s->entry->outcome == MIGRATE_NOT_CONVERTED;
}

static int add_device(struct selecting *s, const char *kind, const char *device)
{
	const char *name = kind ? arena_printf(s->arena, "%s=%s", kind, device) : device;

	if (!name)
		return NVB_OOM(s->err);
	vec_foreach (const char *, known, &s->out->devices)
		if (strcmp(*known, name) == 0)
			return 0;
	return string_list_add(s->arena, &s->out->devices, name) < 0 ? NVB_OOM(s->err) : 0;
}

/* One device as people write it; refused where no CDI specification has it by that name. */
static int add_id(struct selecting *s, const char *kind, const char *id, unsigned line)
{
	if (strchr(id, '/') && strchr(id, '='))
		kind = NULL;
	/* "gpu0", "gpu:all": as nvbind's own selectors say it. */
	if (strncasecmp(id, "gpu", 3) == 0 && id[3] != '-')
		id += id[3] == ':' ? 4 : 3;
	if (strcasecmp(id, "all") == 0)
		id = "all";
	if (selector_check(id, NULL) < 0)
		return SAY_NOT_CONVERTED(s, line, "'%.128s' does not name a GPU", id);
	if (strcasecmp(id, "none") == 0)
		return SAY_NOT_CONVERTED(s, line,
			"'none' is the driver without a GPU, which no CDI device is; '--to "
			"runtime' "
			"keeps it");
	if (!kind || strcmp(id, "all") == 0 || strncasecmp(id, "GPU-", 4) == 0 ||
		strncasecmp(id, "MIG-", 4) == 0)
		return add_device(s, kind, id);
	if (strspn(id, "0123456789:") == strlen(id) && strlen(id) < 8)
		return add_device(s, kind, id);
	return SAY_NOT_CONVERTED(s, line,
		"'%.128s' is no name of a CDI device: name the GPU by its number or UUID", id);
}

static int add_ids(struct selecting *s, const char *kind, const char *list, unsigned line)
{
	int r = 0;

	while (r >= 0 && *list) {
		const size_t n = strcspn(list, ",");
		const size_t blanks = strspn(list, " \t");
		const char *id;
		size_t end = n;

		while (end > blanks && strchr(" \t", list[end - 1]))
			end--;
		id = blanks < end ? arena_strndup(s->arena, list + blanks, end - blanks) : "";
		if (!id)
			return NVB_OOM(s->err);
		if (*id)
			r = add_id(s, kind, id, line);
		list += n + (list[n] == ',');
	}
	return r;
}

/* Device requests. */

static bool has_word(const struct string_list *list, const char *word)
{
	vec_foreach (const char *, item, list)
		if (strcmp(*item, word) == 0)
			return true;
	return false;
}

static int add_count(struct selecting *s, const char *kind, const char *count, unsigned line)
{
	uint64_t n;
	int r = 0;

	if (!count || strcmp(count, "all") == 0 || strcmp(count, "-1") == 0)
		return add_device(s, kind, "all");
	if (!number_parse(count, DEVICE_LIMIT, &n) || n == 0)
		return SAY_NOT_CONVERTED(
			s, line, "'count: %.64s' is neither 'all' nor a number of GPUs", count);
	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		char device[24];

		(void)snprintf(device, sizeof(device), "%llu", (unsigned long long)i);
		r = add_device(s, kind, device);
	}
	if (r >= 0)
		r = SAY(s, MIGRATE_NOTE, line,
			"a CDI device is one GPU, not any of several: 'count: %s' becomes the "
			"first, "
			"as Docker takes them",
			count);
	return r;
}

static int add_capabilities(struct selecting *s, const struct compose_reservation *request)
{
	vec_foreach (const char *, word, &request->capabilities) {
		if (compose_is_gpu_word(*word) || has_word(&s->out->capabilities, *word))
			continue;
		if (string_list_add(s->arena, &s->out->capabilities, *word) < 0)
			return NVB_OOM(s->err);
	}
	return 0;
}

static int add_request(
	struct selecting *s, const struct compose_reservation *request, const char *where)
{
	const struct compose_vendor *vendor = compose_vendor_of_request(request);
	const char *kind = vendor ? vendor->kind : NULL, *word = NULL, *unclear;
	int r;

	r = SAY(s, MIGRATE_FOUND, request->line, "%s: driver %.64s, %s", where,
		request->driver ? request->driver : "not named",
		request->ids.n	 ? "GPUs by name"
		: request->count ? request->count
				 : "all");
	unclear = compose_request_is_unclear(request, &word);
	if (r >= 0 && unclear)
		return SAY_NOT_CONVERTED(s, request->line, "'%.128s' %s", word, unclear);
	if (request->ids.n && request->count)
		return SAY_NOT_CONVERTED(
			s, request->line, "'count' and 'device_ids' exclude each other");
	if (r >= 0 && request->has_options)
		r = SAY(s, MIGRATE_LOST, request->line,
			"'options' of the driver have no place any more");
	if (r >= 0 && !request->ids.n)
		r = add_count(s, kind, request->count, request->line);
	vec_foreach (const char *, id, &request->ids) {
		if (r < 0)
			break;
		if (compose_is_interpolated(*id))
			r = SAY_NOT_CONVERTED(
				s, request->line, "'%.128s' is only known when Compose runs", *id);
		else
			r = add_id(s, kind, *id, request->line);
	}
	return r < 0 ? r : add_capabilities(s, request);
}

/* Requests for what is no GPU stay. */
static int add_requests(struct selecting *s, const struct compose_reservation_list *list,
	const char *where, const char *near)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct compose_reservation *request = &list->items[i];
		int r;

		if (compose_is_cdi_request(request) && s->target == COMPOSE_TO_CDI) {
			r = SAY(s, MIGRATE_NOTE, request->line,
				"the driver 'cdi' takes CDI devices already");
			if (r < 0)
				return r;
			continue;
		}
		if (!compose_is_gpu_request(request, s->target))
			continue;
		s->out->near = s->out->near ? s->out->near : near;
		s->out->asks = true;
		r = add_request(s, request, where);
		if (r < 0)
			return r;
	}
	return 0;
}

static int select_requests(struct selecting *s)
{
	const struct compose_service *service = s->service;
	int r = 0;

	if (service->gpus_unread) {
		s->out->asks = true;
		s->out->near = "gpus";
		r = SAY_NOT_CONVERTED(s, service->gpus_line,
			"gpus: '%.128s' is only known when Compose runs", service->gpus_unread);
	}
	if (service->gpus_all) {
		s->out->asks = true;
		s->out->near = "gpus";
		r = SAY(s, MIGRATE_FOUND, service->gpus_line, "gpus: all");
		if (r >= 0)
			r = add_device(s, compose_vendor_at(0)->kind, "all");
	}
	if (r >= 0)
		r = add_requests(s, &service->gpus, "gpus", "gpus");
	if (r >= 0)
		r = add_requests(
			s, &service->reserved, "deploy.resources.reservations.devices", "deploy");
	return r;
}

/* Variables. */

static bool is_runtime_known(const struct compose_service *service)
{
	return !service->runtime || !compose_is_interpolated(service->runtime);
}

static bool is_bolt(const struct compose_service *service)
{
	return service->runtime && strcmp(service->runtime, "bolt") == 0;
}

/* Without a runtime, the engine's default one may. */
static bool reads_variables(const struct compose_service *service)
{
	return !service->runtime || compose_vendor_of_runtime(service->runtime) || is_bolt(service);
}

static int say_denial(struct selecting *s, const struct compose_variable *v)
{
	return SAY(s, MIGRATE_NOTE, v->line,
		"this is no GPU at all, and stays, for an image may say another");
}

static int select_variable(struct selecting *s, const struct compose_vendor *vendor)
{
	const struct compose_variable *v = compose_variable(s->service, vendor->variable);
	const size_t before = s->out->devices.n;
	int r;

	if (!v)
		return 0;
	r = SAY(s, MIGRATE_FOUND, v->line, "%s%s%.128s", v->name, v->value ? "=" : "",
		v->value ? v->value : "");
	if (r >= 0 && !is_runtime_known(s->service))
		return r;
	if (r >= 0 && !reads_variables(s->service))
		return SAY(s, MIGRATE_NOTE, v->line,
			"the runtime '%.64s' does not read %s, so this means nothing",
			s->service->runtime, v->name);
	if (r >= 0 && s->out->asks && s->out->devices.n)
		return SAY(s, MIGRATE_NOTE, v->line,
			"the device request counts, not %s: Docker replaces it", v->name);
	if (r >= 0 && compose_is_denial(v) && !s->service->runtime &&
		s->target != COMPOSE_TO_BOLTFILE)
		return say_denial(s, v);
	if (r < 0)
		return r;
	s->out->asks = true;
	s->out->near = "environment";
	/* The variable stays, and nvbind-runtime reads it. */
	if (s->target == COMPOSE_TO_RUNTIME)
		return 0;
	if (!v->value || compose_is_interpolated(v->value))
		return SAY_NOT_CONVERTED(s, v->line,
			"the value of %s is only known when Compose runs: write the GPUs into "
			"'devices', or use '--to runtime'",
			v->name);
	if (compose_is_denial(v))
		return say_denial(s, v);
	r = add_ids(s, vendor->kind, v->value, v->line);
	if (r >= 0 && !is_refused(s) && before == s->out->devices.n)
		r = SAY(s, MIGRATE_NOTE, v->line, "this is no GPU at all");
	return r;
}

static int select_companion(struct selecting *s, const struct compose_companion *companion)
{
	const struct compose_variable *v = compose_variable(s->service, companion->variable);
	int r;

	if (!v)
		return 0;
	r = SAY(s, MIGRATE_FOUND, v->line, "%s%s%.128s", v->name, v->value ? "=" : "",
		v->value ? v->value : "");
	if (r < 0)
		return r;
	if (!v->value || compose_is_interpolated(v->value))
		return SAY_NOT_CONVERTED(
			s, v->line, "the value of %s is only known when Compose runs", v->name);
	if (companion->takes_ids) {
		if (strspn(v->value, "0123456789, ") != strlen(v->value))
			return SAY_NOT_CONVERTED(
				s, v->line, "'%.128s' is no list of IMEX channels", v->value);
		return add_ids(s, companion->kind, v->value, v->line);
	}
	return strcmp(v->value, "enabled") == 0 ? add_device(s, companion->kind, "all") : 0;
}

/* The image's own variable: those of CUDA say "all". */
static int select_by_image(struct selecting *s, const struct compose_vendor *vendor)
{
	if (add_device(s, vendor->kind, "all") < 0)
		return NVB_OOM(s->err);
	return SAY(s, MIGRATE_NOTE, s->service->runtime_line,
		"without %s the image decided; images of CUDA say 'all', and so does this now",
		vendor->variable);
}

/* The runtime alone: what a file of variables says counts, else what the image says. */
static int select_by_files(struct selecting *s, const struct compose_vendor *vendor)
{
	const unsigned line = s->service->runtime_line;
	enum compose_found found;
	const char *value = NULL;
	int r;

	s->out->near = "runtime";
	r = compose_env_file_find(
		s->service, s->files, vendor->variable, s->arena, &found, &value, s->err);
	if (r < 0)
		return r;
	if (found == COMPOSE_ABSENT)
		return select_by_image(s, vendor);
	if (found == COMPOSE_UNKNOWN || compose_is_interpolated(value))
		return SAY_NOT_CONVERTED(s, line,
			"%s may come from 'env_file': write it into 'environment', or use '--to "
			"runtime'",
			vendor->variable);
	r = SAY(s, MIGRATE_FOUND, 0,
		"%s=%.128s in 'env_file', where it stays and means nothing more", vendor->variable,
		value);
	if (r < 0 || !*value || strcmp(value, "void") == 0)
		return r;
	return add_ids(s, vendor->kind, value, line);
}

static int select_runtime(struct selecting *s, const struct compose_vendor *vendor)
{
	int r = SAY(s, MIGRATE_FOUND, s->service->runtime_line, "runtime: %s", s->service->runtime);

	if (r < 0 || s->out->asks)
		return r;
	s->out->asks = true;
	/* nvbind-runtime asks the image too. */
	if (s->target == COMPOSE_TO_RUNTIME) {
		s->out->near = "runtime";
		return 0;
	}
	return select_by_files(s, vendor);
}

/* In a Boltfile, the service becomes what its command would have started. */
static int select_nested(struct selecting *s)
{
	const struct compose_service *service = s->service;
	struct compose_nested nested;
	int r;

	if (!compose_nested_read(service, &nested))
		return 0;
	if (s->target != COMPOSE_TO_BOLTFILE || !nested.image)
		return SAY(s, MIGRATE_NOTE, service->command_line,
			"the command starts nvbind inside of the container: write the image and "
			"the command that it is given into the service itself");
	r = SAY(s, MIGRATE_FOUND, service->command_line,
		"the command 'nvbind run': the service becomes what it starts");
	if (r < 0 || !nested.gpu || s->out->devices.n)
		return r;
	s->out->asks = true;
	s->out->near = "command";
	return add_ids(s, compose_vendor_at(0)->kind, nested.gpu, service->command_line);
}

static int select_bolt(struct selecting *s)
{
	const struct compose_service *service = s->service;
	int r = select_nested(s);

	if (r < 0 || !is_bolt(service))
		return r;
	r = SAY(s, MIGRATE_FOUND, service->runtime_line, "runtime: bolt");
	if (r < 0)
		return r;
	if (s->target != COMPOSE_TO_BOLTFILE) {
		s->out->asks = true;
		return SAY_NOT_CONVERTED(s, service->runtime_line,
			"'bolt' is no runtime of Docker or Podman: '--to boltfile', or remove it");
	}
	if (s->out->asks)
		return 0;
	s->out->asks = true;
	s->out->near = "runtime";
	return add_device(s, compose_vendor_at(0)->kind, "all");
}

/* It may be one that reads variables, and image and variables may say GPUs. */
static int refuse_unknown_runtime(struct selecting *s)
{
	s->out->asks = true;
	s->out->near = "runtime";
	return SAY_NOT_CONVERTED(s, s->service->runtime_line,
		"the runtime '%.64s' is only known when Compose runs", s->service->runtime);
}

/* Once for all of its sort. */
static int note_node(struct selecting *s, const struct compose_node *node)
{
	vec_foreach (const char *, path, &s->service->nodes)
		if (compose_node_of(*path) == node)
			return SAY(s, MIGRATE_NOTE, 0, "'%.128s' in 'devices' is %s", *path,
				node->advice);
	return 0;
}

/* What asks for GPUs in a way of Swarm's, or for a node alone. */
static int note_other_ways(struct selecting *s)
{
	const struct compose_service *service = s->service;
	int r = 0;

	if (service->swarm_resources)
		r = SAY(s, MIGRATE_NOTE, 0,
			"'generic_resources' are Swarm's, and only its managers give them: they "
			"stay");
	for (size_t i = 0; r >= 0 && compose_node_at(i); i++)
		r = note_node(s, compose_node_at(i));
	return r;
}

/* CDI names in `devices`: a Boltfile has them with the GPUs. */
static int select_cdi_names(struct selecting *s)
{
	vec_foreach (const char *, name, &s->service->devices) {
		int r;

		if (!compose_is_cdi_name(*name))
			continue;
		r = SAY(s, MIGRATE_FOUND, 0, "'%.128s' in 'devices'", *name);
		if (r < 0)
			return r;
		if (!s->out->asks)
			s->out->near = "devices";
		s->out->asks = true;
		if (compose_is_interpolated(*name))
			r = SAY_NOT_CONVERTED(
				s, 0, "'%.128s' is only known when Compose runs", *name);
		else if (selector_check(*name, NULL) < 0)
			r = SAY_NOT_CONVERTED(s, 0, "'%.128s' does not name a GPU", *name);
		else
			r = add_device(s, NULL, *name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Without the nodes the service has no GPU. */
static int refuse_nodes(struct selecting *s)
{
	vec_foreach (const char *, path, &s->service->nodes) {
		const struct compose_node *node = compose_node_of(*path);

		if (node)
			return SAY_NOT_CONVERTED(s, 0,
				"a Boltfile has GPUs by their names, not by nodes as '%.128s': put "
				"'%s=all' into 'devices' in its place",
				*path, node->kinds[0]);
	}
	return 0;
}

static int select_all(struct selecting *s)
{
	const struct compose_vendor *vendor = compose_vendor_of_runtime(s->service->runtime);
	int r = select_requests(s);

	for (size_t i = 0; r >= 0 && compose_vendor_at(i); i++)
		if (compose_vendor_at(i)->driver)
			r = select_variable(s, compose_vendor_at(i));
	if (r >= 0 && s->out->asks && !vendor && strcmp(s->out->near, "environment") == 0 &&
		!s->service->runtime)
		r = SAY(s, MIGRATE_NOTE, 0,
			"without 'runtime' the variable counted only where the engine's default "
			"runtime reads it");
	if (r >= 0 && vendor)
		r = select_runtime(s, vendor);
	if (r >= 0 && !is_runtime_known(s->service))
		r = refuse_unknown_runtime(s);
	if (r >= 0 && s->target == COMPOSE_TO_BOLTFILE)
		r = select_cdi_names(s);
	if (r >= 0)
		r = select_bolt(s);
	if (r >= 0 && !s->out->asks)
		r = s->target == COMPOSE_TO_BOLTFILE ? refuse_nodes(s) : note_other_ways(s);
	for (size_t i = 0; r >= 0 && s->out->asks && compose_companion_at(i); i++)
		if (s->target != COMPOSE_TO_RUNTIME)
			r = select_companion(s, compose_companion_at(i));
	return r;
}

int compose_select(const struct compose_service *service, enum compose_target target,
	const struct compose_files *files, struct arena *a, struct compose_selection *ret,
	struct migrate_entry *entry, struct nvb_error **err)
{
	struct selecting s = {
		.service = service,
		.target = target,
		.files = files,
		.arena = a,
		.out = ret,
		.entry = entry,
		.err = err,
	};
	int r;

	*ret = (struct compose_selection){ .service = service };
	entry->name = arena_strdup(a, service->name);
	if (!entry->name)
		return NVB_OOM(err);
	entry->line = service->line;
	entry->outcome = MIGRATE_NOTHING_TO_DO;
	r = select_all(&s);
	if (r < 0)
		return r;
	if (ret->asks && !is_refused(&s))
		entry->outcome = MIGRATE_CONVERTED;
	return 0;
}
