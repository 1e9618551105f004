/* SPDX-License-Identifier: Apache-2.0 */
/* Specs from inventories made in code: names, merging, nodes, files, the hook, versions. */
#include "../plan/sample.h"

#include "cdi/document.h"
#include "cdi/generate.h"

#define HOOK "/usr/bin/nvbind-hook"


static struct cdi_generate_options options_of(const char *kind, enum gpu_vendor vendor)
{
	return (struct cdi_generate_options){
		.kind = kind,
		.vendor = vendor,
		.capabilities = CAPABILITY_ALL,
		.names = CDI_NAME_ANY,
		.all_device = true,
		.hook_path = HOOK,
	};
}

/* The spec; the caller frees it. It obeys the rules of the format. */
static struct cdi_spec *generate(struct sample *s, const struct cdi_generate_options *options,
	struct string_list *ret_warnings)
{
	struct string_list warnings = { 0 };
	struct cdi_spec *spec = NULL;

	if (cdi_generate(&s->inv, options, &spec, &warnings, &s->err) < 0)
		fail_now("%s", nvb_error_message(s->err));
	if (spec && cdi_spec_validate(spec, &s->err) < 0)
		fail_now("%s", nvb_error_message(s->err));
	if (ret_warnings)
		*ret_warnings = warnings;
	return spec;
}

static const struct cdi_device *device(const struct cdi_spec *spec, const char *name)
{
	const struct cdi_device *found = cdi_spec_device(spec, name);

	if (!found)
		fail_now("no device '%s'", name);
	return found;
}

/* The paths of an edits' nodes, joined by blanks. */
static void assert_nodes(const struct cdi_edits *edits, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);

	vec_foreach (const struct cdi_device_node, node, &edits->device_nodes)
		strbuf_printf(&text, "%s%s", text.length ? " " : "", node->path);
	assert_string_equal(strbuf_str(&text), expected);
}

static void assert_names(const struct cdi_spec *spec, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(4096);

	vec_foreach (const struct cdi_device, d, &spec->devices)
		strbuf_printf(&text, "%s%s", text.length ? " " : "", d->name);
	assert_string_equal(strbuf_str(&text), expected);
}

static const struct cdi_device_node *node_of(const struct cdi_edits *edits, const char *path)
{
	vec_foreach (const struct cdi_device_node, node, &edits->device_nodes) {
		if (strcmp(node->path, path) == 0)
			return node;
	}
	fail_now("no node '%s'", path);
	return NULL;
}

static const struct cdi_mount *mount_of(const struct cdi_edits *edits, const char *path)
{
	vec_foreach (const struct cdi_mount, mount, &edits->mounts) {
		if (strcmp(mount->container_path, path) == 0)
			return mount;
	}
	return NULL;
}

static bool has_text(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, item, list) {
		if (strcmp(*item, text) == 0)
			return true;
	}
	return false;
}

static void assert_argument(const struct cdi_spec *spec, const char *text)
{
	assert_int_equal(spec->edits.hooks.n, 1);
	if (!has_text(&spec->edits.hooks.items[0].args, text))
		fail_now("the hook is not told '%s'", text);
}

/* The driver's files as Debian multiarch has them, with nvidia/current for one of them. */
static void place_files(struct gpu_driver *driver, struct arena *a)
{
	driver->files_prefix = "/host";
	vec_foreach (struct driver_file, file, &driver->files) {
		if (file->kind != DRIVER_FILE_LIBRARY)
			continue;
		file->host_path = arena_printf(a, "/host%s/%s",
			file->elf_class == 32 ? LIB32 : LIB64, file->target);
	}
}

static struct gpu_driver *add_machine(struct sample *s, unsigned n_gpus)
{
	struct gpu_driver *driver = sample_add_nvidia(s);

	place_files(driver, s->a);
	driver->makes_nodes = true;
	(void)string_list_add(s->a, &driver->spec_environment, "VISIBLE=void");
	for (unsigned i = 0; i < n_gpus; i++)
		(void)sample_add_nvidia_gpu(s);
	return driver;
}

