/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

static void assert_paths(struct sample *s, const char *const *expected, size_t n)
{
	struct string_list paths = sample_paths(s, s->plan);

	for (size_t i = 0; i < n && i < paths.n; i++)
		assert_string_equal(paths.items[i], expected[i]);
	assert_int_equal(paths.n, n);
}

#define ASSERT_PATHS(s, ...)                                               \
	do {                                                               \
		static const char *const expected_paths[] = { __VA_ARGS__ }; \
		assert_paths((s), expected_paths, ELEMENTS(expected_paths)); \
	} while (0)

static void test_nodes_of_capabilities(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_add_nvidia_gpu(s);
	sample_select(s, &s->inv.gpus.items[1], NULL);
	assert_silent(sample_plan(s));
	ASSERT_PATHS(s, "/dev/nvidia-uvm", "/dev/nvidia1", "/dev/nvidiactl");
	assert_string_equal(s->plan->nodes.items[1].host_path, "/host/dev/nvidia1");
	assert_string_equal(s->plan->nodes.items[1].permissions, "rw");
	assert_int_equal(s->plan->nodes.items[1].type, 'c');
	assert_int_equal(s->plan->nodes.items[1].major, 195);
	assert_int_equal(s->plan->nodes.items[1].minor, 1);

	s->req.capabilities = CAPABILITY_GRAPHICS;
	(void)sample_root(s);
	(void)sample_plan(s);
	ASSERT_PATHS(s, "/dev/dri/renderD129", "/dev/nvidia-modeset", "/dev/nvidia1",
		"/dev/nvidiactl");
}

/* /dev/nvidia10 comes behind /dev/nvidia9, and common nodes come once. */
static void test_node_order(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s);
	for (int i = 0; i < 11; i++)
		sample_add_nvidia_gpu(s);
	for (size_t i = 11; i-- > 8;)
		sample_select(s, &s->inv.gpus.items[i], NULL);
	(void)sample_plan(s);
	ASSERT_PATHS(s, "/dev/nvidia-uvm", "/dev/nvidia8", "/dev/nvidia9", "/dev/nvidia10",
		"/dev/nvidiactl");
}

static void test_missing_nodes(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *d = sample_add_nvidia(s);
	struct host_node *uvm = &d->common_nodes.items[1].node;
	struct gpu_node *optional;

	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	uvm->exists = uvm->is_device = false;
	optional = sample_add_node(s, &d->common_nodes, "/dev/nvidia-uvm-tools", 511, 1,
		CAPABILITY_COMPUTE);
	optional->optional = true;
	optional->node.exists = false;
	assert_warned(sample_plan(s), "'/dev/nvidia-uvm' is missing");
	assert_int_equal(s->plan->warnings.n, 1);
	assert_false(get_node(s->plan, "/dev/nvidia-uvm")->exists);
	assert_int_equal(get_node(s->plan, "/dev/nvidia-uvm")->major, 511);
	assert_null(find_node(s->plan, "/dev/nvidia-uvm-tools"));

	d->common_nodes.items[1].node.type = 0;
	assert_warned(sample_plan(s), "its number is not known");
	assert_null(find_node(s->plan, "/dev/nvidia-uvm"));
}

static void test_stand_ins(void **state)
{
	struct sample *s = *state;
	struct host_node *node;

	sample_add_nvidia(s);
	node = &sample_add_nvidia_gpu(s)->nodes.items[0].node;
	sample_select_all(s);
	node->type = 0;
	node->is_device = false;
	node->mode = 0640;
	node->gid = 1000;
	assert_silent(sample_plan(s));
	assert_int_equal(get_node(s->plan, "/dev/nvidia0")->type, 0);
	assert_true(get_node(s->plan, "/dev/nvidia0")->exists);
	/* The group of a file that stands in for a node says nothing. */
	assert_int_equal(s->plan->additional_gids.n, 0);
}

