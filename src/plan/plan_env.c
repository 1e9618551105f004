/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment: what tells programs in the container about its GPUs, what the driver needs to
 * be found, and what the user says, which wins.
 *
 * NVIDIA_VISIBLE_DEVICES tells the truth to programs that read it: "all" if the container has
 * every NVIDIA GPU of the machine, else UUIDs, or indices of the host where a UUID is not known;
 * "void" if it has none. It is always set, because images of CUDA carry "all" themselves, and
 * because NVIDIA's runtime, should it stand behind the engine, leaves a container with "void"
 * alone. So "void" also stands for the driver without a GPU: with "none" that runtime would mount
 * the driver a second time, and a program learns no more from it: what it has of the driver is in
 * NVIDIA_DRIVER_CAPABILITIES.
 * Source: NVIDIA Container Toolkit documentation, "Environment variables".
 */
#include <stdlib.h>
#include <string.h>

#include "plan/plan_build.h"

#define VISIBLE_DEVICES "NVIDIA_VISIBLE_DEVICES"
#define ENV_LIMIT_BYTES ((size_t)64 << 10)

static bool is_nvidia(const struct plan_build *b, const struct gpu *gpu)
{
	const struct gpu_driver *driver = inventory_driver(b->inv, gpu);

	/* WSL2 hands NVIDIA GPUs through its own driver: they answer to the same names. */
	return driver && driver->brings_user_space &&
		(gpu->vendor == GPU_VENDOR_NVIDIA || gpu->vendor == GPU_VENDOR_WSL);
}

/* True if the container has NVIDIA's user space, with a GPU or without. */
static bool has_user_space(const struct plan_build *b)
{
	vec_foreach (const struct gpu_driver, driver, &b->inv->drivers) {
		if (driver->brings_user_space &&
			(driver->vendor == GPU_VENDOR_NVIDIA || driver->vendor == GPU_VENDOR_WSL) &&
			plan_uses_driver(b->inv, b->req, driver))
			return true;
	}
	return false;
}

static size_t count_machine(const struct plan_build *b)
{
	size_t n = 0;

	vec_foreach (struct gpu, gpu, &b->inv->gpus)
		n += is_nvidia(b, gpu);
	return n;
}

static const char *selected_uuid(const struct selected_gpu *item)
{
	return item->partition ? item->partition->uuid : item->gpu->uuid;
}

struct visible {
	size_t n;       /* selected NVIDIA GPUs and instances */
	size_t n_whole; /* of these, whole GPUs */
	size_t n_uuids; /* of these, with a known UUID */
};

static struct visible count_selected(const struct plan_build *b)
{
	struct visible v = { 0 };

	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct selected_gpu *item = &b->req->gpus.items[i];

		if (!is_nvidia(b, item->gpu))
			continue;
		v.n++;
		v.n_whole += !item->partition;
		v.n_uuids += selected_uuid(item) != NULL;
	}
	return v;
}

static void format_item(const struct selected_gpu *item, bool by_uuid, struct strbuf *out)
{
	if (by_uuid)
		strbuf_str_add(out, selected_uuid(item));
	else if (item->partition)
		strbuf_printf(out, "%u:%u", item->gpu->index, item->partition->index);
	else
		strbuf_uint_add(out, item->gpu->index);
}

static int add_line(struct plan_build *b, const struct strbuf *text, struct nvb_error **err)
{
	struct arena *a = b->plan->arena;
	const char *line = strbuf_failed(text) ? NULL : arena_strdup(a, strbuf_str(text));

	return line && string_list_add(a, &b->plan->env, line) == 0 ? 0 : NVB_OOM(err);
}

static int add_visible_devices(struct plan_build *b, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(ENV_LIMIT_BYTES);
	struct visible v = count_selected(b);
	const char *separator = "";

	strbuf_str_add(&text, VISIBLE_DEVICES "=");
	if (!v.n)
		strbuf_str_add(&text, "void");
	else if (v.n == v.n_whole && v.n == count_machine(b))
		strbuf_str_add(&text, "all");
	else {
		for (size_t i = 0; i < b->req->gpus.n; i++) {
			if (!is_nvidia(b, b->req->gpus.items[i].gpu))
				continue;
			strbuf_str_add(&text, separator);
			format_item(&b->req->gpus.items[i], v.n == v.n_uuids, &text);
			separator = ",";
		}
	}
	return add_line(b, &text, err);
}

