/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/knob_rule.h"

#include <stdarg.h>
#include <string.h>

#include "host/session.h"

#define IMAGE_NAME_BYTES 1024

static const struct {
	const struct knob_rule_table *table;
	/* What its knobs do is done before any engine starts, or its rules ask which it is. */
	bool for_all_engines;
} tables[] = {
	{ &knob_rules_gaming, false },
	{ &knob_rules_wine, false },
	{ &knob_rules_desktop, false },
	{ &knob_rules_aiml, false },
	{ &knob_rules_driver, true },
	{ &knob_rules_limit, true },
	{ &knob_rules_host, true },
};

static const struct knob_rule *find_rule(enum knob_id id, bool *ret_for_all_engines)
{
	for (size_t t = 0; t < ELEMENTS(tables); t++)
		for (size_t i = 0; i < tables[t].table->n; i++)
			if (tables[t].table->rules[i].id == id) {
				*ret_for_all_engines = tables[t].for_all_engines;
				return &tables[t].table->rules[i];
			}
	return NULL;
}

bool knob_inert(const struct setting *value)
{
	(void)value;
	return true;
}

bool knob_inert_if_true(const struct setting *value)
{
	return value->number != 0;
}

const struct setting *knob_setting(const struct plan_build *b, enum knob_id id)
{
	return b->req->settings ? settings_get(b->req->settings, id) : NULL;
}

bool knob_is(const struct plan_build *b, enum knob_id id, uint64_t number)
{
	const struct setting *setting = knob_setting(b, id);

	return setting && setting->number == number;
}

int knob_report(struct plan_build *b, struct nvb_error **err, enum knob_id id,
	enum knob_status status, const char *mechanism, const char *reason, ...)
{
	const struct setting *setting = knob_setting(b, id);
	const char *text;
	va_list ap;
	int r;

	va_start(ap, reason);
	text = plan_vprintf(b, reason, ap);
	va_end(ap);
	if (!text)
		return NVB_OOM(err);
	r = plan_knob(b, err, knob_table[id].name, setting ? setting->text : NULL, status,
		mechanism, "%s", text);
	if (r >= 0)
		b->plan->knobs.items[b->plan->knobs.n - 1].is_host =
			knob_table[id].scope == KNOB_SCOPE_HOST;
	return r;
}

void knob_add_part(struct strbuf *text, const char *part)
{
	strbuf_printf(text, "%s%s", text->length ? " + " : "", part);
}

const char *knob_parts(struct plan_build *b, const struct strbuf *text)
{
	return strbuf_failed(text) ? NULL : arena_strdup(b->plan->arena, strbuf_str(text));
}

bool knob_has_vendor(const struct plan_build *b, enum gpu_vendor vendor)
{
	for (size_t i = 0; i < b->req->gpus.n; i++)
		if (b->req->gpus.items[i].gpu->vendor == vendor)
			return true;
	return false;
}

static bool has_user_space(const struct plan_build *b, bool of_the_host)
{
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct gpu *gpu = b->req->gpus.items[i].gpu;
		const struct gpu_driver *driver = inventory_driver(b->inv, gpu);

		if (gpu->vendor == GPU_VENDOR_WSL)
			continue;
		if ((driver && driver->brings_user_space) == of_the_host)
			return true;
	}
	return false;
}

bool knob_has_nvidia(const struct plan_build *b)
{
	return has_user_space(b, true);
}

bool knob_has_mesa(const struct plan_build *b)
{
	return has_user_space(b, false);
}

/* The user's own value: the last counts. NULL: none. */
static const char *user_value(const struct plan_build *b, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	vec_foreach (const char *, line, &b->req->env)
		if (strncmp(*line, name, length) == 0 && (*line)[length] == '=')
			found = *line + length + 1;
	return found;
}

bool knob_env_is_users(const struct plan_build *b, const char *name)
{
	return user_value(b, name) != NULL;
}

int knob_env_set(
	struct plan_build *b, struct nvb_error **err, const char *name, const char *value, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, value);
	text = plan_vprintf(b, value, ap);
	va_end(ap);
	if (!text)
		return NVB_OOM(err);
	/* The user's own comes later, and of one name the last stays. */
	if (string_list_printf(b->plan->arena, &b->plan->env, "%s=%s", name, text) < 0)
		return NVB_OOM(err);
	return 0;
}

static struct plan_option_variable *find_variable(struct plan_build *b, const char *name)
{
	vec_foreach (struct plan_option_variable, variable, &b->option_variables)
		if (strcmp(variable->name, name) == 0)
			return variable;
	return NULL;
}

