/* SPDX-License-Identifier: Apache-2.0 */
/* Devices beside the GPUs, the driver without a GPU, and the right to manage MIG. */
#include "sample.h"

static struct gpu_companion *add_kind(struct sample *s, const char *kind, enum companion_use use)
{
	struct gpu_companion *companion = vec_push(s->a, &s->inv.companions);

	*companion = (struct gpu_companion){
		.vendor = GPU_VENDOR_NVIDIA,
		.kind = kind,
		.use = use,
		.remedy = "do something",
	};
	return companion;
}

static void add_device(struct sample *s, struct gpu_companion *companion, const char *name,
	const char *path, unsigned minor)
{
	struct companion_device *device = NULL;

	vec_foreach (struct companion_device, known, &companion->devices) {
		if (strcmp(known->name, name) == 0)
			device = known;
	}
	if (!device) {
		device = vec_push(s->a, &companion->devices);
		*device = (struct companion_device){ .name = name };
	}
	sample_add_node(s, &device->nodes, path, 500, minor, CAPABILITY_ALL)->optional = true;
}

/* Channels 0 and 7, a path for data with files, and a class that the machine has none of. */
static void add_companions(struct sample *s)
{
	static const char *const files[] = { "/etc/cufile.json", "/run/udev" };
	struct gpu_companion *c;

	c = add_kind(s, "nvidia.com/imex-channel", COMPANION_CHOSEN);
	add_device(s, c, "all", "/dev/nvidia-caps-imex-channels/channel0", 0);
	add_device(s, c, "all", "/dev/nvidia-caps-imex-channels/channel7", 7);
	add_device(s, c, "0", "/dev/nvidia-caps-imex-channels/channel0", 0);
	add_device(s, c, "7", "/dev/nvidia-caps-imex-channels/channel7", 7);
	c = add_kind(s, "nvidia.com/gds", COMPANION_DATA);
	add_device(s, c, "all", "/dev/nvidia-fs0", 100);
	add_device(s, c, "all", "/dev/nvidia-fs1", 101);
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		struct driver_file *file = vec_push(s->a, &c->files);

		*file = (struct driver_file){
			.kind = DRIVER_FILE_DATA,
			.needed_for = CAPABILITY_ALL,
			.host_path = arena_printf(s->a, "/host%s", files[i]),
			.target = files[i],
		};
	}
	(void)add_kind(s, "nvidia.com/mofed", COMPANION_DATA);
	c = add_kind(s, "management.nvidia.com/gpu", COMPANION_MANAGES);
	add_device(s, c, "all", "/dev/nvidia0", 0);
}

static void ask(struct sample *s, const char *name)
{
	assert_int_equal(string_list_add(s->a, &s->req.companions, name), 0);
}

static void set_up(struct sample *s)
{
	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	add_companions(s);
}

static void test_nothing_is_there_unasked(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	sample_select_all(s);
	plan = sample_plan(s);
	assert_null(find_node(plan, "/dev/nvidia-fs0"));
	assert_null(find_mount(plan, "/run/udev"));
	assert_null(find_knob(plan, "nvidia.com/gds"));
	assert_null(find_knob(plan, "mig_config"));
}

static void test_data_path(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;
	struct string_list dirs, names;

	set_up(s);
	sample_select_all(s);
	ask(s, "nvidia.com/gds=all");
	assert_int_equal(plan_questions(&s->inv, &s->req, s->a, &dirs, &names, NULL), 0);
	assert_true(list_has(&dirs, "/etc") && list_has(&dirs, "/run"));
	plan = sample_plan(s);
	assert_int_equal(get_node(plan, "/dev/nvidia-fs0")->minor, 100);
	assert_int_equal(get_node(plan, "/dev/nvidia-fs1")->minor, 101);
	assert_non_null(find_node(plan, "/dev/nvidia0"));
	assert_mount(plan, "/run/udev", "/host/run/udev");
	assert_mount(plan, "/etc/cufile.json", "/host/etc/cufile.json");
	assert_true(list_has(&get_mount(plan, "/run/udev")->options, "ro"));
	assert_knob(plan, "nvidia.com/gds", "all", KNOB_APPLIED);
	assert_string_equal(
		get_knob(plan, "nvidia.com/gds")->mechanism, "device nodes + bind mounts");
	assert_silent(plan);
}

/* The place in a root whose /run is a link is where the link leads. */
static void test_place_of_files(void **state)
{
	struct sample *s = *state;
	struct container_root *root;

	set_up(s);
	ask(s, "nvidia.com/gds=all");
	root = sample_root(s);
	vec_foreach (struct root_dir, dir, &root->dirs) {
		if (strcmp(dir->path, "/run") == 0)
			dir->resolved = "/var/run";
		if (strcmp(dir->path, "/etc") == 0) {
			dir->resolved = NULL;
			dir->problem = "it leads out of the root";
		}
	}
	assert_mount(sample_plan(s), "/var/run/udev", "/host/run/udev");
	assert_null(find_mount(s->plan, "/etc/cufile.json"));
	assert_warned(s->plan, "driver files for '/etc' are left out: it leads out of the root");
	s->root->unsafe_reason = "'/run' is a trap";
	assert_refused(s, NVB_ERR_UNSAFE_PATH, "'/run' is a trap");
}