static void test_names(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *all = NULL, *index = NULL, *uuid = NULL;

	(void)add_machine(*state, 2);
	all = generate(*state, &o, NULL);
	assert_names(all, "0 1 GPU-00000000 GPU-00000001 all gpu0 gpu1");
	assert_string_equal(all->kind, "nvidia.com/gpu");
	assert_string_equal(all->vendor, "nvidia.com");
	assert_string_equal(all->class_name, "gpu");
	o.names = CDI_NAME_INDEX;
	o.all_device = false;
	index = generate(*state, &o, NULL);
	assert_names(index, "0 1");
	o.names = CDI_NAME_UUID;
	uuid = generate(*state, &o, NULL);
	assert_names(uuid, "GPU-00000000 GPU-00000001");
}

/* Without a UUID of its own a GPU is not lost; a name that the format forbids is not written. */
static void test_names_that_cannot_be(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct sample *s = *state;

	(void)add_machine(s, 3);
	o.names = CDI_NAME_UUID;
	s->inv.gpus.items[0].uuid = NULL;
	s->inv.gpus.items[1].uuid = "GPU-???";
	spec = generate(s, &o, NULL);
	assert_names(spec, "0 GPU-00000002 all");
}

/* What the driver brings is there once; a device has its GPU's nodes, and "all" those of all. */
static void test_merging(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;

	(void)add_machine(*state, 11);
	spec = generate(*state, &o, NULL);
	assert_nodes(&spec->edits, "/dev/nvidia-modeset /dev/nvidia-uvm /dev/nvidiactl");
	assert_nodes(&device(spec, "10")->edits,
		"/dev/nvidia10 /dev/dri/card10 /dev/dri/renderD138");
	assert_nodes(&device(spec, "gpu10")->edits,
		"/dev/nvidia10 /dev/dri/card10 /dev/dri/renderD138");
	assert_int_equal(device(spec, "all")->edits.device_nodes.n, 33);
	assert_string_equal(device(spec, "all")->edits.device_nodes.items[2].path, "/dev/nvidia2");
	assert_int_equal(device(spec, "all")->edits.mounts.n, 0);
	assert_true(has_text(&spec->edits.env, "VISIBLE=void"));
}

static void test_capabilities(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;

	(void)add_machine(*state, 1);
	o.capabilities = CAPABILITY_DEFAULT;
	spec = generate(*state, &o, NULL);
	assert_nodes(&spec->edits, "/dev/nvidia-uvm /dev/nvidiactl");
	assert_nodes(&device(spec, "0")->edits, "/dev/nvidia0");
	assert_non_null(mount_of(&spec->edits, LIB64 "/libcuda.so." DRIVER_VERSION));
	assert_null(mount_of(&spec->edits, LIB32 "/libcuda.so." DRIVER_VERSION));
	assert_null(mount_of(&spec->edits, "/etc/vulkan/icd.d/nvidia_icd.json"));
	vec_foreach (const char *, arg, &spec->edits.hooks.items[0].args)
		assert_null(strstr(*arg, "libGLX"));
}

static void test_node_fields(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct gpu_driver *driver = add_machine(*state, 1);
	struct gpu *gpu = &((struct sample *)*state)->inv.gpus.items[0];
	const struct cdi_device_node *node;

	gpu->nodes.items[1].node.gid = 44; /* card0, 0660 */
	gpu->nodes.items[0].node.host_path = gpu->nodes.items[0].node.path;
	driver->common_nodes.items[1].node.exists = false; /* made when it is needed */
	spec = generate(*state, &o, NULL);

	node = node_of(&device(spec, "0")->edits, "/dev/nvidia0");
	assert_null(node->host_path);
	assert_null(node->type);
	assert_true(node->has_major && node->has_minor && node->has_file_mode);
	assert_int_equal(node->major, 195);
	assert_int_equal(node->minor, 0);
	assert_int_equal(node->file_mode, 0666);
	assert_string_equal(node->permissions, "rw");

	node = node_of(&device(spec, "0")->edits, "/dev/dri/card0");
	assert_string_equal(node->host_path, "/host/dev/dri/card0");
	assert_int_equal(node->file_mode, 0666);
	assert_false(node->has_gid || node->has_uid);
	assert_int_equal(device(spec, "0")->edits.additional_gids.n, 0);

	node = node_of(&spec->edits, "/dev/nvidia-uvm");
	assert_string_equal(node->type, "c");
	assert_int_equal(node->major, 511);
	assert_false(node->has_file_mode);
	assert_string_equal(spec->version, "0.5.0");
}

