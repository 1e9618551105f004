/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of games: DLSS, ray tracing, latency, frames, PRIME, Wine. */
#include "knob-case.h"

static void test_dlss(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	knob_gaming_machine(s);
	knob_set(s, "dlss_enabled=true");
	plan = sample_plan(s);
	assert_outcome(plan, "dlss_enabled", KNOB_APPLIED, "nvidia/wine");
	assert_env(plan, "DXVK_ENABLE_NVAPI", "1");
	assert_null(find_env(plan, "PROTON_DISABLE_NVAPI"));
	assert_non_null(find_mount(plan, LIB64 "/nvidia/wine/nvngx.dll"));
}

static void test_dlss_off(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "dlss_enabled=false");
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_ADVISORY, "Reflex");
	assert_env(s->plan, "PROTON_DISABLE_NVAPI", "1");
	assert_null(find_env(s->plan, "DXVK_ENABLE_NVAPI"));
}

static void test_dlss_obstacles(void **state)
{
	struct sample *s = *state;
	struct gpu *gpu = knob_gaming_machine(s);

	knob_set(s, "dlss_enabled=true");
	knob_set(s, "dlss_quality=quality");
	gpu->compute_capability = "6.1";
	gpu->name = "NVIDIA GeForce GTX 1080";
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_UNSUPPORTED, "tensor cores");
	assert_outcome(s->plan, "dlss_quality", KNOB_UNSUPPORTED, "tensor cores");
	assert_null(find_env(s->plan, "DXVK_ENABLE_NVAPI"));
	/* Who reads it must not be told what is not so. */
	assert_null(find_env(s->plan, "NVIDIA_DLSS_ENABLED"));
	gpu->compute_capability = "7.5";
	gpu->name = "NVIDIA GeForce GTX 1660";
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_UNSUPPORTED, "GTX 1660");
	gpu->name = "NVIDIA GeForce RTX 2080";
	s->req.capabilities = CAPABILITY_DEFAULT;
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_UNSUPPORTED, "'ngx'");
}

static void test_dlss_needs_files(void **state)
{
	struct sample *s = *state;
	struct container_root *root;

	sample_add_machine(s, CAPABILITY_ALL);
	knob_set(s, "dlss_enabled=true");
	assert_outcome(sample_plan(s), "dlss_enabled", KNOB_UNSUPPORTED, "libnvidia-ngx");
	root = sample_root(s);
	root->libc = ROOT_LIBC_MUSL;
	root->lib64_dir = root->lib32_dir = NULL;
	assert_int_equal(get_knob(sample_plan(s), "dlss_enabled")->status, KNOB_UNSUPPORTED);
}

static void test_dlss_quality(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "dlss_quality=UltraPerformance");
	assert_outcome(sample_plan(s), "dlss_quality", KNOB_ADVISORY, "dxvk-nvapi");
	assert_env(s->plan, "DXVK_NVAPI_DRS_NGX_DLSS_SR_MODE", "ultra_performance");
	assert_env(s->plan, "DXVK_NVAPI_DRS_NGX_DLSS_SR_OVERRIDE", "on");
	knob_set(s, "dlss_enabled=false");
	assert_outcome(sample_plan(s), "dlss_quality", KNOB_UNSUPPORTED, "dlss_enabled");
	assert_null(find_env(s->plan, "DXVK_NVAPI_DRS_NGX_DLSS_SR_MODE"));
}

static void test_ray_tracing(void **state)
{
	struct sample *s = *state;
	struct gpu *gpu = knob_gaming_machine(s);

	knob_set(s, "rt_cores_enabled=true");
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_APPLIED, "libnvidia-rtcore");
	assert_null(find_env(s->plan, "VKD3D_CONFIG"));
	gpu->compute_capability = "7.0";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_UNSUPPORTED, "Turing");
	gpu->compute_capability = "12.0";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_APPLIED, "libnvidia-rtcore");
	gpu->name = "NVIDIA RTX A1000";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_APPLIED, "libnvidia-rtcore");
	gpu->name = "NVIDIA A100-SXM4-40GB";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_UNSUPPORTED, "no RT cores");
	assert_null(find_env(s->plan, "NVIDIA_RT_CORES_ENABLED"));
	gpu->name = "NVIDIA H200";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_UNSUPPORTED, "H200 has no");
	gpu->name = "NVIDIA GeForce GTX 1660";
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_UNSUPPORTED, "no RT cores");
	knob_set(s, "rt_cores_enabled=false");
	(void)string_list_add(s->a, &s->req.env, "VKD3D_CONFIG=force_static_cbv");
	assert_outcome(sample_plan(s), "rt_cores_enabled", KNOB_ADVISORY, "nodxr");
	assert_env(s->plan, "VKD3D_CONFIG", "nodxr,force_static_cbv");
}

