/* SPDX-License-Identifier: Apache-2.0 */
/* A machine, a request and a container root to plan with, built in code. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "plan/plan.h"

#define DRIVER_VERSION "550.163.01"
#define LIB64          "/usr/lib/x86_64-linux-gnu"
#define LIB32          "/usr/lib/i386-linux-gnu"
#define MAX_SELECTED   16
#define CUDA_FILE      "libcuda.so." DRIVER_VERSION
#define CUDA_SOURCE    "/host/64/" CUDA_FILE

/* cmocka does not tell compilers that it never returns from a failure. */
#define fail_now(...)                  \
	do {                           \
		fail_msg(__VA_ARGS__); \
		abort();               \
	} while (0)

struct sample {
	struct arena *a;
	struct inventory inv;
	struct request req;
	struct container_root *root;
	struct selected_gpu selected[MAX_SELECTED];
	struct plan *plan;
	struct nvb_error *err;
};

static inline struct host_node sample_node(struct sample *s, const char *path, uint32_t major,
	uint32_t minor)
{
	return (struct host_node){
		.path = path,
		.host_path = arena_printf(s->a, "/host%s", path),
		.type = 'c',
		.exists = true,
		.is_device = true,
		.major = major,
		.minor = minor,
		.mode = 0666,
	};
}

static inline struct gpu_node *sample_add_node(struct sample *s, struct gpu_node_list *list,
	const char *path, uint32_t major, uint32_t minor, capability_set needed_for)
{
	struct gpu_node *node = vec_push(s->a, list);

	*node = (struct gpu_node){
		.node = sample_node(s, arena_strdup(s->a, path), major, minor),
		.needed_for = needed_for,
	};
	return node;
}

static inline struct driver_file *sample_add_file(struct sample *s, struct gpu_driver *driver,
	enum driver_file_kind kind, const char *target, const char *alias, int elf_class,
	capability_set needed_for)
{
	struct driver_file *file = vec_push(s->a, &driver->files);

	*file = (struct driver_file){
		.kind = kind,
		.needed_for = needed_for,
		.requires_all = elf_class == 32 ? CAPABILITY_COMPAT32 : 0,
		.host_path = arena_printf(s->a, "/host/%d/%s", elf_class, target),
		.target = target,
		.elf_class = elf_class,
	};
	if (alias) {
		file->soname = alias;
		(void)string_list_add(s->a, &file->aliases, alias);
	}
	return file;
}

static inline struct gpu_driver *sample_add_driver(struct sample *s, enum gpu_vendor vendor,
	const char *name, const char *flavor)
{
	struct gpu_driver *driver = vec_push(s->a, &s->inv.drivers);

	*driver = (struct gpu_driver){ .vendor = vendor, .name = name, .flavor = flavor };
	return driver;
}

static inline struct gpu *sample_add_gpu(struct sample *s, enum gpu_vendor vendor,
	const char *driver)
{
	unsigned index = (unsigned)s->inv.gpus.n;
	struct gpu *gpu = vec_push(s->a, &s->inv.gpus);

	*gpu = (struct gpu){
		.index = index,
		.vendor = vendor,
		.driver = driver,
		.pci_address = arena_printf(s->a, "0000:%02x:00.0", 0x10 + index),
		.minor = (int)index,
		.numa_node = -1,
	};
	return gpu;
}