/* A stand-in without a number cannot be described by one, and its owner says nothing. */
static void test_stand_ins(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct host_node *node;

	(void)add_machine(*state, 1);
	node = &((struct sample *)*state)->inv.gpus.items[0].nodes.items[0].node;
	node->type = 0;
	node->is_device = false;
	spec = generate(*state, &o, NULL);
	assert_false(device(spec, "0")->edits.device_nodes.items[0].has_major);
	assert_false(device(spec, "0")->edits.device_nodes.items[0].has_file_mode);
	assert_null(device(spec, "0")->edits.device_nodes.items[0].type);
}

static struct gpu_partition *add_instance(struct sample *s, struct gpu *gpu, int gi, unsigned cap)
{
	struct gpu_partition *part = vec_push(s->a, &gpu->partitions);

	*part = (struct gpu_partition){ .index = (unsigned)gpu->partitions.n - 1, .gi = gi };
	sample_add_node(s, &part->nodes, arena_printf(s->a, "/dev/nvidia-caps/nvidia-cap%u", cap),
		235, cap, CAPABILITY_ALL);
	gpu->mig_enabled = true;
	return part;
}

static void test_mig(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct sample *s = *state;
	struct gpu *gpu;

	(void)add_machine(s, 2);
	gpu = &s->inv.gpus.items[1];
	add_instance(s, gpu, 1, 30)->uuid = "MIG-1";
	(void)add_instance(s, gpu, 2, 39);
	spec = generate(s, &o, NULL);
	assert_names(spec, "0 1 1:0 1:1 GPU-00000000 GPU-00000001 MIG-1 all gpu0 gpu1 mig1:0 mig1:1");
	assert_nodes(&device(spec, "1:0")->edits, "/dev/nvidia1 /dev/nvidia-caps/nvidia-cap30");
	assert_nodes(&device(spec, "MIG-1")->edits, "/dev/nvidia1 /dev/nvidia-caps/nvidia-cap30");
	assert_nodes(&device(spec, "mig1:1")->edits, "/dev/nvidia1 /dev/nvidia-caps/nvidia-cap39");
}

/* A partition with a render node of its own must not open those of its siblings. */
static void test_xcp(void **state)
{
	struct cdi_generate_options o = options_of("amd.com/gpu", GPU_VENDOR_AMD);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct sample *s = *state;
	struct gpu_driver *driver = sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	struct gpu *gpu = sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu");

	sample_add_node(s, &driver->common_nodes, "/dev/kfd", 234, 0, CAPABILITY_COMPUTE);
	gpu->render_node = "/dev/dri/renderD128";
	for (unsigned i = 0; i < 2; i++) {
		struct gpu_partition *part = vec_push(s->a, &gpu->partitions);

		*part = (struct gpu_partition){ .index = i, .gi = -1, .ci = -1 };
		part->render_node = arena_printf(s->a, "/dev/dri/renderD%u", 128 + i);
		part->standalone = true;
		sample_add_node(s, &part->nodes, part->render_node, 226, 128 + i, CAPABILITY_ALL);
		sample_add_node(s, &gpu->nodes, part->render_node, 226, 128 + i, CAPABILITY_ALL);
	}
	spec = generate(s, &o, NULL);
	assert_names(spec, "0 0:0 0:1 all gpu0 gpu0:0 gpu0:1");
	assert_nodes(&device(spec, "0")->edits, "/dev/dri/renderD128 /dev/dri/renderD129");
	assert_nodes(&device(spec, "0:1")->edits, "/dev/dri/renderD129");
	assert_nodes(&spec->edits, "/dev/kfd");
	/* The user space is the image's: nothing to mount, and nothing for a hook to do. */
	assert_int_equal(spec->edits.mounts.n + spec->edits.hooks.n, 0);
}

