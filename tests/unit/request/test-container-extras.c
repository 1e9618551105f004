/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes with NVIDIA's GPUs: capabilities, requirements, rights over MIG, devices beside the
 * GPUs. Where nvbind differs from the NVIDIA Container Toolkit 1.20, it does so on purpose:
 *
 *	what				the toolkit		nvbind
 *	capabilities of separators	none at all		the default, as for an empty value
 *	all of them, named one by one,	an error		what "all" gives
 *	where a policy allows fewer
 *	all of this in its CDI modes	ignored, without a word	counts always
 *	MIG_CONFIG_DEVICES=mig0		passed on, fails later	an error that names "all"
 *	MIG_CONFIG_DEVICES=all with a	passed on, fails later	an error
 *	selected MIG instance
 *	IMEX_CHANNELS=none		a channel without name	no channel
 *	IMEX_CHANNELS=all		ignored			ignored, with a warning
 *	IMEX_CHANNELS=x			passed on		an error
 *	NVIDIA_GDS=yes			ignored			ignored, with a warning
 *	CUDA_VERSION=latest		an error		a warning
 *	more than 64 REQUIRE variables	taken			an error
 */
#include "container-case.h"

#define GPU	 "NVIDIA_VISIBLE_DEVICES=0"
#define SELECTED "vendors: nvidia.com/gpu=0"