/* NVIDIA's driver with a little of everything. */
static inline struct gpu_driver *sample_add_nvidia(struct sample *s)
{
	struct gpu_driver *d = sample_add_driver(s, GPU_VENDOR_NVIDIA, "nvidia", "open");
	const capability_set any = CAPABILITY_ALL & ~(capability_set)CAPABILITY_COMPAT32;
	struct driver_file *file;

	d->version = d->files_version = DRIVER_VERSION;
	d->brings_user_space = true;
	sample_add_node(s, &d->common_nodes, "/dev/nvidiactl", 195, 255, any);
	sample_add_node(s, &d->common_nodes, "/dev/nvidia-uvm", 511, 0, CAPABILITY_COMPUTE);
	sample_add_node(s, &d->common_nodes, "/dev/nvidia-modeset", 195, 254,
		CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY);
	file = sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libcuda.so." DRIVER_VERSION,
		"libcuda.so.1", 64, CAPABILITY_COMPUTE);
	(void)string_list_add(s->a, &file->aliases, "libcuda.so");
	sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libcuda.so." DRIVER_VERSION, "libcuda.so.1", 32,
		CAPABILITY_COMPUTE);
	sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libnvidia-ml.so." DRIVER_VERSION,
		"libnvidia-ml.so.1", 64, CAPABILITY_UTILITY);
	file = sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libnvidia-allocator.so." DRIVER_VERSION,
		"libnvidia-allocator.so.1", 64, CAPABILITY_GRAPHICS);
	(void)string_list_add(s->a, &file->aliases, "gbm/nvidia-drm_gbm.so");
	file = sample_add_file(s, d, DRIVER_FILE_LIBRARY, "libGLX_nvidia.so." DRIVER_VERSION,
		"libGLX_nvidia.so.0", 64, CAPABILITY_GRAPHICS);
	(void)string_list_add(s->a, &file->aliases, "libGLX_indirect.so.0");
	sample_add_file(s, d, DRIVER_FILE_LIBRARY, "vdpau/libvdpau_nvidia.so." DRIVER_VERSION,
		"libvdpau_nvidia.so.1", 64, CAPABILITY_VIDEO);
	sample_add_file(s, d, DRIVER_FILE_LIBRARY, "nvidia/wine/nvngx.dll", NULL, 64,
		CAPABILITY_NGX);
	sample_add_file(s, d, DRIVER_FILE_PROGRAM, "/usr/bin/nvidia-smi", NULL, 0,
		CAPABILITY_UTILITY);
	sample_add_file(s, d, DRIVER_FILE_CONFIG, "/etc/vulkan/icd.d/nvidia_icd.json", NULL, 0,
		CAPABILITY_GRAPHICS);
	file = sample_add_file(s, d, DRIVER_FILE_CONFIG, "/etc/vulkan/icd.d/nvidia_icd.i686.json",
		NULL, 0, CAPABILITY_GRAPHICS);
	file->requires_all = CAPABILITY_COMPAT32;
	sample_add_file(s, d, DRIVER_FILE_FIRMWARE, "/lib/firmware/nvidia/" DRIVER_VERSION "/gsp.bin",
		NULL, 0, any);
	sample_add_file(s, d, DRIVER_FILE_SOCKET, "/run/nvidia-persistenced/socket", NULL, 0, any);
	return d;
}

static inline struct gpu *sample_add_nvidia_gpu(struct sample *s)
{
	const capability_set any = CAPABILITY_ALL & ~(capability_set)CAPABILITY_COMPAT32;
	struct gpu *gpu = sample_add_gpu(s, GPU_VENDOR_NVIDIA, "nvidia");
	unsigned i = gpu->index;

	gpu->uuid = arena_printf(s->a, "GPU-%08x", i);
	gpu->card_node = arena_printf(s->a, "/dev/dri/card%u", i);
	gpu->render_node = arena_printf(s->a, "/dev/dri/renderD%u", 128 + i);
	sample_add_node(s, &gpu->nodes, arena_printf(s->a, "/dev/nvidia%u", i), 195, i, any);
	sample_add_node(s, &gpu->nodes, gpu->card_node, 226, i, CAPABILITY_DISPLAY)->node.mode =
		0660;
	sample_add_node(s, &gpu->nodes, gpu->render_node, 226, 128 + i, CAPABILITY_GRAPHICS);
	return gpu;
}

static inline void sample_select(struct sample *s, const struct gpu *gpu,
	const struct gpu_partition *partition)
{
	assert_true(s->req.gpus.n < MAX_SELECTED);
	s->selected[s->req.gpus.n++] =
		(struct selected_gpu){ .gpu = gpu, .partition = partition };
	s->req.gpus.items = s->selected;
}

/* Call when all GPUs are added: a growing list moves. */
static inline void sample_select_all(struct sample *s)
{
	s->req.gpus = (struct selection){ .all = true };
	vec_foreach (struct gpu, gpu, &s->inv.gpus) {
		if (gpu->state == GPU_USABLE)
			sample_select(s, gpu, NULL);
	}
}

static inline int sample_set_up(void **state)
{
	struct sample *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->a = arena_new();
	if (!s->a)
		return -1;
	s->inv.host_prefix = "/host";
	s->req.engine = "bolt";
	s->req.capabilities = CAPABILITY_DEFAULT;
	*state = s;
	return 0;
}

static inline int sample_tear_down(void **state)
{
	struct sample *s = *state;

	plan_free(s->plan);
	container_root_free(s->root);
	nvb_error_free(s->err);
	arena_free(s->a);
	free(s);
	return 0;
}

/* Debian's root, as if it had been looked at; the caller may change the facts. */
static inline struct container_root *sample_root(struct sample *s)
{
	struct string_list dirs, names;

	assert_int_equal(plan_questions(&s->inv, &s->req, s->a, &dirs, &names, NULL), 0);
	container_root_free(s->root);
	assert_int_equal(container_root_assume(&dirs, &s->root, NULL), 0);
	s->root->assumed = false;
	return s->root;
}

static inline int sample_try(struct sample *s)
{
	if (!s->root)
		(void)sample_root(s);
	plan_free(s->plan);
	s->plan = NULL;
	nvb_error_clear(&s->err);
	return plan_make(&s->inv, &s->req, s->root, &s->plan, &s->err);
}

static inline const struct plan *sample_plan(struct sample *s)
{
	if (sample_try(s) < 0)
		fail_msg("%s", nvb_error_message(s->err));
	return s->plan;
}