static void test_shading_rates(void **state)
{
	struct sample *s = *state;

	knob_amd_machine(s);
	knob_set(s, "vrs_enabled=true");
	assert_outcome(sample_plan(s), "vrs_enabled", KNOB_NONE, "vrs_force");
	assert_null(find_env(s->plan, "RADV_FORCE_VRS"));
	knob_set(s, "vrs_force=2x2");
	assert_outcome(sample_plan(s), "vrs_force", KNOB_ADVISORY, "GFX10.3");
	assert_env(s->plan, "RADV_FORCE_VRS", "2x2");
	knob_set(s, "vrs_enabled=false");
	assert_outcome(sample_plan(s), "vrs_force", KNOB_UNSUPPORTED, "vrs_enabled");
}

static void test_low_latency(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "performance_profile=ultra-low-latency");
	assert_outcome(sample_plan(s), "performance_profile", KNOB_ADVISORY, "vsync_mode");
	assert_env(s->plan, "__GL_MaxFramesAllowed", "1");
	assert_env(s->plan, "VKD3D_SWAPCHAIN_LATENCY_FRAMES", "1");
	assert_non_null(strstr(find_env(s->plan, "DXVK_CONFIG"), "dxgi.maxFrameLatency = 1"));
	knob_clear(s);
	knob_set(s, "performance_profile=balanced");
	assert_outcome(sample_plan(s), "performance_profile", KNOB_APPLIED, "defaults");
	assert_null(find_env(s->plan, "DXVK_CONFIG"));
}

static void test_two_words_for_performance(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "performance_mode=ultra");
	assert_outcome(sample_plan(s), "performance_mode", KNOB_ADVISORY, "DXVK_CONFIG");
	knob_set(s, "performance_profile=ultra-low-latency");
	assert_outcome(sample_plan(s), "performance_mode", KNOB_ADVISORY, "the same");
	knob_set(s, "performance_profile=balanced");
	assert_outcome(sample_plan(s), "performance_mode", KNOB_UNSUPPORTED, "--config");
	assert_null(find_env(s->plan, "DXVK_CONFIG"));
}

static void test_saving_power(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "performance_profile=efficiency");
	assert_outcome(
		sample_plan(s), "performance_profile", KNOB_UNSUPPORTED, "frame_rate_target");
	knob_set(s, "frame_rate_target=40");
	assert_outcome(sample_plan(s), "performance_profile", KNOB_ADVISORY, "frame_rate_target");
	assert_env(s->plan, "VKD3D_FRAME_RATE", "40");
	assert_env(s->plan, "DXVK_FRAME_RATE", "40");
}

static void test_vsync_by_vendor(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "vsync_mode=off");
	assert_outcome(sample_plan(s), "vsync_mode", KNOB_ADVISORY, "NVIDIA");
	assert_env(s->plan, "__GL_SYNC_TO_VBLANK", "0");
	assert_null(find_env(s->plan, "vblank_mode"));
	knob_set(s, "vsync_mode=mailbox");
	assert_null(find_env(sample_plan(s), "__GL_SYNC_TO_VBLANK"));
	assert_env(s->plan, "VKD3D_SWAPCHAIN_PRESENT_MODE", "MAILBOX");
}

static void test_vsync_of_mesa(void **state)
{
	struct sample *s = *state;

	knob_amd_machine(s);
	knob_set(s, "vsync_mode=on");
	assert_env(sample_plan(s), "vblank_mode", "3");
	assert_env(s->plan, "MESA_VK_WSI_PRESENT_MODE", "fifo");
	assert_null(find_env(s->plan, "__GL_SYNC_TO_VBLANK"));
}

static void test_prime(void **state)
{
	struct sample *s = *state;
	struct gpu *intel;

	knob_gaming_machine(s);
	knob_set(s, "prime_offload=true");
	assert_outcome(sample_plan(s), "prime_offload", KNOB_UNSUPPORTED, "no other GPU");
	sample_add_driver(s, GPU_VENDOR_INTEL, "xe", "in-tree");
	intel = sample_add_gpu(s, GPU_VENDOR_INTEL, "xe");
	intel->card_node = "/dev/dri/card1";
	s->req.gpus = (struct selection){ 0 };
	sample_select(s, &s->inv.gpus.items[0], NULL);
	assert_outcome(sample_plan(s), "prime_offload", KNOB_ADVISORY, "GPU 0");
	assert_env(s->plan, "__NV_PRIME_RENDER_OFFLOAD", "1");
	s->req.gpus.n = 0;
	sample_select(s, &s->inv.gpus.items[1], NULL);
	assert_outcome(sample_plan(s), "prime_offload", KNOB_ADVISORY, "DRI_PRIME");
	assert_env(s->plan, "DRI_PRIME", "pci-0000_11_00_0");
	assert_null(find_env(s->plan, "__NV_PRIME_RENDER_OFFLOAD"));
}