static void test_capabilities(void **state)
{
	static const struct container_case cases[] = {
		{ "unset", { GPU }, .want = SELECTED },
		{ "empty", { GPU, "NVIDIA_DRIVER_CAPABILITIES=" }, .want = SELECTED },
		{ "spaces", { GPU, "NVIDIA_DRIVER_CAPABILITIES=  " }, .want = SELECTED },
		{ "a comma", { GPU, "NVIDIA_DRIVER_CAPABILITIES=," }, .want = SELECTED },
		{ "all", { GPU, "NVIDIA_DRIVER_CAPABILITIES=all" }, .want = SELECTED " caps=all" },
		{ "all among others", { GPU, "NVIDIA_DRIVER_CAPABILITIES=video,all" },
			.want = SELECTED " caps=all" },
		{ "two", { GPU, "NVIDIA_DRIVER_CAPABILITIES=display, video" },
			.want = SELECTED " caps=video,display" },
		{ "a comma in front", { GPU, "NVIDIA_DRIVER_CAPABILITIES=,video" },
			.want = SELECTED " caps=video" },
		{ "a comma behind", { GPU, "NVIDIA_DRIVER_CAPABILITIES=video," },
			.want = SELECTED " caps=video" },
		{ "a hole", { GPU, "NVIDIA_DRIVER_CAPABILITIES=video,,ngx" },
			.want = SELECTED " caps=video,ngx" },
		{ "one twice", { GPU, "NVIDIA_DRIVER_CAPABILITIES=video,video" },
			.want = SELECTED " caps=video" },
		{ "each by name",
			{ GPU, "NVIDIA_DRIVER_CAPABILITIES=ngx,display,video,utility,graphics,"
			       "compat32,"
			       "compute" },
			.want = SELECTED " caps=all" },
		{ "without a GPU",
			{ "NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_DRIVER_CAPABILITIES=ngx" },
			.want = "vendors: driver caps=ngx" },
		{ "no request, no error", { "NVIDIA_DRIVER_CAPABILITIES=warp" }, .want = "-" },
		{ "unknown", { GPU, "NVIDIA_DRIVER_CAPABILITIES=compute,warp" }, .want = "!usage" },
		{ "none is no capability", { GPU, "NVIDIA_DRIVER_CAPABILITIES=none" },
			.want = "!usage" },
		{ "two in one word", { GPU, "NVIDIA_DRIVER_CAPABILITIES=compute utility" },
			.want = "!usage" },
		{ "a profile", { GPU, "NVBIND_PROFILE=AI" },
			.want = SELECTED " caps=compute,utility,video profile=ai-ml" },
		{ "a profile with an empty list",
			{ GPU, "NVBIND_PROFILE=ai-ml", "NVIDIA_DRIVER_CAPABILITIES=" },
			.want = SELECTED " caps=compute,utility,video profile=ai-ml" },
		{ "a profile and a list",
			{ GPU, "NVBIND_PROFILE=gaming", "NVIDIA_DRIVER_CAPABILITIES=compute" },
			.want = SELECTED " caps=compute profile=gaming" },
		{ "an empty profile", { GPU, "NVBIND_PROFILE=" }, .want = SELECTED },
		{ "a profile alone asks for nothing", { "NVBIND_PROFILE=gaming" }, .want = "-" },
		{ "a bad profile alone is nobody's error", { "NVBIND_PROFILE=x" }, .want = "-" },
		{ "a bad profile", { GPU, "NVBIND_PROFILE=gamin" }, .want = "!usage" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* What a policy leaves of them. */
static void test_allowed_capabilities(void **state)
{
	static const capability_set most =
		CAPABILITY_COMPUTE | CAPABILITY_DISPLAY | CAPABILITY_UTILITY | CAPABILITY_VIDEO;
	const struct container_case cases[] = {
		{ "unset", { GPU }, .capabilities = most, .want = SELECTED },
		{ "empty", { GPU, "NVIDIA_DRIVER_CAPABILITIES=" }, .capabilities = most,
			.want = SELECTED },
		{ "all", { GPU, "NVIDIA_DRIVER_CAPABILITIES=all" }, .capabilities = most,
			.want = SELECTED " caps=compute,utility,video,display" },
		{ "two", { GPU, "NVIDIA_DRIVER_CAPABILITIES=video,display" }, .capabilities = most,
			.want = SELECTED " caps=video,display" },
		{ "the default is limited", { GPU }, .capabilities = CAPABILITY_COMPUTE,
			.want = SELECTED " caps=compute" },
		{ "the default is forbidden", { GPU }, .capabilities = CAPABILITY_VIDEO,
			.want = SELECTED " caps=" },
		{ "a profile is limited", { GPU, "NVBIND_PROFILE=gaming" },
			.capabilities = CAPABILITY_GRAPHICS,
			.want = SELECTED " caps=graphics profile=gaming" },
		{ "one that is forbidden", { GPU, "NVIDIA_DRIVER_CAPABILITIES=compute,ngx" },
			.capabilities = most, .want = "!usage" },
		{ "both are forbidden", { GPU, "NVIDIA_DRIVER_CAPABILITIES=compute,utility" },
			.capabilities = CAPABILITY_VIDEO, .want = "!usage" },
	};

	(void)state;
	CASES_CHECK(cases);
	case_check_error(&cases[7],
		"read 'NVIDIA_DRIVER_CAPABILITIES': the policy of this machine does not allow the "
		"driver capability 'ngx'",
		"use compute,utility,video,display, or change the policy");
}

static void test_requirements(void **state)
{
	static const struct container_case cases[] = {
		{ "one", { GPU, "NVIDIA_REQUIRE_CUDA=cuda>=12.4" },
			.want = SELECTED " require=[cuda>=12.4]" },
		{ "each variable is one",
			{ GPU, "NVIDIA_REQUIRE_CUDA=cuda>=12.4", "NVIDIA_REQUIRE_B=brand=tesla" },
			.want = SELECTED " require=[cuda>=12.4] [brand=tesla]" },
		{ "the last of a name counts",
			{ GPU, "NVIDIA_REQUIRE_CUDA=cuda>=99", "NVIDIA_REQUIRE_CUDA=cuda>=1" },
			.want = SELECTED " require=[cuda>=1]" },
		{ "without a GPU", { "NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_REQUIRE_A=arch>=7" },
			.want = "vendors: driver require=[arch>=7]" },
		{ "unknown keys are for who checks", { GPU, "NVIDIA_REQUIRE_A=a=true" },
			.want = SELECTED " require=[a=true]" },
		{ "empty ones", { GPU, "NVIDIA_REQUIRE_A=", "NVIDIA_REQUIRE_B=  " },
			.want = SELECTED },
		{ "Jetson's", { GPU, "NVIDIA_REQUIRE_JETPACK=csv-mounts=all" }, .want = SELECTED },
		{ "all of Jetson's", { GPU, "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS=base-only" },
			.want = SELECTED },
		{ "no value", { GPU, "NVIDIA_REQUIRE_CUDA" }, .want = SELECTED },
		{ "no request", { "NVIDIA_REQUIRE_CUDA=cuda>=12.4" }, .want = "-" },
		{ "of no interest to AMD", { "AMD_VISIBLE_DEVICES=0", "NVIDIA_REQUIRE_A=cuda>=1" },
			.want = "vendors: amd.com/gpu=0" },
		{ "the policy switches them off", { GPU, "NVIDIA_REQUIRE_CUDA=cuda>=99" },
			.disable_require = true, .want = SELECTED },
	};

	(void)state;
	CASES_CHECK(cases);
}

static void test_disable_require(void **state)
{
	static const struct {
		const char *value;
		bool off;
	} cases[] = {
		{ "1", true },
		{ "t", true },
		{ "T", true },
		{ "true", true },
		{ "True", true },
		{ "TRUE", true },
		{ "0", false },
		{ "false", false },
		{ "", false },
		{ "tRUE", false },
		{ "yes", false },
		{ "on", false },
		{ "true ", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct container_case c = { "", { GPU, "NVIDIA_REQUIRE_CUDA=cuda>=99", NULL } };
		struct container_request request = { 0 };

		c.env[2] = arena_printf(a, "NVIDIA_DISABLE_REQUIRE=%s", cases[i].value);
		assert_int_equal(case_make(&c, a, &request, NULL), 0);
		assert_int_equal(request.requirements.n, cases[i].off ? 0 : 1);
	}
}

static void test_mig(void **state)
{
	static const struct container_case cases[] = {
		{ "the right to make instances", { GPU, "NVIDIA_MIG_CONFIG_DEVICES=all" },
			.privileged = true, .want = SELECTED " mig-config" },
		{ "the right to watch", { GPU, "NVIDIA_MIG_MONITOR_DEVICES=all" },
			.privileged = true, .want = SELECTED " mig-monitor" },
		{ "both, without a GPU",
			{ "NVIDIA_VISIBLE_DEVICES=none", "NVIDIA_MIG_CONFIG_DEVICES=all",
				"NVIDIA_MIG_MONITOR_DEVICES=all" },
			.privileged = true, .want = "vendors: driver mig-config mig-monitor" },
		{ "empty", { GPU, "NVIDIA_MIG_CONFIG_DEVICES=" }, .want = SELECTED },
		{ "no request", { "NVIDIA_MIG_CONFIG_DEVICES=all" }, .want = "-" },
		{ "make, unprivileged", { GPU, "NVIDIA_MIG_CONFIG_DEVICES=all" },
			.want = "!permission" },
		{ "watch, unprivileged", { GPU, "NVIDIA_MIG_MONITOR_DEVICES=all" },
			.want = "!permission" },
		{ "anything, unprivileged", { GPU, "NVIDIA_MIG_CONFIG_DEVICES=mig0,mig1" },
			.want = "!permission" },
		{ "some", { GPU, "NVIDIA_MIG_CONFIG_DEVICES=mig0,mig1" }, .privileged = true,
			.want = "!usage" },
		{ "watch some", { GPU, "NVIDIA_MIG_MONITOR_DEVICES=0" }, .privileged = true,
			.want = "!usage" },
		{ "with an instance by number",
			{ "NVIDIA_VISIBLE_DEVICES=0:1", "NVIDIA_MIG_CONFIG_DEVICES=all" },
			.privileged = true, .want = "!usage" },
		{ "with an instance by UUID",
			{ "NVIDIA_VISIBLE_DEVICES=0,MIG-1a2b3", "NVIDIA_MIG_MONITOR_DEVICES=all" },
			.privileged = true, .want = "!usage" },
		{ "for another vendor",
			{ "AMD_VISIBLE_DEVICES=0", "NVIDIA_MIG_CONFIG_DEVICES=all" },
			.want = "vendors: amd.com/gpu=0" },
	};

	(void)state;
	CASES_CHECK(cases);
	case_check_error(&cases[5],
		"grant 'NVIDIA_MIG_CONFIG_DEVICES': the container is not privileged",
		"give it CAP_SYS_ADMIN (--privileged) and no user namespace, or unset "
		"NVIDIA_MIG_CONFIG_DEVICES");
}

static void test_imex(void **state)
{
#define CHANNEL "nvidia.com/imex-channel="
	static const struct container_case cases[] = {
		{ "channels", { GPU, "NVIDIA_IMEX_CHANNELS=3, 4,,3" },
			.want = SELECTED " with=" CHANNEL "3," CHANNEL "4" },
		{ "channels of a legacy image", { "CUDA_VERSION=12.4.1", "NVIDIA_IMEX_CHANNELS=0" },
			.want = "vendors: nvidia.com/gpu=all caps=all require=[cuda>=12.4] "
				"with=" CHANNEL "0" },
		{ "no channels of a legacy image", { "CUDA_VERSION=12.4.1" },
			.want = "vendors: nvidia.com/gpu=all caps=all require=[cuda>=12.4]" },
		{ "zeros in front", { GPU, "NVIDIA_IMEX_CHANNELS=007" },
			.want = SELECTED " with=" CHANNEL "7" },
		{ "the last channel", { GPU, "NVIDIA_IMEX_CHANNELS=1048575" },
			.want = SELECTED " with=" CHANNEL "1048575" },
		{ "one behind it", { GPU, "NVIDIA_IMEX_CHANNELS=1048576" }, .want = "!usage" },
		{ "not a number", { GPU, "NVIDIA_IMEX_CHANNELS=../0" }, .want = "!usage" },
		{ "negative", { GPU, "NVIDIA_IMEX_CHANNELS=-1" }, .want = "!usage" },
		{ "all", { GPU, "NVIDIA_IMEX_CHANNELS=all" }, .want = SELECTED " warned=1" },
		{ "all among others", { GPU, "NVIDIA_IMEX_CHANNELS=0,all" },
			.want = SELECTED " warned=1" },
		{ "void", { GPU, "NVIDIA_IMEX_CHANNELS=0,void" }, .want = SELECTED },
		{ "none", { GPU, "NVIDIA_IMEX_CHANNELS=none" }, .want = SELECTED },
		{ "empty", { GPU, "NVIDIA_IMEX_CHANNELS=" }, .want = SELECTED },
		{ "no request", { "NVIDIA_IMEX_CHANNELS=0" }, .want = "-" },
		{ "the policy ignores them", { GPU, "NVIDIA_IMEX_CHANNELS=0" }, .ignore_imex = true,
			.want = SELECTED " warned=1" },
		{ "mounts go first", { GPU, "NVIDIA_IMEX_CHANNELS=0" },
			{ "/var/run/nvidia-container-devices/imex/5",
				"/var/run/nvidia-container-devices/imex/6" },
			.policy = true, .env_trust = POLICY_ALWAYS, .mount_trust = POLICY_ALWAYS,
			.want = SELECTED " with=" CHANNEL "5," CHANNEL "6" },
		{ "mounts that nobody takes", { GPU, "NVIDIA_IMEX_CHANNELS=0" },
			{ "/var/run/nvidia-container-devices/imex/5" },
			.want = SELECTED " with=" CHANNEL "0" },
		{ "the environment is not taken", { GPU, "NVIDIA_IMEX_CHANNELS=0" },
			{ "/var/run/nvidia-container-devices/1" }, .policy = true,
			.env_trust = POLICY_NEVER, .mount_trust = POLICY_ALWAYS,
			.want = "mounts: nvidia.com/gpu=1 warned=1" },
	};

	(void)state;
	CASES_CHECK(cases);
}

static void test_features(void **state)
{
	static const struct container_case cases[] = {
		{ "each",
			{ GPU, "NVIDIA_NVSWITCH=enabled", "NVIDIA_GDS=enabled",
				"NVIDIA_MOFED=enabled", "NVIDIA_GDRCOPY=enabled" },
			.want = SELECTED " with=nvidia.com/gds=all,nvidia.com/mofed=all,"
					 "nvidia.com/gdrcopy=all,nvidia.com/nvswitch=all" },
		{ "off", { GPU, "NVIDIA_GDS=disabled", "NVIDIA_MOFED=" }, .want = SELECTED },
		{ "another word", { GPU, "NVIDIA_GDS=yes" }, .want = SELECTED " warned=1" },
		{ "no request", { "NVIDIA_GDS=enabled" }, .want = "-" },
		{ "for another vendor", { "AMD_VISIBLE_DEVICES=all", "NVIDIA_MOFED=enabled" },
			.want = "vendors: amd.com/gpu=all" },
		{ "with a GPU of any vendor", { "NVBIND_GPU=0", "NVIDIA_MOFED=enabled" },
			.want = "nvbind: 0 with=nvidia.com/mofed=all" },
		{ "the environment is not taken", { "NVIDIA_GDS=enabled" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=0" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .annotation_trust = POLICY_ALWAYS,
			.want = "annotations: nvidia.com/gpu=0 warned=1" },
	};

	(void)state;
	CASES_CHECK(cases);
}

static void test_many_requirements(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct container_pair_list none = { 0 };
	struct container_request request = { 0 };
	struct string_list env = { 0 };
	const struct container_facts facts = { &env, &none, &none, false, false };

	(void)state;
	assert_int_equal(string_list_add(a, &env, GPU), 0);
	for (int i = 0; i < 64; i++)
		assert_int_equal(
			string_list_printf(a, &env, "NVIDIA_REQUIRE_%d=cuda>=%d", i, i), 0);
	assert_int_equal(
		container_request_make(&facts, &container_policy_default, a, &request, NULL), 0);
	assert_int_equal(request.requirements.n, 64);
	assert_int_equal(string_list_add(a, &env, "NVIDIA_REQUIRE_64=cuda>=64"), 0);
	assert_int_equal(
		container_request_make(&facts, &container_policy_default, a, &request, NULL),
		NVB_ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_allowed_capabilities),
		cmocka_unit_test(test_requirements),
		cmocka_unit_test(test_disable_require),
		cmocka_unit_test(test_mig),
		cmocka_unit_test(test_imex),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_many_requirements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