/* GPUs of one kind on two drivers: neither driver's files go where the other's GPU goes alone. */
static void test_two_drivers(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct sample *s = *state;
	struct string_list warnings;
	struct gpu *gpu;

	(void)add_machine(s, 1);
	(void)sample_add_driver(s, GPU_VENDOR_NVIDIA, "nouveau", "in-tree");
	gpu = sample_add_gpu(s, GPU_VENDOR_NVIDIA, "nouveau");
	sample_add_node(s, &gpu->nodes, "/dev/dri/renderD200", 226, 200, CAPABILITY_ALL);
	spec = generate(s, &o, &warnings);
	assert_true(cdi_edits_are_empty(&spec->edits));
	assert_nodes(&device(spec, "1")->edits, "/dev/dri/renderD200");
	assert_int_equal(device(spec, "1")->edits.mounts.n, 0);
	assert_int_equal(device(spec, "0")->edits.hooks.n, 1);
	assert_non_null(mount_of(&device(spec, "0")->edits, "/usr/bin/nvidia-smi"));
	assert_int_equal(device(spec, "all")->edits.hooks.n, 1);
	assert_int_equal(warnings.n, 2); /* no compute there; two drivers */
}

static void test_collective(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL, *hookless = NULL;
	struct sample *s = *state;
	struct gpu_driver *driver = sample_add_driver(s, GPU_VENDOR_WSL, "dxg", "wsl");
	struct gpu *gpu = sample_add_gpu(s, GPU_VENDOR_WSL, "dxg");

	gpu->pci_address = NULL;
	sample_add_node(s, &gpu->nodes, "/dev/dxg", 10, 125, CAPABILITY_ALL);
	driver->brings_user_space = true;
	driver->files_prefix = "/host";
	(void)string_list_add(s->a, &driver->environment, "LD_LIBRARY_PATH=/usr/lib/wsl/lib");
	(void)string_list_add(s->a, &driver->loader_folders, "/usr/lib/wsl/lib");
	(void)sample_add_file(s, driver, DRIVER_FILE_DATA, "/usr/lib/wsl/lib/libdxcore.so", NULL, 0,
		CAPABILITY_ALL);
	o.all_device = false;
	spec = generate(s, &o, NULL);
	assert_names(spec, "all");
	assert_argument(spec, "/usr/lib/wsl/lib");
	/* The hook does it, and the image's own value stays. */
	assert_int_equal(spec->edits.env.n, 0);
	o.hook_path = NULL;
	hookless = generate(s, &o, NULL);
	assert_true(has_text(&hookless->edits.env, "LD_LIBRARY_PATH=/usr/lib/wsl/lib"));
}

static void test_files(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	const struct cdi_mount *mount;

	(void)add_machine(*state, 1);
	spec = generate(*state, &o, NULL);
	mount = mount_of(&spec->edits, LIB64 "/libcuda.so." DRIVER_VERSION);
	assert_non_null(mount);
	assert_string_equal(mount->host_path, "/host" LIB64 "/libcuda.so." DRIVER_VERSION);
	assert_true(has_text(&mount->options, "ro") && has_text(&mount->options, "nodev"));
	assert_non_null(mount_of(&spec->edits, LIB32 "/libcuda.so." DRIVER_VERSION));
	mount = mount_of(&spec->edits, "/run/nvidia-persistenced/socket");
	assert_non_null(mount);
	assert_false(has_text(&mount->options, "ro"));
	assert_true(has_text(&mount->options, "noexec"));
	/* Parents come before what is below them. */
	for (size_t i = 1; i < spec->edits.mounts.n; i++)
		assert_false(path_is_below(spec->edits.mounts.items[i - 1].container_path,
			spec->edits.mounts.items[i].container_path));
}

static void test_hook(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	const struct cdi_hook *hook;

	(void)add_machine(*state, 2);
	spec = generate(*state, &o, NULL);
	assert_int_equal(spec->edits.hooks.n, 1);
	hook = &spec->edits.hooks.items[0];
	assert_string_equal(hook->name, "createContainer");
	assert_string_equal(hook->path, HOOK);
	assert_string_equal(hook->args.items[0], "nvbind-hook");
	/* A hook without an environment of its own may get that of the image. */
	assert_int_equal(hook->env.n, 1);
	assert_argument(spec, "libcuda.so." DRIVER_VERSION "::" LIB64 "/libcuda.so.1");
	assert_argument(spec, "libcuda.so.1::" LIB64 "/libcuda.so");
	assert_argument(spec, "libcuda.so." DRIVER_VERSION "::" LIB32 "/libcuda.so.1");
	assert_argument(spec, LIB64 "/libnvidia-allocator.so.1::" LIB64 "/gbm/nvidia-drm_gbm.so");
	assert_argument(spec, "libvdpau_nvidia.so." DRIVER_VERSION "::" LIB64
			      "/vdpau/libvdpau_nvidia.so.1");
	assert_argument(spec, "../card1::/dev/dri/by-path/pci-0000:11:00.0-card");
	assert_argument(spec, LIB64);
	assert_argument(spec, LIB32);
	assert_argument(spec, "--cuda-compat");
	assert_argument(spec, DRIVER_VERSION);
	assert_argument(spec, "--disable-device-node-modification");
	/* libvdpau falls back on the plain name; Wine's files are only opened by path. */
	assert_argument(spec, LIB64 "/vdpau");
	assert_false(has_text(&hook->args, LIB64 "/nvidia/wine"));
}