static void test_wine(void **state)
{
	struct sample *s = *state;
	const struct plan *plan;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	knob_set(s, "wine_optimizations=true");
	plan = sample_plan(s);
	assert_outcome(plan, "wine_optimizations", KNOB_APPLIED, "/dev/ntsync + RLIMIT_NOFILE");
	assert_int_equal(get_node(plan, "/dev/ntsync")->minor, 120);
	assert_int_equal(plan->rlimits.n, 1);
	assert_string_equal(plan->rlimits.items[0].type, "RLIMIT_NOFILE");
	assert_int_equal(plan->rlimits.items[0].soft, 524288);
	assert_null(find_env(plan, "WINEESYNC"));
}

static void test_wine_on_an_old_machine(void **state)
{
	struct sample *s = *state;
	struct session_facts *f;

	knob_gaming_machine(s);
	f = session_desktop(s);
	f->ntsync = NULL;
	f->kernel_major = 6;
	f->kernel_minor = 8;
	f->nofile_hard = 4096;
	f->max_map_count = 65530;
	knob_set(s, "wine_optimizations=true");
	assert_outcome(sample_plan(s), "wine_optimizations", KNOB_UNSUPPORTED, "Linux 6.14");
	assert_outcome(s->plan, "wine_optimizations", KNOB_UNSUPPORTED, "limits.conf");
	assert_outcome(s->plan, "wine_optimizations", KNOB_UNSUPPORTED, "max_map_count");
	/* A limit above the caller's would keep the container from starting. */
	assert_int_equal(s->plan->rlimits.n, 0);
	f->can_raise_limits = true;
	f->kernel_minor = 14;
	assert_outcome(sample_plan(s), "wine_optimizations", KNOB_APPLIED, "modprobe ntsync");
	assert_int_equal(s->plan->rlimits.n, 1);
}

static void test_async_is_gone(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "dxvk_async=true");
	assert_outcome(sample_plan(s), "dxvk_async", KNOB_NONE, "DXVK 2.0");
	assert_null(find_env(s->plan, "DXVK_ASYNC"));
}

static void test_shader_cache(void **state)
{
	struct sample *s = *state;
	const struct plan_mount *mount;

	knob_gaming_machine(s);
	(void)session_desktop(s);
	knob_set(s, "shader_cache=true");
	s->req.image = "../Steam/x:1";
	assert_outcome(sample_plan(s), "shader_cache", KNOB_APPLIED, "this image alone");
	mount = get_mount(s->plan, "/var/cache/nvbind/shaders");
	assert_string_equal(
		mount->source, "/host/home/me/.cache/nvbind/shaders/%2e.%2fSteam%2fx%3a1");
	assert_true(mount->make_source && mount->is_volume);
	assert_env(s->plan, "__GL_SHADER_DISK_CACHE_PATH", "/var/cache/nvbind/shaders");
	assert_null(find_env(s->plan, "MESA_SHADER_CACHE_DIR"));
	s->req.image = "..";
	mount = get_mount(sample_plan(s), "/var/cache/nvbind/shaders");
	assert_string_equal(mount->source, "/host/home/me/.cache/nvbind/shaders/%2e.");
	/* Two roots without a name would share one. */
	s->req.image = NULL;
	assert_outcome(sample_plan(s), "shader_cache", KNOB_UNSUPPORTED, "a root without a name");
	assert_null(find_mount(s->plan, "/var/cache/nvbind/shaders"));
	assert_null(find_env(s->plan, "__GL_SHADER_DISK_CACHE_PATH"));
}

static void test_shader_cache_without_a_place(void **state)
{
	struct sample *s = *state;
	char name[300];

	knob_gaming_machine(s);
	knob_set(s, "shader_cache=true");
	assert_outcome(sample_plan(s), "shader_cache", KNOB_UNSUPPORTED, "HOME");
	(void)session_desktop(s);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	s->req.image = name;
	assert_outcome(sample_plan(s), "shader_cache", KNOB_UNSUPPORTED, "too long");
	assert_null(find_env(s->plan, "DXVK_SHADER_CACHE_PATH"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dlss),
		TEST(test_dlss_off),
		TEST(test_dlss_obstacles),
		TEST(test_dlss_needs_files),
		TEST(test_dlss_quality),
		TEST(test_ray_tracing),
		TEST(test_shading_rates),
		TEST(test_low_latency),
		TEST(test_two_words_for_performance),
		TEST(test_saving_power),
		TEST(test_vsync_by_vendor),
		TEST(test_vsync_of_mesa),
		TEST(test_prime),
		TEST(test_wine),
		TEST(test_wine_on_an_old_machine),
		TEST(test_async_is_gone),
		TEST(test_shader_cache),
		TEST(test_shader_cache_without_a_place),
	};

	return cmocka_run_group_tests_name("plan/knob-gaming", tests, NULL, NULL);
}