static void test_groups(void **state)
{
	struct sample *s = *state;
	struct gpu *gpu;

	sample_add_nvidia(s);
	gpu = sample_add_nvidia_gpu(s);
	s->req.capabilities = CAPABILITY_ALL;
	gpu->nodes.items[0].node.mode = 0660;
	gpu->nodes.items[0].node.gid = 992;
	gpu->nodes.items[1].node.mode = 0660;
	gpu->nodes.items[1].node.gid = 44;
	gpu->nodes.items[2].node.mode = 0660;
	gpu->nodes.items[2].node.gid = 44;
	s->inv.drivers.items[0].common_nodes.items[0].node.gid = 7; /* 0666 */
	s->inv.drivers.items[0].common_nodes.items[1].node.mode = 0600;
	s->inv.drivers.items[0].common_nodes.items[1].node.gid = 8; /* the group may not either */
	s->inv.drivers.items[0].common_nodes.items[2].node.mode = 0660; /* gid 0 */
	sample_select_all(s);
	(void)sample_plan(s);
	assert_int_equal(s->plan->additional_gids.n, 2);
	assert_int_equal(s->plan->additional_gids.items[0], 44);
	assert_int_equal(s->plan->additional_gids.items[1], 992);
}

static struct gpu_partition *add_partition(struct sample *s, struct gpu *gpu, int gi)
{
	struct gpu_partition *part = vec_push(s->a, &gpu->partitions);

	*part = (struct gpu_partition){ .index = (unsigned)gpu->partitions.n - 1, .gi = gi, .ci = 0 };
	return part;
}

static void test_mig(void **state)
{
	struct sample *s = *state;
	struct gpu *gpu;

	sample_add_nvidia(s);
	gpu = sample_add_nvidia_gpu(s);
	gpu->mig_enabled = true;
	s->req.capabilities = CAPABILITY_COMPUTE | CAPABILITY_GRAPHICS;
	for (int i = 0; i < 2; i++) {
		struct gpu_partition *part = add_partition(s, gpu, i);

		part->profile = i ? "1g.24gb+gfx" : "1g.10gb";
		sample_add_node(s, &part->nodes,
			arena_printf(s->a, "/dev/nvidia-caps/nvidia-cap%d", 21 + i), 236,
			(uint32_t)(21 + i), CAPABILITY_COMPUTE | CAPABILITY_UTILITY);
	}
	sample_select(s, gpu, &gpu->partitions.items[0]);
	(void)sample_plan(s);
	ASSERT_PATHS(s, "/dev/nvidia-caps/nvidia-cap21", "/dev/nvidia-modeset", "/dev/nvidia-uvm",
		"/dev/nvidia0", "/dev/nvidiactl");
	assert_knob(s->plan, "gpu", "0:0", KNOB_ENFORCED);
	/* No UUID is known: the place on the host. */
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=0:0"));

	s->selected[0].partition = &gpu->partitions.items[1];
	gpu->partitions.items[1].uuid = "MIG-1";
	(void)sample_plan(s);
	assert_non_null(find_node(s->plan, "/dev/dri/renderD128"));
	assert_null(find_node(s->plan, "/dev/nvidia-caps/nvidia-cap21"));
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=MIG-1"));

	/* The whole GPU is all of its instances. */
	s->selected[0].partition = NULL;
	assert_silent(sample_plan(s));
	assert_non_null(find_node(s->plan, "/dev/nvidia-caps/nvidia-cap21"));
	assert_non_null(find_node(s->plan, "/dev/nvidia-caps/nvidia-cap22"));
	gpu->partitions.n = 0;
	assert_warned(sample_plan(s), "in MIG mode and has no instance");
}