/* Files that the host keeps apart: names with a place of their own are made in the library
 * directory, where programs look. */
static void test_hook_for_apart(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct gpu_driver *driver = add_machine(*state, 1);
	struct sample *s = *state;

	vec_foreach (struct driver_file, file, &driver->files) {
		if (file->kind == DRIVER_FILE_LIBRARY)
			file->host_path = arena_printf(s->a, "/host%s/nvidia/current/%s",
				file->elf_class == 32 ? LIB32 : LIB64,
				path_base_name(file->target));
	}
	spec = generate(s, &o, NULL);
	assert_argument(spec, LIB64 "/nvidia/current");
	assert_argument(spec,
		"libcuda.so." DRIVER_VERSION "::" LIB64 "/nvidia/current/libcuda.so.1");
	assert_argument(spec, LIB64 "/nvidia/current/libnvidia-allocator.so.1::" LIB64
				    "/gbm/nvidia-drm_gbm.so");
	assert_argument(spec, LIB64 "/nvidia/current/libvdpau_nvidia.so." DRIVER_VERSION
				    "::" LIB64 "/vdpau/libvdpau_nvidia.so." DRIVER_VERSION);
	assert_argument(spec, "libvdpau_nvidia.so." DRIVER_VERSION "::" LIB64
			      "/vdpau/libvdpau_nvidia.so.1");
	assert_argument(spec,
		LIB64 "/nvidia/current/nvngx.dll::" LIB64 "/nvidia/wine/nvngx.dll");
}

static void test_no_link_over_a_mount(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct gpu_driver *driver = add_machine(*state, 1);
	struct sample *s = *state;

	sample_add_file(s, driver, DRIVER_FILE_LIBRARY, "libcuda.so", NULL, 64, CAPABILITY_COMPUTE);
	place_files(driver, s->a);
	spec = generate(s, &o, NULL);
	assert_non_null(mount_of(&spec->edits, LIB64 "/libcuda.so"));
	assert_false(has_text(&spec->edits.hooks.items[0].args,
		"libcuda.so.1::" LIB64 "/libcuda.so"));
}

static void test_hookless(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(container_root_freep) struct container_root *root = NULL;
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	struct string_list dirs, names, warnings;
	struct sample *s = *state;

	(void)add_machine(s, 2);
	o.hook_path = NULL;
	assert_int_equal(cdi_generate_questions(&s->inv, &o, s->a, &dirs, &names, NULL), 0);
	assert_int_equal(container_root_assume_layout("fedora", &dirs, &root, NULL), 0);
	o.root = root;
	spec = generate(s, &o, &warnings);
	assert_int_equal(warnings.n, 0);
	assert_int_equal(spec->edits.hooks.n, 0);
	assert_non_null(mount_of(&spec->edits, "/usr/lib64/libcuda.so." DRIVER_VERSION));
	assert_non_null(mount_of(&spec->edits, "/usr/lib64/libcuda.so.1"));
	assert_non_null(mount_of(&spec->edits, "/usr/lib64/libcuda.so"));
	assert_non_null(mount_of(&spec->edits, "/usr/lib64/gbm/nvidia-drm_gbm.so"));
	assert_non_null(mount_of(&spec->edits, "/usr/lib/libcuda.so.1"));
	assert_null(mount_of(&spec->edits, LIB64 "/libcuda.so.1"));
	assert_nodes(&device(spec, "0")->edits, "/dev/nvidia0 /dev/dri/card0 /dev/dri/renderD128");
	assert_true(has_text(&spec->edits.env, "VISIBLE=void"));
}