/* They need neither a GPU nor a C library, and bring no driver. */
static void test_without_gpu(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	s->req.gpus.none = true;
	s->req.capabilities = 0;
	ask(s, "nvidia.com/gds=all");
	sample_root(s)->libc = ROOT_LIBC_MUSL;
	plan = sample_plan(s);
	assert_int_equal(plan->nodes.n, 2);
	assert_int_equal(plan->mounts.n, 2);
	assert_int_equal(plan->env.n, 1);
	assert_string_equal(plan->env.items[0], "NVIDIA_VISIBLE_DEVICES=void");
	assert_silent(plan);
}

static void test_chosen_channels(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	sample_select_all(s);
	ask(s, "nvidia.com/imex-channel=7");
	plan = sample_plan(s);
	assert_int_equal(get_node(plan, "/dev/nvidia-caps-imex-channels/channel7")->minor, 7);
	assert_null(find_node(plan, "/dev/nvidia-caps-imex-channels/channel0"));
	assert_knob(plan, "nvidia.com/imex-channel", "7", KNOB_ENFORCED);
	/* Each once, in the order of the machine. */
	ask(s, "nvidia.com/imex-channel=0");
	ask(s, "nvidia.com/imex-channel=7");
	plan = sample_plan(s);
	assert_knob(plan, "nvidia.com/imex-channel", "0,7", KNOB_ENFORCED);
	assert_int_equal(plan->nodes.n, 5);
	ask(s, "nvidia.com/imex-channel=all");
	plan = sample_plan(s);
	assert_knob(plan, "nvidia.com/imex-channel", "all,0,7", KNOB_APPLIED);
	assert_int_equal(plan->nodes.n, 5);
}

static void test_what_is_not_there(void **state)
{
	static const struct {
		const char *name;
		int status;
		const char *message, *hint;
	} cases[] = {
		{ "nvidia.com/imex-channel=3", NVB_ERR_NO_GPU, "the machine has all, 0, 7",
			"do something" },
		{ "nvidia.com/imex-channel=", NVB_ERR_NO_GPU, "'nvidia.com/imex-channel='", NULL },
		{ "nvidia.com/imex-channel=7,0", NVB_ERR_NO_GPU, "=7,0'", NULL },
		{ "nvidia.com/mofed=all", NVB_ERR_DRIVER, "no devices of that kind",
			"do something" },
		{ "nvidia.com/mofed=0", NVB_ERR_DRIVER, "no devices of that kind", NULL },
		{ "nvidia.com/gpu=0", NVB_ERR_USAGE, "no such kind", "nvidia.com/gds" },
		{ "nvidia.com/imex-channel7=7", NVB_ERR_USAGE, "no such kind", NULL },
		{ "nvidia.com/gds", NVB_ERR_USAGE, "'nvidia.com/gds'", "KIND=DEVICE" },
		{ "", NVB_ERR_USAGE, "''", NULL },
		{ "=", NVB_ERR_USAGE, "'='", NULL },
	};
	struct sample *s = *state;

	set_up(s);
	sample_select_all(s);
	(void)sample_root(s);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct string_list dirs, names;

		s->req.companions.n = 0;
		ask(s, "nvidia.com/gds=all");
		ask(s, cases[i].name);
		assert_refused(s, cases[i].status, cases[i].message);
		if (cases[i].hint)
			assert_non_null(strstr(nvb_error_get_hint(s->err), cases[i].hint));
		assert_int_equal(plan_questions(&s->inv, &s->req, s->a, &dirs, &names, NULL),
			cases[i].status);
	}
	/* Nobody looked for any. */
	s->inv.companions.n = 0;
	assert_refused(s, NVB_ERR_USAGE, "no such kind");
}

static void test_many_channels(void **state)
{
	struct sample *s = *state;
	struct gpu_companion *c;

	sample_add_nvidia(s);
	c = add_kind(s, "nvidia.com/imex-channel", COMPANION_CHOSEN);
	for (unsigned i = 0; i < 2048; i++)
		add_device(s, c, arena_printf(s->a, "%u", i), "/dev/x", i);
	(void)sample_root(s);
	ask(s, "nvidia.com/imex-channel=4000");
	assert_int_equal(sample_try(s), NVB_ERR_NO_GPU);
	assert_non_null(strstr(nvb_error_message(s->err), "14, 15 and 2032 more"));
}

/* A node that went away after discovery is made by its number; one without a number is not. */
static void test_missing_nodes(void **state)
{
	struct sample *s = *state;
	struct gpu_companion *c;

	set_up(s);
	c = &s->inv.companions.items[1];
	c->devices.items[0].nodes.items[0].node.exists = false;
	c->devices.items[0].nodes.items[0].optional = false;
	c->devices.items[0].nodes.items[1].node.exists = false;
	ask(s, "nvidia.com/gds=all");
	assert_int_equal(sample_plan(s)->nodes.n, 1);
	assert_warned(s->plan, "'/dev/nvidia-fs0' is missing on the host: made by its number");
}