static int add_capabilities(struct plan_build *b, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(ENV_LIMIT_BYTES);

	strbuf_str_add(&text, "NVIDIA_DRIVER_CAPABILITIES=");
	capability_format(b->req->capabilities, &text);
	return add_line(b, &text, err);
}

static size_t name_length(const char *assignment)
{
	return strcspn(assignment, "=");
}

static bool same_name(const char *x, const char *y)
{
	size_t length = name_length(x);

	return length == name_length(y) && memcmp(x, y, length) == 0;
}

/* What a driver needs, unless its files are not there to be found. */
static int add_driver_environment(struct plan_build *b, const struct gpu_driver *driver,
	struct nvb_error **err)
{
	if (plan_files_problem(b, driver))
		return 0;
	vec_foreach (const char *, line, &driver->environment) {
		if (string_list_add(b->plan->arena, &b->plan->env, *line) < 0)
			return NVB_OOM(err);
		vec_foreach (const char *, user, &b->req->env) {
			int r;

			if (!same_name(*user, *line))
				continue;
			r = plan_warn(b, err, "your '%s' replaces '%s', which driver '%s' needs",
				*user, *line, driver->name);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/*
 * CUDA reads the list up to the first word that names no GPU.
 * Source: CUDA C++ Programming Guide, "CUDA Environment Variables", CUDA_VISIBLE_DEVICES.
 */
static int warn_of_cuda(struct plan_build *b, const char *line, struct nvb_error **err)
{
	if (strcmp(line, "CUDA_VISIBLE_DEVICES=all") != 0)
		return 0;
	return plan_warn(b, err,
		"by your '%s' CUDA sees no GPU: it takes numbers and UUIDs. Leave it out, and it "
		"sees all that the container has",
		line);
}

static int add_user_environment(struct plan_build *b, struct nvb_error **err)
{
	vec_foreach (const char *, line, &b->req->env) {
		if (!name_length(*line) || !strchr(*line, '='))
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"set the environment variable '%s': it is not NAME=VALUE", *line);
		if (string_list_add(b->plan->arena, &b->plan->env, *line) < 0)
			return NVB_OOM(err);
		if (warn_of_cuda(b, *line, err) < 0)
			return NVB_ERR_NO_MEMORY;
	}
	vec_foreach (const char *, line, &b->merged_env) {
		if (string_list_add(b->plan->arena, &b->plan->env, *line) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

struct env_entry {
	const char *line;
	size_t order;
};

static int compare_entries(const void *a, const void *b)
{
	const struct env_entry *x = a, *y = b;
	size_t x_length = name_length(x->line), y_length = name_length(y->line);
	int by_name = memcmp(x->line, y->line, x_length < y_length ? x_length : y_length);

	if (by_name)
		return by_name;
	if (x_length != y_length)
		return x_length < y_length ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Sorts by name; of one name the last one added stays. */
static int sort_by_name(struct plan *plan, struct nvb_error **err)
{
	size_t n = plan->env.n, kept = 0;
	struct env_entry *entries = arena_alloc(plan->arena, n * sizeof(*entries));

	if (!entries)
		return NVB_OOM(err);
	for (size_t i = 0; i < n; i++)
		entries[i] = (struct env_entry){ .line = plan->env.items[i], .order = i };
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && same_name(entries[i].line, entries[i + 1].line))
			continue;
		plan->env.items[kept++] = entries[i].line;
	}
	plan->env.n = kept;
	return 0;
}

int plan_env_add(struct plan_build *b, struct nvb_error **err)
{
	int r = add_visible_devices(b, err);

	if (r >= 0 && has_user_space(b))
		r = add_capabilities(b, err);
	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (r >= 0 && plan_uses_driver(b->inv, b->req, driver))
			r = add_driver_environment(b, driver, err);
	}
	if (r >= 0)
		r = add_user_environment(b, err);
	return r < 0 ? r : sort_by_name(b->plan, err);
}