static void test_amd_partition(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *d = sample_add_driver(s, GPU_VENDOR_AMD, "amdgpu", "in-tree");
	struct gpu *gpu = sample_add_gpu(s, GPU_VENDOR_AMD, "amdgpu");
	struct gpu_partition *part;

	sample_add_node(s, &d->common_nodes, "/dev/kfd", 235, 0, CAPABILITY_COMPUTE);
	gpu->render_node = "/dev/dri/renderD128";
	sample_add_node(s, &gpu->nodes, gpu->render_node, 226, 128, CAPABILITY_COMPUTE);
	part = add_partition(s, gpu, -1);
	part->ci = -1;
	part->render_node = "/dev/dri/renderD129";
	sample_add_node(s, &part->nodes, part->render_node, 226, 129, CAPABILITY_COMPUTE);
	/* A GPU lists the nodes of its partitions too. */
	sample_add_node(s, &gpu->nodes, part->render_node, 226, 129, CAPABILITY_COMPUTE);
	part = add_partition(s, gpu, -1);
	part->render_node = "/dev/dri/renderD130";
	sample_add_node(s, &part->nodes, part->render_node, 226, 130, CAPABILITY_COMPUTE);
	sample_add_node(s, &gpu->nodes, part->render_node, 226, 130, CAPABILITY_COMPUTE);
	sample_select(s, gpu, &gpu->partitions.items[0]);
	assert_silent(sample_plan(s));
	ASSERT_PATHS(s, "/dev/dri/renderD129", "/dev/kfd");
	assert_int_equal(s->plan->mounts.n, 0);
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=void"));
	assert_int_equal(s->plan->env.n, 1);
	assert_null(find_knob(s->plan, "driver_files"));
	assert_knob(s->plan, "capabilities", "compute,utility", KNOB_APPLIED);

	s->selected[0].partition = NULL;
	(void)sample_plan(s);
	ASSERT_PATHS(s, "/dev/dri/renderD128", "/dev/dri/renderD129", "/dev/dri/renderD130",
		"/dev/kfd");
}

static void test_none(void **state)
{
	struct sample *s = *state;

	s->req.gpus.none = true;
	s->req.driver = DRIVER_NOUVEAU;
	assert_silent(sample_plan(s));
	assert_int_equal(s->plan->nodes.n, 0);
	assert_int_equal(s->plan->mounts.n, 0);
	assert_int_equal(s->plan->env.n, 1);
	assert_string_equal(s->plan->env.items[0], "NVIDIA_VISIBLE_DEVICES=void");
	assert_knob(s->plan, "gpu", "none", KNOB_ENFORCED);
}

static void test_environment(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	(void)sample_plan(s);
	assert_int_equal(s->plan->env.n, 2);
	assert_string_equal(s->plan->env.items[0], "NVIDIA_DRIVER_CAPABILITIES=compute,utility");
	assert_string_equal(s->plan->env.items[1], "NVIDIA_VISIBLE_DEVICES=all");

	s->req.gpus.n = 1;
	(void)sample_plan(s);
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=GPU-00000000"));
	s->inv.gpus.items[0].uuid = NULL;
	(void)sample_plan(s);
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=0"));
}

static void test_user_environment(void **state)
{
	static const char *const lines[] = { "B=1", "A=x=y", "B=2", "BA=", "NVIDIA_VISIBLE_DEVICES=mine",
		"A-B=0" };
	struct sample *s = *state;

	for (size_t i = 0; i < ELEMENTS(lines); i++)
		(void)string_list_add(s->a, &s->req.env, lines[i]);
	(void)sample_plan(s);
	assert_int_equal(s->plan->env.n, 5);
	assert_string_equal(s->plan->env.items[0], "A=x=y");
	assert_string_equal(s->plan->env.items[1], "A-B=0");
	assert_string_equal(s->plan->env.items[2], "B=2");
	assert_string_equal(s->plan->env.items[3], "BA=");
	assert_string_equal(s->plan->env.items[4], "NVIDIA_VISIBLE_DEVICES=mine");

	(void)string_list_add(s->a, &s->req.env, "NO_VALUE");
	assert_refused(s, NVB_ERR_USAGE, "'NO_VALUE'");
	s->req.env.items[s->req.env.n - 1] = "=value";
	assert_refused(s, NVB_ERR_USAGE, "'=value'");
}