static inline void assert_refused(struct sample *s, int status, const char *part)
{
	assert_int_equal(sample_try(s), status);
	assert_null(s->plan);
	if (!strstr(nvb_error_message(s->err), part))
		fail_msg("'%s' does not say '%s'", nvb_error_message(s->err), part);
}

static inline bool list_has(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, item, list) {
		if (strcmp(*item, text) == 0)
			return true;
	}
	return false;
}

static inline void assert_warned(const struct plan *plan, const char *part)
{
	vec_foreach (const char *, warning, &plan->warnings) {
		if (strstr(*warning, part))
			return;
	}
	fail_msg("no warning says '%s'", part);
}

static inline void assert_silent(const struct plan *plan)
{
	if (plan->warnings.n)
		fail_msg("unexpected warning: %s", plan->warnings.items[0]);
}

static inline const struct plan_mount *find_mount(const struct plan *plan, const char *destination)
{
	const struct plan_mount *found = NULL;

	vec_foreach (struct plan_mount, mount, &plan->mounts) {
		if (strcmp(mount->destination, destination) != 0)
			continue;
		if (found)
			fail_msg("two mounts on '%s'", destination);
		found = mount;
	}
	return found;
}

static inline const struct plan_mount *get_mount(const struct plan *plan, const char *destination)
{
	const struct plan_mount *mount = find_mount(plan, destination);

	if (!mount)
		fail_now("no mount on '%s'", destination);
	return mount;
}

static inline void assert_mount(const struct plan *plan, const char *destination,
	const char *source)
{
	assert_string_equal(get_mount(plan, destination)->source, source);
}

static inline const struct plan_link *find_link(const struct plan *plan, const char *path)
{
	const struct plan_link *found = NULL;

	vec_foreach (struct plan_link, link, &plan->links) {
		if (strcmp(link->path, path) != 0)
			continue;
		if (found)
			fail_msg("two links at '%s'", path);
		found = link;
	}
	return found;
}

/* A link, in whose place `source` would go on `destination`. */
static inline void assert_link_over(const struct plan *plan, const char *path, const char *text,
	const char *source, const char *destination)
{
	const struct plan_link *link = find_link(plan, path);

	if (!link)
		fail_now("no link at '%s'", path);
	assert_string_equal(link->text, text);
	assert_string_equal(link->source, source);
	assert_string_equal(link->destination, destination);
}

static inline void assert_link(const struct plan *plan, const char *path, const char *text,
	const char *source)
{
	assert_link_over(plan, path, text, source, path);
}

static inline const struct plan_node *find_node(const struct plan *plan, const char *path)
{
	vec_foreach (struct plan_node, node, &plan->nodes) {
		if (strcmp(node->path, path) == 0)
			return node;
	}
	return NULL;
}

static inline const struct plan_knob *find_knob(const struct plan *plan, const char *name)
{
	vec_foreach (struct plan_knob, knob, &plan->knobs) {
		if (strcmp(knob->name, name) == 0)
			return knob;
	}
	return NULL;
}

static inline const struct plan_knob *get_knob(const struct plan *plan, const char *name)
{
	const struct plan_knob *knob = find_knob(plan, name);

	if (!knob)
		fail_now("no knob '%s'", name);
	return knob;
}

static inline const struct plan_node *get_node(const struct plan *plan, const char *path)
{
	const struct plan_node *node = find_node(plan, path);

	if (!node)
		fail_now("no node '%s'", path);
	return node;
}

static inline void assert_knob(const struct plan *plan, const char *name, const char *value,
	enum knob_status status)
{
	const struct plan_knob *knob = get_knob(plan, name);

	assert_string_equal(knob->value, value);
	assert_string_equal(knob_status_name(knob->status), knob_status_name(status));
}

static inline struct string_list sample_paths(struct sample *s, const struct plan *plan)
{
	struct string_list paths = { 0 };

	vec_foreach (struct plan_node, node, &plan->nodes)
		(void)string_list_add(s->a, &paths, node->path);
	return paths;
}

static inline void sample_add_machine(struct sample *s, capability_set capabilities)
{
	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.capabilities = capabilities;
}

static inline void assert_options(const struct plan *plan, const char *destination, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);
	const struct plan_mount *mount = get_mount(plan, destination);

	vec_foreach (const char *, option, &mount->options)
		strbuf_printf(&text, "%s,", *option);
	assert_string_equal(strbuf_str(&text), expected);
}

static inline void sample_add_root_link(struct sample *s, const char *path, const char *resolved, const char *problem)
{
	struct root_link *link = vec_push(s->root->arena, &s->root->links);

	*link = (struct root_link){ .path = path, .resolved = resolved, .problem = problem };
}

static inline void sample_add_volume(struct sample *s, const char *source, const char *destination,
	bool read_only)
{
	struct volume *volume = vec_push(s->a, &s->req.volumes);

	*volume = (struct volume){
		.source = source,
		.destination = destination,
		.read_only = read_only,
	};
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sample_set_up, sample_tear_down)
