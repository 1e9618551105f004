/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of the driver, its version, WSL2, and words of the engine. */
#include "knob-case.h"

static void test_driver_version(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "driver_version=530.30.02");
	assert_outcome(sample_plan(s), "driver_version", KNOB_ENFORCED, DRIVER_VERSION);
	knob_set(s, "driver_version=550.163.01");
	assert_outcome(sample_plan(s), "driver_version", KNOB_ENFORCED, DRIVER_VERSION);
	knob_set(s, "driver_version=550.163.2");
	assert_refused(s, NVB_ERR_DRIVER, "550.163.2");
	knob_set(s, "driver_version=1550");
	assert_refused(s, NVB_ERR_DRIVER, "1550");
}

static void test_no_version(void **state)
{
	static const char *const texts[] = { "latest", "550.", ".5", "550..1", "5 50",
		"99999999999999999999", "-1" };
	struct sample *s = *state;

	knob_gaming_machine(s);
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		knob_clear(s);
		knob_set(s, arena_printf(s->a, "driver_version=%s", texts[i]));
		assert_refused(s, NVB_ERR_USAGE, "no version");
		knob_clear(s);
		knob_set(s, arena_printf(s->a, "cuda_version=%s", texts[i]));
		assert_refused(s, NVB_ERR_USAGE, "no version");
	}
}

static void test_unknown_driver_version(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	s->inv.drivers.items[0].version = s->inv.drivers.items[0].files_version = NULL;
	knob_set(s, "driver_version=530");
	assert_outcome(sample_plan(s), "driver_version", KNOB_ADVISORY, "not known");
}

static void test_cuda_version(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "cuda_version=12.0");
	assert_outcome(sample_plan(s), "cuda_version", KNOB_ENFORCED, "12.4");
	knob_set(s, "cuda_version=12");
	assert_outcome(sample_plan(s), "cuda_version", KNOB_ENFORCED, "12.4");
	knob_set(s, "cuda_version=13.0");
	assert_refused(s, NVB_ERR_DRIVER, "serves CUDA 12.4");
}

/* A driver that is newer than the table: what it serves at least is known. */
static void test_cuda_of_an_unknown_driver(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	s->inv.drivers.items[0].version = s->inv.drivers.items[0].files_version = "999.10.01";
	knob_set(s, "cuda_version=12.0");
	assert_outcome(sample_plan(s), "cuda_version", KNOB_ENFORCED, "or newer");
	knob_set(s, "cuda_version=99.0");
	assert_outcome(sample_plan(s), "cuda_version", KNOB_ADVISORY, "not known");
}

static void test_versions_without_nvidia(void **state)
{
	struct sample *s = *state;

	knob_amd_machine(s);
	knob_set(s, "driver_version=530");
	knob_set(s, "cuda_version=12.0");
	knob_set(s, "cuda_support=true");
	knob_set(s, "rocm_version=5.4");
	assert_outcome(sample_plan(s), "driver_version", KNOB_UNSUPPORTED, "NVIDIA");
	assert_outcome(s->plan, "cuda_version", KNOB_UNSUPPORTED, "NVIDIA");
	assert_outcome(s->plan, "cuda_support", KNOB_UNSUPPORTED, "NVIDIA");
	assert_outcome(s->plan, "rocm_version", KNOB_NONE, "5.4");
}

static void test_kernel_drivers(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "nvidia_driver_type=nvidia-open");
	knob_set(s, "amd_driver_type=amdgpu");
	assert_outcome(sample_plan(s), "nvidia_driver_type", KNOB_ENFORCED, "before the start");
	assert_outcome(s->plan, "amd_driver_type", KNOB_UNSUPPORTED, "no GPU of AMD");
	knob_set(s, "nvidia_driver_type=nouveau");
	assert_refused(s, NVB_ERR_DRIVER, "nvidia_driver_type");
}

/* A Boltfile of another machine: the same user space on other kernel modules. */
static void test_other_kernel_modules(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set_from(s, "nvidia_driver_type=nvidia-proprietary", SOURCE_BOLTFILE, "Boltfile:1");
	knob_set_from(s, "driver=nvidia-proprietary", SOURCE_BOLTFILE, "Boltfile:2");
	s->req.driver = DRIVER_NVIDIA_PROPRIETARY;
	assert_outcome(sample_plan(s), "nvidia_driver_type", KNOB_UNSUPPORTED, "cannot tell");
	assert_outcome(s->plan, "driver", KNOB_UNSUPPORTED, "cannot tell");
	knob_set(s, "nvidia_driver_type=nvidia-proprietary");
	assert_refused(s, NVB_ERR_DRIVER, "nvidia_driver_type");
	knob_clear(s);
	knob_set(s, "driver=nvidia-proprietary");
	assert_refused(s, NVB_ERR_DRIVER, "nvidia-proprietary");
	knob_clear(s);
	s->req.driver = DRIVER_NOUVEAU;
	knob_set_from(s, "driver=nouveau", SOURCE_BOLTFILE, "Boltfile:2");
	assert_refused(s, NVB_ERR_DRIVER, "nouveau");
}