static void test_unknown_layout(void **state)
{
	struct container_root *root = NULL;
	struct string_list dirs = { 0 };

	(void)state;
	assert_int_equal(container_root_assume_layout("plan9", &dirs, &root, NULL), NVB_ERR_USAGE);
	assert_null(root);
	for (const char *const *layout = container_root_layouts; *layout; layout++) {
		assert_int_equal(container_root_assume_layout(*layout, &dirs, &root, NULL), 0);
		assert_false(root->assumed);
		container_root_free(root);
		root = NULL;
	}
}

static void test_profile_and_version(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *plain = NULL, *asked = NULL, *lettered = NULL;
	_cleanup_(cdi_spec_freep) struct cdi_spec *dotted = NULL;

	(void)add_machine(*state, 1);
	o.profile = "gaming";
	plain = generate(*state, &o, NULL);
	assert_string_equal(plain->version, "0.5.0");
	assert_int_equal(plain->annotations.n, 0);
	o.annotate = true;
	asked = generate(*state, &o, NULL);
	assert_string_equal(asked->version, "0.6.0");
	assert_string_equal(asked->annotations.items[0].value, "gaming");
	/* A dot in the class needs 0.6.0 already: the annotation is free. */
	o.annotate = false;
	o.kind = "nvidia.com/gpu.games";
	dotted = generate(*state, &o, NULL);
	assert_string_equal(dotted->version, "0.6.0");
	assert_int_equal(dotted->annotations.n, 1);
	o.kind = "nvidia.com/gpu";
	o.names = CDI_NAME_TYPE_INDEX;
	lettered = generate(*state, &o, NULL);
	assert_string_equal(lettered->version, "0.5.0"); /* hostPath */
}

static void test_capsule(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu-bolt", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;

	(void)add_machine(*state, 2);
	o.profile = "ai-ml";
	spec = generate(*state, &o, NULL);
	assert_true(has_text(&spec->edits.env, "BOLT_GPU_ENABLED=1"));
	assert_true(has_text(&spec->edits.env, "BOLT_WORKLOAD_TYPE=ai-ml"));
	assert_true(has_text(&device(spec, "gpu1")->edits.env, "BOLT_GPU_INDEX=1"));
	assert_true(has_text(&device(spec, "all")->edits.env, "BOLT_GPU_COUNT=2"));
	assert_int_equal(spec->edits.hooks.n, 1);
	assert_string_equal(spec->edits.hooks.items[0].name, "createContainer");
}

static struct gpu_companion *add_companion(struct sample *s, const char *kind,
	enum companion_use use, const char *path)
{
	struct gpu_companion *companion = vec_push(s->a, &s->inv.companions);
	struct companion_device *all;

	*companion = (struct gpu_companion){ .vendor = GPU_VENDOR_NVIDIA, .kind = kind, .use = use };
	if (!path)
		return companion;
	all = vec_push(s->a, &companion->devices);
	*all = (struct companion_device){ .name = "all" };
	sample_add_node(s, &all->nodes, path, 508, 0, CAPABILITY_ALL);
	return companion;
}

static struct cdi_spec *generate_companion(struct sample *s, const struct gpu_companion *companion)
{
	struct cdi_generate_options o = options_of(companion->kind, companion->vendor);
	struct string_list warnings;
	struct cdi_spec *spec = NULL;

	if (cdi_generate_companion(&s->inv, companion, &o, &spec, &warnings, &s->err) < 0)
		fail_now("%s", nvb_error_message(s->err));
	if (spec && cdi_spec_validate(spec, &s->err) < 0)
		fail_now("%s", nvb_error_message(s->err));
	return spec;
}