static void test_driver_choice(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	s->req.driver = DRIVER_NVIDIA_OPEN;
	assert_knob(sample_plan(s), "driver", "nvidia-open", KNOB_APPLIED);
	assert_string_equal(get_knob(s->plan, "driver")->mechanism,
		"nvidia " DRIVER_VERSION " (open)");
	s->req.driver = DRIVER_NVIDIA_PROPRIETARY;
	assert_refused(s, NVB_ERR_DRIVER, "'nvidia-proprietary'");
	s->req.driver = DRIVER_NOUVEAU;
	assert_refused(s, NVB_ERR_DRIVER, "GPU 0 runs on 'nvidia' (open)");
	assert_non_null(nvb_error_get_hint(s->err));
	s->req.driver = DRIVER_AMDGPU;
	assert_refused(s, NVB_ERR_DRIVER, "'amdgpu'");
}

static void test_version_mismatch(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s)->files_version = "550.90.07";
	sample_add_nvidia_gpu(s);
	sample_select_all(s);
	assert_refused(s, NVB_ERR_DRIVER, "550.90.07");
	assert_refused(s, NVB_ERR_DRIVER, DRIVER_VERSION);
	assert_non_null(strstr(nvb_error_get_hint(s->err), "reboot"));
	/* A version that is not known cannot be wrong. */
	s->inv.drivers.items[0].version = NULL;
	assert_silent(sample_plan(s));
}

static void test_nouveau(void **state)
{
	struct sample *s = *state;

	sample_add_driver(s, GPU_VENDOR_NVIDIA, "nouveau", "in-tree");
	sample_add_node(s, &sample_add_gpu(s, GPU_VENDOR_NVIDIA, "nouveau")->nodes,
		"/dev/dri/renderD128", 226, 128, CAPABILITY_GRAPHICS | CAPABILITY_COMPUTE);
	sample_select_all(s);
	assert_warned(sample_plan(s), "'nouveau', where CUDA does not find it");
	assert_int_equal(s->plan->nodes.n, 1);
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=void"));

	s->req.capabilities_source = SOURCE_COMMAND_LINE;
	assert_refused(s, NVB_ERR_DRIVER, "GPU 0 for CUDA");
	s->req.capabilities = CAPABILITY_ALL;
	assert_warned(sample_plan(s), "NVK, rusticl");
	s->req.capabilities = CAPABILITY_GRAPHICS;
	assert_silent(sample_plan(s));
}

static void test_left_out(void **state)
{
	struct sample *s = *state;
	struct gpu *gpu;

	sample_add_nvidia(s);
	sample_add_nvidia_gpu(s);
	gpu = sample_add_nvidia_gpu(s);
	gpu->state = GPU_LOST;
	gpu->state_reason = "fell off the bus";
	sample_select_all(s);
	assert_warned(sample_plan(s), "GPU 1 (0000:11:00.0) is left out: fell off the bus");
	s->req.gpus.all = false;
	assert_silent(sample_plan(s));
	sample_select(s, &s->inv.gpus.items[1], NULL);
	assert_refused(s, NVB_ERR_NO_GPU, "GPU 1 cannot be used: fell off the bus");
}

static void test_mixed(void **state)
{
	struct sample *s = *state;

	sample_add_nvidia(s);
	sample_add_driver(s, GPU_VENDOR_INTEL, "i915", "in-tree");
	sample_add_nvidia_gpu(s);
	sample_add_gpu(s, GPU_VENDOR_INTEL, "i915");
	sample_select_all(s);
	assert_warned(sample_plan(s), "several drivers (nvidia, i915)");
	/* The container has every NVIDIA GPU there is. */
	assert_true(list_has(&s->plan->env, "NVIDIA_VISIBLE_DEVICES=all"));
}