int knob_env_option(struct plan_build *b, struct nvb_error **err, const char *name, char separator,
	const char *option, ...)
{
	struct plan_option_variable *variable = find_variable(b, name);
	const char *text;
	va_list ap;

	va_start(ap, option);
	text = plan_vprintf(b, option, ap);
	va_end(ap);
	if (variable && text)
		text = arena_printf(b->plan->arena, "%s%c%s", variable->text, separator, text);
	if (!variable) {
		variable = vec_push(b->plan->arena, &b->option_variables);
		if (variable)
			*variable = (struct plan_option_variable){
				.name = name,
				.separator = separator,
			};
	}
	if (!variable || !text)
		return NVB_OOM(err);
	variable->text = text;
	return 0;
}

/* Programs take the last of two contradicting options. */
static int finish_option_variables(struct plan_build *b, struct nvb_error **err)
{
	vec_foreach (struct plan_option_variable, variable, &b->option_variables) {
		const char *own = user_value(b, variable->name);
		int r;

		if (!own || !*own) {
			r = knob_env_set(b, err, variable->name, "%s", variable->text);
			if (r < 0)
				return r;
			continue;
		}
		if (string_list_printf(b->plan->arena, &b->merged_env, "%s=%s%c%s", variable->name,
			    variable->text, variable->separator, own) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* True if a volume of the user is in the way: what he mounts is what he wants. */
static bool volume_covers(const struct plan_build *b, const char *destination)
{
	vec_foreach (const struct volume, volume, &b->req->volumes)
		if (path_is_below(destination, volume->destination))
			return true;
	return false;
}

static bool is_mounted(const struct plan_build *b, const char *destination)
{
	vec_foreach (const struct plan_mount, mount, &b->knob_mounts)
		if (strcmp(mount->destination, destination) == 0)
			return true;
	return volume_covers(b, destination);
}

static int add_mount(struct plan_build *b, struct plan_mount mount, const char *const *words,
	struct nvb_error **err)
{
	struct plan_mount *added;

	if (is_mounted(b, mount.destination))
		return 0;
	for (; *words; words++)
		if (string_list_add(b->plan->arena, &mount.options, *words) < 0)
			return NVB_OOM(err);
	/* Like a volume's, its place may be a link of the image's. */
	mount.is_volume = true;
	added = vec_push(b->plan->arena, &b->knob_mounts);
	if (!added || !mount.source)
		return NVB_OOM(err);
	*added = mount;
	return 0;
}

int knob_mount(struct plan_build *b, struct nvb_error **err, const char *source,
	const char *destination, bool writable)
{
	static const char *const read_only[] = { "ro", "rro", "nosuid", "nodev", "rbind",
		"rprivate", NULL };
	static const char *const open[] = { "rw", "nosuid", "nodev", "rbind", "rprivate", NULL };
	const struct plan_mount mount = {
		.source = arena_printf(b->plan->arena, "%s%s", b->inv->host_prefix, source),
		.destination = destination,
		.make_source = writable,
	};

	return add_mount(b, mount, writable ? open : read_only, err);
}

int knob_mount_memory(struct plan_build *b, struct nvb_error **err, const char *destination)
{
	static const char *const words[] = { "nosuid", "nodev", "size=65536k", NULL };
	const struct plan_mount mount = {
		.source = "tmpfs",
		.type = "tmpfs",
		.destination = destination,
		.owned_by_user = true,
	};

	return add_mount(b, mount, words, err);
}

/* A volume of the user's comes later than all: it may lie in what a knob mounts. */
static int finish_mounts(struct plan_build *b, struct nvb_error **err)
{
	struct plan_mount_list *mounts = &b->plan->mounts;
	size_t n_own = b->req->volumes.n, at;

	if (!b->knob_mounts.n)
		return 0;
	vec_foreach (const struct plan_mount, mount, &b->knob_mounts) {
		struct plan_mount *slot = vec_push(b->plan->arena, mounts);

		if (!slot)
			return NVB_OOM(err);
		*slot = *mount;
	}
	at = mounts->n - b->knob_mounts.n - n_own;
	memmove(&mounts->items[at + b->knob_mounts.n], &mounts->items[at],
		n_own * sizeof(mounts->items[0]));
	memcpy(&mounts->items[at], b->knob_mounts.items,
		b->knob_mounts.n * sizeof(mounts->items[0]));
	return 0;
}

/*
 * Images do not share one: what is compiled is code to a driver. What a file name cannot hold is a
 * percent sign and the byte's number, so that two images never have one directory.
 */
const char *knob_cache_directory(struct plan_build *b, const char *kind, const char **ret_reason)
{
	_cleanup_(strbuf_done) struct strbuf name = STRBUF_INIT(IMAGE_NAME_BYTES);
	const char *image = b->req->image;

	*ret_reason = "a root without a name has no directory of its own: give it one, as "
		      "'--rootfs DIR NAME -- COMMAND'";
	if (!image || !*image)
		return NULL;
	for (const char *c = image; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
			     (*c == '.' && c > image);

		strbuf_printf(&name, plain ? "%c" : "%%%02x", (unsigned char)*c);
	}
	/* 255 bytes: NAME_MAX of Linux's file systems. */
	*ret_reason = "the image's name is too long for a directory";
	if (strbuf_failed(&name) || name.length > 255)
		return NULL;
	return arena_printf(
		b->plan->arena, "%s/%s/%s", b->req->session->cache_dir, kind, strbuf_str(&name));
}

int knob_node(struct plan_build *b, const struct host_node *node, struct nvb_error **err)
{
	if (plan_nodes_has(b->plan, b->plan->nodes.n, node->path))
		return 0;
	return plan_nodes_append(b, node, err);
}

int knob_rlimit(struct plan_build *b, const char *type, uint64_t value, struct nvb_error **err)
{
	struct plan_rlimit *limit;

	vec_foreach (struct plan_rlimit, known, &b->plan->rlimits) {
		if (strcmp(known->type, type) != 0)
			continue;
		known->soft = known->soft > value ? known->soft : value;
		known->hard = known->hard > value ? known->hard : value;
		return 0;
	}
	limit = vec_push(b->plan->arena, &b->plan->rlimits);
	if (!limit)
		return NVB_OOM(err);
	*limit = (struct plan_rlimit){ .type = type, .soft = value, .hard = value };
	return 0;
}

int knob_host_change(struct plan_build *b, struct nvb_error **err, enum knob_id knob,
	enum host_change_kind kind, const char *target, const char *value, ...)
{
	struct plan_host_change *change = vec_push(b->plan->arena, &b->plan->host_changes);
	const char *text;
	va_list ap;

	va_start(ap, value);
	text = plan_vprintf(b, value, ap);
	va_end(ap);
	if (!change || !text)
		return NVB_OOM(err);
	*change = (struct plan_host_change){
		.knob = knob_table[knob].name,
		.kind = kind,
		.target = target,
		.value = text,
	};
	return 0;
}

bool plan_needs_session(const struct settings *settings)
{
	static const enum knob_id knobs[] = { KNOB_WINE_OPTIMIZATIONS, KNOB_SHADER_CACHE,
		KNOB_GAMESCOPE, KNOB_DISPLAY_SYSTEM, KNOB_INPUT_DEVICES, KNOB_AUDIO_SYSTEM,
		KNOB_CUDA_CACHE_SIZE, KNOB_REALTIME };

	for (size_t i = 0; i < ELEMENTS(knobs); i++)
		if (settings_get(settings, knobs[i]))
			return true;
	return false;
}

/*
 * A knob without a rule does nothing, and says so. The isolation mode has an outcome of its own in
 * every plan.
 */
static int apply_one(
	struct plan_build *b, enum knob_id id, const struct setting *value, struct nvb_error **err)
{
	bool for_all_engines = false;
	const struct knob_rule *rule = find_rule(id, &for_all_engines);
	int r;

	if (!rule && id == KNOB_ISOLATION)
		return 0;
	if (!rule)
		return knob_report(
			b, err, id, KNOB_UNSUPPORTED, NULL, "this version does not act on it");
	if (!for_all_engines && !plan_engine_is_built_in(b->req) &&
		!(rule->is_inert && rule->is_inert(value)))
		return knob_report(b, err, id, KNOB_UNSUPPORTED, NULL,
			"not with '%s': '--runtime bolt' does it", b->req->engine);
	r = rule->resolve(b, value, err);
	return r < 0 ? NVB_CONTEXT(err, r, "%s: %s", value->origin, knob_table[id].name) : r;
}

int knob_rules_apply(struct plan_build *b, struct nvb_error **err)
{
	size_t n_nodes = b->plan->nodes.n;
	int r = 0;

	for (size_t id = 0; r >= 0 && id < KNOB_COUNT; id++) {
		const struct setting *value = knob_setting(b, (enum knob_id)id);

		if (value)
			r = apply_one(b, (enum knob_id)id, value, err);
	}
	if (r >= 0)
		r = finish_option_variables(b, err);
	if (r >= 0)
		r = finish_mounts(b, err);
	if (r >= 0 && b->plan->nodes.n > n_nodes)
		r = plan_nodes_finish(b, err);
	return r;
}