static void test_companions(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *fs = NULL, *none = NULL, *manage = NULL;
	_cleanup_(cdi_spec_freep) struct cdi_spec *without = NULL, *with = NULL;
	struct sample *s = *state;

	(void)add_machine(s, 1);
	(void)add_companion(s, "nvidia.com/fs", COMPANION_DATA, "/dev/nvidia-fs0");
	(void)add_companion(s, "nvidia.com/none", COMPANION_DATA, NULL);
	(void)add_companion(s, "nvidia.com/switch", COMPANION_CHOSEN, "/dev/switch");
	(void)add_companion(s, "management.nvidia.com/gpu", COMPANION_MANAGES, "/dev/nvidiactl");

	fs = generate_companion(s, &s->inv.companions.items[0]);
	assert_names(fs, "all");
	assert_int_equal(fs->edits.mounts.n + fs->edits.hooks.n, 0);
	assert_true(has_text(&fs->edits.env, "VISIBLE=void"));
	none = generate_companion(s, &s->inv.companions.items[1]);
	assert_null(none);
	/* Tools that configure GPUs may make nodes. */
	manage = generate_companion(s, &s->inv.companions.items[3]);
	assert_non_null(mount_of(&manage->edits, "/usr/bin/nvidia-smi"));
	assert_argument(manage, "--cuda-compat");
	assert_false(has_text(&manage->edits.hooks.items[0].args,
		"--disable-device-node-modification"));

	without = generate(s, &o, NULL);
	assert_nodes(&without->edits, "/dev/nvidia-modeset /dev/nvidia-uvm /dev/nvidiactl");
	o.data_companions = true;
	with = generate(s, &o, NULL);
	assert_nodes(&with->edits,
		"/dev/nvidia-fs0 /dev/nvidia-modeset /dev/nvidia-uvm /dev/nvidiactl");
}

static void test_broken_machines(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL, *none = NULL;
	struct sample *s = *state;
	struct gpu_driver *driver = add_machine(s, 2);
	struct string_list warnings;

	s->inv.gpus.items[0].state = GPU_LOST;
	s->inv.gpus.items[0].state_reason = "it fell off";
	spec = generate(s, &o, &warnings);
	assert_names(spec, "0 GPU-00000001 all gpu0");
	assert_int_equal(warnings.n, 1);
	assert_non_null(strstr(warnings.items[0], "it fell off"));

	driver->files_version = "535.183.01";
	assert_int_equal(cdi_generate(&s->inv, &o, &none, &warnings, &s->err), NVB_ERR_DRIVER);
	assert_null(none);
	nvb_error_clear(&s->err);

	s->inv.gpus.items[1].state = GPU_NO_DRIVER;
	none = generate(s, &o, NULL);
	assert_null(none);
}

static void test_same_bytes(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	_cleanup_free_ char *first = NULL;

	(void)add_machine(*state, 8);
	for (unsigned i = 0; i < 20; i++) {
		_cleanup_(cdi_spec_freep) struct cdi_spec *spec = generate(*state, &o, NULL);
		_cleanup_free_ char *text = NULL;

		assert_int_equal(cdi_document_write(spec, CDI_FORMAT_JSON, &text, NULL, NULL), 0);
		if (!first)
			first = TAKE_PTR(text);
		else
			assert_string_equal(text, first);
	}
}

/* What is written is read again as what it was. */
static void test_round_trip(void **state)
{
	struct cdi_generate_options o = options_of("nvidia.com/gpu", GPU_VENDOR_NVIDIA);
	const enum cdi_format formats[] = { CDI_FORMAT_JSON, CDI_FORMAT_YAML };
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;

	(void)add_machine(*state, 2);
	spec = generate(*state, &o, NULL);
	for (size_t i = 0; i < ELEMENTS(formats); i++) {
		_cleanup_(cdi_spec_freep) struct cdi_spec *again = NULL;
		_cleanup_free_ char *text = NULL, *once_more = NULL;
		_cleanup_error_ struct nvb_error *err = NULL;
		size_t length;

		assert_int_equal(cdi_document_write(spec, formats[i], &text, &length, NULL), 0);
		if (cdi_document_parse(text, length, formats[i], NULL, &again, &err) < 0)
			fail_now("%s", nvb_error_message(err));
		assert_int_equal(cdi_document_write(again, formats[i], &once_more, NULL, NULL), 0);
		assert_string_equal(text, once_more);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_names_that_cannot_be),
		TEST(test_merging),
		TEST(test_capabilities),
		TEST(test_node_fields),
		TEST(test_stand_ins),
		TEST(test_mig),
		TEST(test_xcp),
		TEST(test_two_drivers),
		TEST(test_collective),
		TEST(test_files),
		TEST(test_hook),
		TEST(test_hook_for_apart),
		TEST(test_no_link_over_a_mount),
		TEST(test_hookless),
		TEST(test_unknown_layout),
		TEST(test_profile_and_version),
		TEST(test_capsule),
		TEST(test_companions),
		TEST(test_broken_machines),
		TEST(test_same_bytes),
		TEST(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
