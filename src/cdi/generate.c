/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a spec has and what each of them brings.
 *
 * What belongs to the driver (control nodes, files, environment, the hook) is in the spec's own
 * edits, which engines apply once. Where the GPUs of one kind run on several drivers, every
 * device brings its own.
 */
#include "cdi/generate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdi/document.h"
#include "cdi/generate_build.h"

#define NAME_BYTES    64
#define PROFILE_KEY   "nvbind.profile"
#define CAPSULE_CLASS "gpu-bolt"

const char *generate_keep(struct generate *g, const char *text)
{
	return arena_strdup(g->spec->arena, text);
}

int generate_env(struct generate *g, struct cdi_edits *edits, struct nvb_error **err,
	const char *format, ...)
{
	char text[512];
	const char *kept;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return NVB_RAISE(
			err, NVB_ERR_LIMIT, 0, "the variable '%.32s...' is too long", text);
	kept = generate_keep(g, text);
	if (!kept || string_list_add(g->spec->arena, &edits->env, kept) < 0)
		return NVB_OOM(err);
	return 0;
}

/* The GPUs of a spec, as one selection. */
struct gpus {
	struct selection selection;
	const struct gpu_driver *driver; /* of all of them; NULL: several */
};

static bool is_of_kind(const struct gpu *gpu, enum gpu_vendor vendor)
{
	return gpu_vendor_kinds(gpu->vendor) == gpu_vendor_kinds(vendor);
}

static int collect(const struct inventory *inv, const struct cdi_generate_options *options,
	struct arena *a, struct gpus *ret, struct nvb_error **err)
{
	struct gpus gpus = { 0 };

	gpus.selection.items = arena_alloc(a, (inv->gpus.n + 1) * sizeof(struct selected_gpu));
	if (!gpus.selection.items)
		return NVB_OOM(err);
	vec_foreach (const struct gpu, gpu, &inv->gpus) {
		const struct gpu_driver *driver = inventory_driver(inv, gpu);

		if (gpu->state != GPU_USABLE || !is_of_kind(gpu, options->vendor))
			continue;
		if (!gpus.selection.n)
			gpus.driver = driver;
		else if (gpus.driver != driver)
			gpus.driver = NULL;
		gpus.selection.items[gpus.selection.n++] = (struct selected_gpu){ .gpu = gpu };
	}
	*ret = gpus;
	return 0;
}

static struct request request_for(const struct generate *g, const struct selection *selection)
{
	return (struct request){
		.engine = "cdi",
		.gpus = *selection,
		.capabilities = g->options->capabilities,
	};
}