static void test_management_brings_the_driver(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	s->req.gpus.none = true;
	ask(s, "management.nvidia.com/gpu=all");
	plan = sample_plan(s);
	assert_non_null(find_node(plan, "/dev/nvidia0"));
	assert_non_null(find_node(plan, "/dev/nvidiactl"));
	assert_non_null(find_mount(plan, "/usr/bin/nvidia-smi"));
	/* It has the nodes of all GPUs: nothing keeps it from them. */
	assert_knob(plan, "gpu", "none", KNOB_ADVISORY);
	assert_knob(plan, "capabilities", "compute,utility", KNOB_APPLIED);
	s->inv.drivers.items[0].files_version = "535.54.03";
	assert_refused(s, NVB_ERR_DRIVER, "match driver 'nvidia'");
}

static void test_driver_without_gpu(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	set_up(s);
	s->req.gpus.none = s->req.driver_only = true;
	plan = sample_plan(s);
	assert_int_equal(plan->nodes.n, 2);
	assert_non_null(find_node(plan, "/dev/nvidiactl"));
	assert_non_null(find_node(plan, "/dev/nvidia-uvm"));
	assert_non_null(find_link(plan, LIB64 "/libcuda.so.1"));
	assert_non_null(find_mount(plan, "/usr/bin/nvidia-smi"));
	assert_null(find_link(plan, LIB64 "/libGLX_nvidia.so.0"));
	assert_int_equal(plan->env.n, 2);
	assert_string_equal(plan->env.items[0], "NVIDIA_DRIVER_CAPABILITIES=compute,utility");
	assert_string_equal(plan->env.items[1], "NVIDIA_VISIBLE_DEVICES=void");
	assert_knob(plan, "gpu", "none", KNOB_ENFORCED);
	assert_non_null(strstr(get_knob(plan, "gpu")->reason, "without a GPU"));
	assert_knob(plan, "capabilities", "compute,utility", KNOB_APPLIED);
	assert_knob(plan, "driver_files", DRIVER_VERSION, KNOB_APPLIED);
	assert_silent(plan);
	/* By capabilities, as with a GPU. */
	s->req.capabilities = CAPABILITY_UTILITY;
	plan = sample_plan(s);
	assert_int_equal(plan->nodes.n, 1);
	assert_null(find_link(plan, LIB64 "/libcuda.so.1"));
	s->inv.drivers.items[0].files_version = "535.54.03";
	assert_refused(s, NVB_ERR_DRIVER, "match driver 'nvidia'");
}

static void test_driver_without_gpus_on_the_machine(void **state)
{
	struct sample *s = *state;

	s->req.gpus.none = s->req.driver_only = true;
	assert_refused(s, NVB_ERR_DRIVER, "driver without a GPU");
	/* The user space of this one is the image's own. */
	sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	assert_refused(s, NVB_ERR_DRIVER, "driver without a GPU");
	sample_add_nvidia(s);
	container_root_free(s->root);
	s->root = NULL;
	assert_non_null(find_link(sample_plan(s), LIB64 "/libcuda.so.1"));
	assert_int_equal(s->plan->gpus.n, 0);
	s->inv.drivers.items[1].files.n = 0;
	assert_warned(sample_plan(s), "no user-space files of this driver");
}

/* NVIDIA_VISIBLE_DEVICES=none beside another vendor's GPU. */
static void test_driver_beside_another_gpu(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;
	struct gpu *gpu;

	set_up(s);
	sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	gpu = sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu");
	sample_add_node(s, &gpu->nodes, "/dev/dri/renderD200", 226, 200, CAPABILITY_COMPUTE);
	sample_select(s, gpu, NULL);
	s->req.driver_only = true;
	plan = sample_plan(s);
	assert_non_null(find_node(plan, "/dev/dri/renderD200"));
	assert_null(find_node(plan, "/dev/nvidia0"));
	assert_non_null(find_link(plan, LIB64 "/libcuda.so.1"));
	assert_knob(plan, "gpu", "1", KNOB_ENFORCED);
	assert_true(list_has(&plan->env, "NVIDIA_VISIBLE_DEVICES=void"));
	/* No GPU runs on NVIDIA's driver: nothing is mixed. */
	assert_silent(plan);
}

static void test_isolation_follows_the_engine(void **state)
{
	struct sample *s = *state;

	set_up(s);
	s->req.device_isolation = "device nodes alone";
	ask(s, "nvidia.com/imex-channel=7");
	assert_string_equal(get_knob(sample_plan(s), "nvidia.com/imex-channel")->mechanism,
		"device nodes alone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_there_unasked),
		TEST(test_data_path),
		TEST(test_place_of_files),
		TEST(test_without_gpu),
		TEST(test_chosen_channels),
		TEST(test_what_is_not_there),
		TEST(test_many_channels),
		TEST(test_missing_nodes),
		TEST(test_management_brings_the_driver),
		TEST(test_driver_without_gpu),
		TEST(test_driver_without_gpus_on_the_machine),
		TEST(test_driver_beside_another_gpu),
		TEST(test_isolation_follows_the_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