static void test_isolation(void **state)
{
	struct sample *s = *state;

	assert_int_equal(sample_plan(s)->isolation_outcome.status, KNOB_APPLIED);
	assert_string_equal(s->plan->isolation_outcome.mechanism, "device nodes + device cgroup");
	s->req.isolation = ISOLATION_EXCLUSIVE;
	assert_int_equal(sample_plan(s)->isolation_outcome.status, KNOB_UNSUPPORTED);
	assert_non_null(strstr(s->plan->isolation_outcome.reason, "keep others off"));
	s->req.isolation = ISOLATION_VIRTUAL;
	assert_int_equal(sample_plan(s)->isolation_outcome.status, KNOB_APPLIED);
}

static void test_profile(void **state)
{
	struct sample *s = *state;

	assert_null(find_knob(sample_plan(s), "profile"));
	s->req.profile = PROFILE_GAMING;
	s->req.capabilities_source = SOURCE_PROFILE;
	assert_knob(sample_plan(s), "profile", "gaming", KNOB_APPLIED);
	s->req.capabilities_source = SOURCE_COMMAND_LINE;
	assert_knob(sample_plan(s), "profile", "gaming", KNOB_UNSUPPORTED);
}

static void test_wsl(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *d = sample_add_driver(s, GPU_VENDOR_WSL, "dxg", "wsl");

	d->brings_user_space = true;
	(void)string_list_add(s->a, &d->environment, "LD_LIBRARY_PATH=/usr/lib/wsl/lib");
	sample_add_node(s, &d->common_nodes, "/dev/dxg", 10, 127, CAPABILITY_ALL);
	sample_add_file(s, d, DRIVER_FILE_DATA, "/usr/lib/wsl/lib/libcuda.so.1", NULL, 64,
		CAPABILITY_COMPUTE);
	sample_add_gpu(s, GPU_VENDOR_WSL, "dxg")->pci_address = NULL;
	sample_select_all(s);
	assert_silent(sample_plan(s));
	assert_mount(s->plan, "/usr/lib/wsl/lib/libcuda.so.1",
		"/host/64//usr/lib/wsl/lib/libcuda.so.1");
	assert_true(list_has(&s->plan->env, "LD_LIBRARY_PATH=/usr/lib/wsl/lib"));
	assert_knob(s->plan, "gpu", "0", KNOB_ADVISORY);
	assert_string_equal(get_knob(s->plan, "driver_files")->mechanism, "bind mounts");

	(void)string_list_add(s->a, &s->req.env, "LD_LIBRARY_PATH=/x");
	assert_warned(sample_plan(s), "your 'LD_LIBRARY_PATH=/x' replaces");
	assert_true(list_has(&s->plan->env, "LD_LIBRARY_PATH=/x"));
	assert_false(list_has(&s->plan->env, "LD_LIBRARY_PATH=/usr/lib/wsl/lib"));
	/* Without the files the path leads nowhere. */
	s->req.env.n = 0;
	s->root->libc = ROOT_LIBC_MUSL;
	(void)sample_plan(s);
	assert_false(list_has(&s->plan->env, "LD_LIBRARY_PATH=/usr/lib/wsl/lib"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nodes_of_capabilities),
		TEST(test_node_order),
		TEST(test_missing_nodes),
		TEST(test_stand_ins),
		TEST(test_groups),
		TEST(test_mig),
		TEST(test_amd_partition),
		TEST(test_none),
		TEST(test_environment),
		TEST(test_user_environment),
		TEST(test_driver_choice),
		TEST(test_version_mismatch),
		TEST(test_nouveau),
		TEST(test_left_out),
		TEST(test_mixed),
		TEST(test_isolation),
		TEST(test_profile),
		TEST(test_wsl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