static int keep_warnings(
	struct generate *g, const struct string_list *warnings, struct nvb_error **err)
{
	vec_foreach (const char *, warning, warnings) {
		const char *kept = generate_keep(g, *warning);

		if (!kept || string_list_add(g->spec->arena, &g->warnings, kept) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* A machine with a dead GPU must not look whole. */
static int warn_left_out(struct generate *g, struct nvb_error **err)
{
	vec_foreach (const struct gpu, gpu, &g->inv->gpus) {
		if (gpu->state == GPU_USABLE || !is_of_kind(gpu, g->options->vendor))
			continue;
		if (string_list_printf(g->spec->arena, &g->warnings, "GPU %u (%s) is left out: %s",
			    gpu->index,
			    gpu->pci_address ? gpu->pci_address : gpu_vendor_name(gpu->vendor),
			    gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state)) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* The files of all drivers, placed as the facts of one root demand. */
static int place_in_root(
	struct generate *g, const struct selection *selection, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct request request = request_for(g, selection);
	int r;

	r = plan_make_for_spec(g->inv, &request, g->options->root, &plan, err);
	if (r < 0)
		return r;
	vec_foreach (const struct plan_mount, mount, &plan->mounts) {
		if (r >= 0)
			r = generate_mount(g, &g->spec->edits, mount->source, mount->destination,
				&mount->options, err);
	}
	return r < 0 ? r : keep_warnings(g, &plan->warnings, err);
}

static int add_spec_environment(struct generate *g, struct cdi_edits *edits,
	const struct gpu_driver *driver, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const char *, line, &driver->spec_environment) {
		if (r >= 0)
			r = generate_env(g, edits, err, "%s", *line);
	}
	return r;
}

/* All that a driver brings but its nodes. */
static int add_driver(struct generate *g, struct cdi_edits *edits, const struct gpu_driver *driver,
	bool keeps_nodes, struct nvb_error **err)
{
	int r = add_spec_environment(g, edits, driver, err);

	if (r < 0 || !driver->files.n)
		return r;
	/* The hook enters folders into the loader's cache, and the image's own value stays. */
	vec_foreach (const char *, line, &driver->environment) {
		if (r >= 0 && !(driver->loader_folders.n && g->options->hook_path))
			r = generate_env(g, edits, err, "%s", *line);
	}
	if (r < 0 || g->options->root)
		return r;
	r = generate_files(g, edits, driver, err);
	if (r >= 0 && g->options->hook_path)
		r = generate_hook(g, edits, driver, keeps_nodes, err);
	return r;
}

/* Adds a device, unless its name is taken or is none in the sense of the format. */
static int add_device(struct generate *g, const char *name, const struct cdi_edits *edits,
	struct cdi_device **ret_device, struct nvb_error **err)
{
	struct cdi_device *device;

	*ret_device = NULL;
	if (!cdi_is_device_name(name) || cdi_spec_device(g->spec, name))
		return 0;
	device = vec_push(g->spec->arena, &g->spec->devices);
	if (!device)
		return NVB_OOM(err);
	*device = (struct cdi_device){ .name = generate_keep(g, name), .edits = *edits };
	*ret_device = device;
	return device->name ? 0 : NVB_OOM(err);
}

static bool is_capsule(const struct generate *g)
{
	const char *slash = strchr(g->options->kind, '/');

	return slash && strcmp(slash + 1, CAPSULE_CLASS) == 0;
}

/* The nodes of a selection, and its drivers where they are not the spec's. */
static int fill_edits(struct generate *g, const struct gpus *gpus,
	const struct selection *selection, struct cdi_edits *edits, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct request request = request_for(g, selection);
	int r;

	r = plan_make_nodes(g->inv, &request, &plan, err);
	if (r >= 0)
		r = generate_plan_nodes(
			g, edits, plan, gpus->driver ? &gpus->driver->common_nodes : NULL, err);
	if (r < 0 || gpus->driver)
		return r;
	vec_foreach (const struct gpu_driver, driver, &g->inv->drivers) {
		bool used = false;

		for (size_t i = 0; i < selection->n; i++)
			used = used || inventory_driver(g->inv, selection->items[i].gpu) == driver;
		if (r >= 0 && used)
			r = add_driver(g, edits, driver, driver->makes_nodes, err);
	}
	return r;
}

/* A GPU or a partition under each of its names. `number` counts the GPUs of this spec. */
static int add_item(struct generate *g, const struct gpus *gpus, const struct selected_gpu *item,
	size_t number, struct nvb_error **err)
{
	const struct selection selection = { .items = (struct selected_gpu *)item, .n = 1 };
	const struct gpu_partition *part = item->partition;
	const char *uuid = part ? part->uuid : item->gpu->uuid;
	char index[NAME_BYTES], typed[NAME_BYTES + 8];
	struct cdi_edits edits = { 0 };
	struct cdi_device *device;
	int r = fill_edits(g, gpus, &selection, &edits, err);

	if (r >= 0 && is_capsule(g) && !part)
		r = generate_env(g, &edits, err, "BOLT_GPU_INDEX=%zu", number);
	if (r < 0 || !edits.device_nodes.n)
		return r;
	generate_sort(&edits);
	if (part) {
		(void)snprintf(index, sizeof(index), "%zu:%u", number, part->index);
		(void)snprintf(typed, sizeof(typed), "%s%s", part->gi >= 0 ? "mig" : "gpu", index);
	} else {
		(void)snprintf(index, sizeof(index), "%zu", number);
		(void)snprintf(typed, sizeof(typed), "gpu%zu", number);
	}
	if (g->options->names & CDI_NAME_TYPE_INDEX)
		r = add_device(g, typed, &edits, &device, err);
	if (r >= 0 && (g->options->names & CDI_NAME_UUID) && uuid)
		r = add_device(g, uuid, &edits, &device, err);
	/* A device without a name of the kind that is wanted is not lost. */
	if (r >= 0 && ((g->options->names & CDI_NAME_INDEX) ||
			      (g->options->names == CDI_NAME_UUID && !uuid)))
		r = add_device(g, index, &edits, &device, err);
	return r;
}

static int add_all(struct generate *g, const struct gpus *gpus, struct nvb_error **err)
{
	struct cdi_edits edits = { 0 };
	struct cdi_device *device;
	int r = fill_edits(g, gpus, &gpus->selection, &edits, err);

	if (r >= 0 && is_capsule(g))
		r = generate_env(g, &edits, err, "BOLT_GPU_COUNT=%zu", gpus->selection.n);
	if (r < 0 || !edits.device_nodes.n)
		return r;
	generate_sort(&edits);
	return add_device(g, "all", &edits, &device, err);
}

/* Without an address of its own it is one node for all GPUs of the machine: there is no "0". */
static bool is_collective(const struct selection *selection)
{
	return selection->n == 1 && !selection->items[0].gpu->pci_address;
}

static int add_devices(struct generate *g, const struct gpus *gpus, struct nvb_error **err)
{
	bool collective = is_collective(&gpus->selection);
	int r = 0;

	for (size_t i = 0; i < gpus->selection.n && !collective && r >= 0; i++) {
		struct selected_gpu item = gpus->selection.items[i];

		r = add_item(g, gpus, &item, i, err);
		vec_foreach (const struct gpu_partition, part, &item.gpu->partitions) {
			const struct selected_gpu part_item = { item.gpu, part };

			if (r >= 0)
				r = add_item(g, gpus, &part_item, i, err);
		}
	}
	if (r >= 0 && (g->options->all_device || collective))
		r = add_all(g, gpus, err);
	return r;
}

static int add_capsule_env(struct generate *g, struct nvb_error **err)
{
	struct cdi_edits *edits = &g->spec->edits;
	int r = 0;

	if (!is_capsule(g))
		return 0;
	r = generate_env(g, edits, err, "BOLT_GPU_ENABLED=1");
	if (r >= 0 && g->options->profile)
		r = generate_env(g, edits, err, "BOLT_WORKLOAD_TYPE=%s", g->options->profile);
	return r;
}

static int add_companions(struct generate *g, struct nvb_error **err)
{
	int r = 0;

	if (!g->options->data_companions)
		return 0;
	vec_foreach (const struct gpu_companion, companion, &g->inv->companions) {
		if (companion->use != COMPANION_DATA || companion->vendor != g->options->vendor)
			continue;
		for (size_t i = 0; i < companion->devices.n && r >= 0; i++)
			r = generate_gpu_nodes(
				g, &g->spec->edits, &companion->devices.items[i].nodes, err);
		vec_foreach (const struct driver_file, file, &companion->files) {
			if (r >= 0)
				r = generate_mount(g, &g->spec->edits, file->host_path,
					file->target, plan_files_options(file), err);
		}
	}
	return r;
}

static int add_shared(struct generate *g, const struct gpus *gpus, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct request request = request_for(g, &gpus->selection);
	int r;

	/* Once for all: what is wrong with the driver, and what is missing. */
	r = plan_make_nodes(g->inv, &request, &plan, err);
	if (r >= 0 && !g->options->root)
		r = keep_warnings(g, &plan->warnings, err);
	if (r >= 0 && g->options->root)
		r = place_in_root(g, &gpus->selection, err);
	if (r < 0 || !gpus->driver)
		return r;
	vec_foreach (const struct gpu_node, node, &gpus->driver->common_nodes) {
		if (r >= 0 && (node->needed_for & g->options->capabilities) &&
			(node->node.exists || (node->node.type && !node->optional)))
			r = generate_node(g, &g->spec->edits, &node->node, err);
	}
	return r < 0 ? r
		     : add_driver(g, &g->spec->edits, gpus->driver, gpus->driver->makes_nodes, err);
}

static int compare_devices(const void *a, const void *b)
{
	const struct cdi_device *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

/* An annotation asks for 0.6.0, which some engines do not read: only if that costs nothing. */
static int annotate(struct generate *g, struct nvb_error **err)
{
	struct cdi_spec *spec = g->spec;
	struct cdi_annotation *annotation;
	const char *without = cdi_spec_minimum_version(spec), *with;

	spec->version = without;
	if (!g->options->profile)
		return 0;
	annotation = vec_push(spec->arena, &spec->annotations);
	if (!annotation)
		return NVB_OOM(err);
	*annotation = (struct cdi_annotation){
		.key = PROFILE_KEY,
		.value = generate_keep(g, g->options->profile),
	};
	if (!annotation->value)
		return NVB_OOM(err);
	with = cdi_spec_minimum_version(spec);
	if (strcmp(with, without) != 0 && !g->options->annotate)
		spec->annotations.n = 0;
	else
		spec->version = with;
	return 0;
}

static int start(struct generate *g, struct nvb_error **err)
{
	const char *slash = strchr(g->options->kind, '/');

	g->spec = cdi_spec_new();
	if (!g->spec || !slash)
		return NVB_OOM(err);
	g->spec->kind = generate_keep(g, g->options->kind);
	g->spec->vendor =
		arena_strndup(g->spec->arena, g->options->kind, (size_t)(slash - g->options->kind));
	g->spec->class_name = generate_keep(g, slash + 1);
	return g->spec->kind && g->spec->vendor && g->spec->class_name ? 0 : NVB_OOM(err);
}

/* Hands the spec out, or none if it has no device. */
static int finish(struct generate *g, struct cdi_spec **ret_spec, struct string_list *ret_warnings,
	struct nvb_error **err)
{
	struct cdi_spec *spec = g->spec;
	int r;

	if (!spec->devices.n) {
		*ret_spec = NULL;
		*ret_warnings = (struct string_list){ 0 };
		return 0;
	}
	generate_sort(&spec->edits);
	qsort(spec->devices.items, spec->devices.n, sizeof(*spec->devices.items), compare_devices);
	r = annotate(g, err);
	if (r < 0)
		return r;
	g->spec = NULL;
	*ret_spec = spec;
	*ret_warnings = g->warnings;
	return 0;
}

static void generate_done(struct generate *g)
{
	cdi_spec_free(g->spec);
}

int cdi_generate(const struct inventory *inv, const struct cdi_generate_options *options,
	struct cdi_spec **ret_spec, struct string_list *ret_warnings, struct nvb_error **err)
{
	_cleanup_(generate_done) struct generate g = { .inv = inv, .options = options };
	struct gpus gpus = { 0 };
	int r = start(&g, err);

	if (r >= 0)
		r = collect(inv, options, g.spec->arena, &gpus, err);
	if (r >= 0 && gpus.selection.n) {
		r = warn_left_out(&g, err);
		if (r >= 0)
			r = add_shared(&g, &gpus, err);
		if (r >= 0)
			r = add_capsule_env(&g, err);
		if (r >= 0)
			r = add_companions(&g, err);
		if (r >= 0)
			r = add_devices(&g, &gpus, err);
	}
	if (r < 0)
		return NVB_CONTEXT(err, r, "describe '%s'", options->kind);
	return finish(&g, ret_spec, ret_warnings, err);
}

/* Files that do not match the kernel module are of no use to these tools either. */
static int check_driver(struct generate *g, struct nvb_error **err)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct request request;
	struct gpus gpus = { 0 };
	int r = collect(g->inv, g->options, g->spec->arena, &gpus, err);

	if (r < 0)
		return r;
	request = request_for(g, &gpus.selection);
	return plan_make_nodes(g->inv, &request, &plan, err);
}

/*
 * Tools that configure GPUs need the driver's user space, and may make nodes. A container with
 * anything else, but without a GPU, must not get one from the vendor's tools.
 */
static int add_companion_driver(
	struct generate *g, const struct gpu_companion *companion, struct nvb_error **err)
{
	int r = companion->use == COMPANION_MANAGES ? check_driver(g, err) : 0;

	vec_foreach (const struct gpu_driver, driver, &g->inv->drivers) {
		if (driver->vendor != companion->vendor || !driver->brings_user_space)
			continue;
		if (r >= 0 && companion->use == COMPANION_MANAGES)
			r = add_driver(g, &g->spec->edits, driver, false, err);
		else if (r >= 0)
			r = add_spec_environment(g, &g->spec->edits, driver, err);
	}
	return r;
}

int cdi_generate_companion(const struct inventory *inv, const struct gpu_companion *companion,
	const struct cdi_generate_options *options, struct cdi_spec **ret_spec,
	struct string_list *ret_warnings, struct nvb_error **err)
{
	_cleanup_(generate_done) struct generate g = { .inv = inv, .options = options };
	int r = start(&g, err);

	vec_foreach (const struct companion_device, from, &companion->devices) {
		struct cdi_edits edits = { 0 };
		struct cdi_device *device;

		if (r >= 0)
			r = generate_gpu_nodes(&g, &edits, &from->nodes, err);
		generate_sort(&edits);
		if (r >= 0 && edits.device_nodes.n)
			r = add_device(&g, from->name, &edits, &device, err);
	}
	vec_foreach (const struct driver_file, file, &companion->files) {
		if (r >= 0)
			r = generate_mount(&g, &g.spec->edits, file->host_path, file->target,
				plan_files_options(file), err);
	}
	if (r >= 0 && companion->devices.n)
		r = add_companion_driver(&g, companion, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "describe '%s'", options->kind);
	return finish(&g, ret_spec, ret_warnings, err);
}

int cdi_generate_questions(const struct inventory *inv, const struct cdi_generate_options *options,
	struct arena *a, struct string_list *ret_dirs, struct string_list *ret_names,
	struct nvb_error **err)
{
	const struct generate g = { .inv = inv, .options = options };
	struct request request;
	struct gpus gpus = { 0 };
	int r = collect(inv, options, a, &gpus, err);

	if (r < 0)
		return r;
	request = request_for(&g, &gpus.selection);
	return plan_questions(inv, &request, a, ret_dirs, ret_names, err);
}