static void test_cuda_support(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "cuda_support=true");
	assert_outcome(sample_plan(s), "cuda_support", KNOB_APPLIED, "libcuda");
	knob_set(s, "cuda_support=false");
	assert_outcome(sample_plan(s), "cuda_support", KNOB_UNSUPPORTED, "--capabilities");
	s->req.capabilities = CAPABILITY_GRAPHICS;
	assert_outcome(sample_plan(s), "cuda_support", KNOB_APPLIED, "not mounted");
	knob_set(s, "cuda_support=true");
	assert_outcome(sample_plan(s), "cuda_support", KNOB_UNSUPPORTED, "'compute'");
}

static void test_rocm_support(void **state)
{
	struct sample *s = *state;

	knob_amd_machine(s);
	knob_set(s, "rocm_support=true");
	assert_outcome(sample_plan(s), "rocm_support", KNOB_UNSUPPORTED, "/dev/kfd");
	sample_add_node(
		s, &s->inv.drivers.items[0].common_nodes, "/dev/kfd", 235, 0, CAPABILITY_COMPUTE);
	assert_outcome(sample_plan(s), "rocm_support", KNOB_APPLIED, "/dev/kfd");
	knob_set(s, "rocm_support=false");
	assert_outcome(sample_plan(s), "rocm_support", KNOB_UNSUPPORTED, "--capabilities");
}

/* What cannot be done is said, and nothing is set for it. */
static void test_words_without_an_effect(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set(s, "quic_acceleration=true");
	knob_set(s, "preload_libraries=true");
	knob_set(s, "cache_driver_info=false");
	knob_set(s, "wsl2_optimized=true");
	knob_set(s, "wsl2_low_latency_mode=true");
	knob_set(s, "gpu_runtime=docker");
	assert_outcome(sample_plan(s), "quic_acceleration", KNOB_NONE, "no GPU runs QUIC");
	assert_outcome(s->plan, "preload_libraries", KNOB_NONE, "bind-mounted");
	assert_outcome(s->plan, "cache_driver_info", KNOB_UNSUPPORTED, "NVBIND_NO_CACHE");
	assert_outcome(s->plan, "wsl2_optimized", KNOB_UNSUPPORTED, "/dev/dxg");
	assert_outcome(s->plan, "wsl2_low_latency_mode", KNOB_NONE, "Windows");
	assert_outcome(s->plan, "gpu_runtime", KNOB_UNSUPPORTED, "nvbind itself");
}

static void test_wsl(void **state)
{
	struct sample *s = *state;
	struct gpu_driver *driver = sample_add_driver(s, GPU_VENDOR_WSL, "dxg", "wsl");

	driver->brings_user_space = true;
	(void)sample_add_gpu(s, GPU_VENDOR_WSL, "dxg");
	sample_add_node(s, &driver->common_nodes, "/dev/dxg", 10, 63, CAPABILITY_ALL);
	s->req.capabilities = CAPABILITY_ALL;
	sample_select_all(s);
	knob_set(s, "wsl2_gpu_acceleration=dxcore");
	knob_set(s, "wsl2_enabled=true");
	knob_set(s, "dlss_enabled=true");
	assert_outcome(sample_plan(s), "wsl2_gpu_acceleration", KNOB_APPLIED, "libdxcore");
	assert_outcome(s->plan, "wsl2_enabled", KNOB_APPLIED, "/dev/dxg");
	assert_outcome(s->plan, "dlss_enabled", KNOB_UNSUPPORTED, "NVIDIA's own driver");
	assert_env(s->plan, "GALLIUM_DRIVER", "d3d12");
}

static void test_names(void **state)
{
	struct sample *s = *state;

	knob_gaming_machine(s);
	knob_set_from(s, "devices=gpu0", SOURCE_CONFIG, "config.toml:7");
	knob_set(s, "default_runtime=podman");
	knob_set(s, "name=Racing");
	assert_outcome(sample_plan(s), "devices", KNOB_APPLIED, "config.toml:7");
	assert_outcome(s->plan, "default_runtime", KNOB_APPLIED, "'bolt'");
	assert_outcome(s->plan, "name", KNOB_NONE, "title");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_driver_version),
		TEST(test_no_version),
		TEST(test_unknown_driver_version),
		TEST(test_cuda_version),
		TEST(test_cuda_of_an_unknown_driver),
		TEST(test_versions_without_nvidia),
		TEST(test_kernel_drivers),
		TEST(test_other_kernel_modules),
		TEST(test_cuda_support),
		TEST(test_rocm_support),
		TEST(test_words_without_an_effect),
		TEST(test_wsl),
		TEST(test_names),
	};

	return cmocka_run_group_tests_name("plan/knob-driver", tests, NULL, NULL);
}
