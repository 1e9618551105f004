/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD's and Intel's variables. Where nvbind differs from the AMD Container Toolkit 1.3, it does so
 *on purpose:
 *
 *	what				AMD's			nvbind
 *	" 0, 1"				not GPUs		0 and 1
 *	"none", "void"			not GPUs		no GPU
 *	all among others		not a GPU		all
 *	PCI address, CDI name		not GPUs		as in every list of ours
 *	not a GPU			skipped			an error
 *	DOCKER_RESOURCE_*, whatever	a list of GPUs		only as the policy names them
 *	it counts
 *	several lists			the last one counts	there is one list
 */
#include "container-case.h"

static void test_amd(void **state)
{
	static const struct container_case cases[] = {
		{ "all", { "AMD_VISIBLE_DEVICES=all" }, .want = "vendors: amd.com/gpu=all" },
		{ "All", { "AMD_VISIBLE_DEVICES=All" }, .want = "vendors: amd.com/gpu=all" },
		{ "an index", { "AMD_VISIBLE_DEVICES=0" }, .want = "vendors: amd.com/gpu=0" },
		{ "indexes", { "AMD_VISIBLE_DEVICES=2, 0,2" },
			.want = "vendors: amd.com/gpu=2,amd.com/gpu=0" },
		{ "a range", { "AMD_VISIBLE_DEVICES=1-3" },
			.want = "vendors: amd.com/gpu=1,amd.com/gpu=2,amd.com/gpu=3" },
		{ "a range of one, and another", { "AMD_VISIBLE_DEVICES=4-4,0-1" },
			.want = "vendors: amd.com/gpu=4,amd.com/gpu=0,amd.com/gpu=1" },
		{ "an id", { "AMD_VISIBLE_DEVICES=0x1A2B3C4D5E6F7081" },
			.want = "vendors: amd.com/gpu=GPU-1a2b3c4d5e6f7081" },
		{ "an id without its zeros", { "AMD_VISIBLE_DEVICES=0x78041e1ada6015" },
			.want = "vendors: amd.com/gpu=GPU-0078041e1ada6015" },
		{ "an id without 0x", { "AMD_VISIBLE_DEVICES=1a2b3c4d5e6f7081" },
			.want = "vendors: amd.com/gpu=GPU-1a2b3c4d5e6f7081" },
		{ "an id of digits alone", { "AMD_VISIBLE_DEVICES=123456789" },
			.want = "vendors: amd.com/gpu=GPU-0000000123456789" },
		{ "ROCm's form of an id", { "AMD_VISIBLE_DEVICES=GPU-1a2b3c4d5e6f7081" },
			.want = "vendors: amd.com/gpu=GPU-1a2b3c4d5e6f7081" },
		{ "a partition", { "AMD_VISIBLE_DEVICES=0:1" },
			.want = "vendors: amd.com/gpu=0:1" },
		{ "a CDI name", { "AMD_VISIBLE_DEVICES=amd.com/gpu=1" },
			.want = "vendors: amd.com/gpu=1" },
		{ "nothing", { "AMD_VISIBLE_DEVICES=" }, .want = "-" },
		{ "none", { "AMD_VISIBLE_DEVICES=none" }, .want = "-" },
		{ "void", { "AMD_VISIBLE_DEVICES=0,void" }, .want = "-" },
		{ "beside NVIDIA's", { "AMD_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES=0" },
			.want = "vendors: nvidia.com/gpu=0,amd.com/gpu=0" },
		{ "none of NVIDIA's", { "AMD_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES=void" },
			.want = "vendors: amd.com/gpu=0" },
		{ "NVIDIA's driver goes with its GPUs",
			{ "AMD_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES=none" },
			.want = "vendors: amd.com/gpu=0 warned=1" },
		{ "nothing, beside NVIDIA's driver",
			{ "AMD_VISIBLE_DEVICES=none", "NVIDIA_VISIBLE_DEVICES=none" },
			.want = "vendors: driver" },
		{ "not taken", { "AMD_VISIBLE_DEVICES=all" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .want = "- refused warned=1" },
		{ "a range downwards", { "AMD_VISIBLE_DEVICES=3-1" }, .want = "!usage" },
		{ "half a range", { "AMD_VISIBLE_DEVICES=1-" }, .want = "!usage" },
		{ "a range without end", { "AMD_VISIBLE_DEVICES=0-99999999" }, .want = "!usage" },
		{ "negative", { "AMD_VISIBLE_DEVICES=-1" }, .want = "!usage" },
		{ "an id that is too long", { "AMD_VISIBLE_DEVICES=0x1a2b3c4d5e6f70819" },
			.want = "!usage" },
		{ "an id twice marked", { "AMD_VISIBLE_DEVICES=0x0x12345678" }, .want = "!usage" },
		{ "an id of nothing", { "AMD_VISIBLE_DEVICES=0x" }, .want = "!usage" },
		{ "not a GPU", { "AMD_VISIBLE_DEVICES=0 1" }, .want = "!usage" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* They ask for all of their vendor, if there are any, and never add to a request. */
static void test_filters(void **state)
{
	static const struct container_case cases[] = {
		{ "ROCr", { "ROCR_VISIBLE_DEVICES=1" }, .want = "vendors: ?amd.com/gpu=all" },
		{ "ROCr by id", { "ROCR_VISIBLE_DEVICES=GPU-1a2b3c4d5e6f7081" },
			.want = "vendors: ?amd.com/gpu=all" },
		{ "HIP", { "HIP_VISIBLE_DEVICES=0,2" }, .want = "vendors: ?amd.com/gpu=all" },
		{ "OpenCL", { "GPU_DEVICE_ORDINAL= 0" }, .want = "vendors: ?amd.com/gpu=all" },
		{ "Level Zero", { "ZE_AFFINITY_MASK=0.1,2" },
			.want = "vendors: ?intel.com/gpu=all" },
		{ "oneAPI", { "ONEAPI_DEVICE_SELECTOR=level_zero:0" },
			.want = "vendors: ?intel.com/gpu=all" },
		{ "as Slurm sets them",
			{ "CUDA_VISIBLE_DEVICES=0", "ROCR_VISIBLE_DEVICES=0", "ZE_AFFINITY_MASK=0",
				"GPU_DEVICE_ORDINAL=0" },
			.want = "vendors: ?amd.com/gpu=all,?intel.com/gpu=all" },
		{ "as Slurm sets them, with NVIDIA's list",
			{ "NVIDIA_VISIBLE_DEVICES=1", "ROCR_VISIBLE_DEVICES=0",
				"ZE_AFFINITY_MASK=0" },
			.want = "vendors: nvidia.com/gpu=1" },
		{ "with NVIDIA's driver",
			{ "NVIDIA_VISIBLE_DEVICES=none", "ROCR_VISIBLE_DEVICES=0" },
			.want = "vendors: driver" },
		{ "with void", { "NVIDIA_VISIBLE_DEVICES=void", "ROCR_VISIBLE_DEVICES=0" },
			.want = "vendors: ?amd.com/gpu=all" },
		{ "with a legacy image", { "CUDA_VERSION=12.4.1", "ROCR_VISIBLE_DEVICES=0" },
			.want = "vendors: nvidia.com/gpu=all caps=all require=[cuda>=12.4]" },
		{ "with AMD's list", { "AMD_VISIBLE_DEVICES=2", "ROCR_VISIBLE_DEVICES=0" },
			.want = "vendors: amd.com/gpu=2" },
		{ "with AMD's list of nothing", { "AMD_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=0" },
			.want = "-" },
		{ "with AMD's list of nothing, Intel's",
			{ "AMD_VISIBLE_DEVICES=void", "ZE_AFFINITY_MASK=0" },
			.want = "vendors: ?intel.com/gpu=all" },
		{ "with our list", { "NVBIND_GPU=2", "ROCR_VISIBLE_DEVICES=0" },
			.want = "nvbind: 2" },
		{ "with our list of none", { "NVBIND_GPU=none", "ROCR_VISIBLE_DEVICES=0" },
			.want = "-" },
		{ "with requirements", { "ROCR_VISIBLE_DEVICES=0", "NVIDIA_REQUIRE_CUDA=cuda>=99" },
			.want = "vendors: ?amd.com/gpu=all" },
		{ "no more than it may", { "ROCR_VISIBLE_DEVICES=0" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .want = "- warned=1" },
		{ "CUDA's", { "CUDA_VISIBLE_DEVICES=0" }, .want = "-" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* A value that hides every GPU asks for none. */
static void test_filters_that_hide(void **state)
{
	static const char *const entries[] = {
		"ROCR_VISIBLE_DEVICES=",
		"ROCR_VISIBLE_DEVICES=-1",
		"ROCR_VISIBLE_DEVICES=NoDevFiles",
		"HIP_VISIBLE_DEVICES=,0",
		"GPU_DEVICE_ORDINAL=none",
		"ZE_AFFINITY_MASK=",
		"ONEAPI_DEVICE_SELECTOR=",
		"ONEAPI_DEVICE_SELECTOR=opencl:cpu",
		"ONEAPI_DEVICE_SELECTOR=opencl:*",
		"ONEAPI_DEVICE_SELECTOR=cuda:0",
		"ONEAPI_DEVICE_SELECTOR=hip:gpu",
		"ONEAPI_DEVICE_SELECTOR=*:fpga",
		"ONEAPI_DEVICE_SELECTOR=!level_zero:gpu",
		"ONEAPI_DEVICE_SELECTOR=!opencl,level_zero:gpu",
		"ONEAPI_DEVICE_SELECTOR=level_zero",
		"ONEAPI_DEVICE_SELECTOR=level_zero:",
		"ONEAPI_DEVICE_SELECTOR=;;:;,:,",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(entries); i++) {
		const struct container_case c = { entries[i], { entries[i] }, .want = "-" };

		case_check(&c);
	}
}

static void test_oneapi(void **state)
{
	static const char *const entries[] = {
		"ONEAPI_DEVICE_SELECTOR=level_zero:*",
		"ONEAPI_DEVICE_SELECTOR=LEVEL_ZERO:GPU",
		"ONEAPI_DEVICE_SELECTOR=level_zero:cpu,1",
		"ONEAPI_DEVICE_SELECTOR=opencl:gpu",
		"ONEAPI_DEVICE_SELECTOR=*:gpu",
		"ONEAPI_DEVICE_SELECTOR=opencl,level_zero:0.1",
		"ONEAPI_DEVICE_SELECTOR=!opencl:cpu;level_zero:gpu",
		"ONEAPI_DEVICE_SELECTOR=cuda:0;*:gpu",
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(entries); i++) {
		const struct container_case c = { entries[i], { entries[i] },
			.want = "vendors: ?intel.com/gpu=all" };

		case_check(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amd),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_filters_that_hide),
		cmocka_unit_test(test_oneapi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
