/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources, their order, and input that is meant to hurt. Where nvbind differs from the NVIDIA
 * Container Toolkit 1.20, it does so on purpose:
 *
 *	what				the toolkit		nvbind
 *	/var/run/nvidia-container-	device "-x/0"		no request
 *	devices-x/0
 *	a mount "cdi/x"			ignored with a warning	an error
 *	a mount "void"			a device		asks for nothing
 *	a mount with a comma or ".."	passed on, resolved	an error, no request
 *	mounts that are not taken	ignored			ignored with a warning
 *	an annotation "example.com/x"	passed on, fails later	an error
 *	annotations, the same twice	twice			once
 *	annotations			in its CDI mode alone	always
 */
#include "container-case.h"

#define ROOT "/var/run/nvidia-container-devices"
#define TAKE_MOUNTS                                                                                \
	.policy = true, .env_trust = POLICY_ALWAYS, .mount_trust = POLICY_ALWAYS,                  \
	.annotation_trust = POLICY_ALWAYS

static void test_mounts(void **state)
{
	static const struct container_case cases[] = {
		{ "no mounts", TAKE_MOUNTS, .want = "-" },
		{ "not of /dev/null", .mounts = { ROOT "/0</dev/zero" }, TAKE_MOUNTS, .want = "-" },
		{ "of a path in the bundle", .mounts = { ROOT "/0<dev/null" }, TAKE_MOUNTS,
			.want = "-" },
		{ "of nothing", .mounts = { ROOT "/0<" }, TAKE_MOUNTS, .want = "-" },
		{ "elsewhere", .mounts = { "/other/0", "/var/run", "proc" }, TAKE_MOUNTS,
			.want = "-" },
		{ "the directory itself", .mounts = { ROOT, ROOT "/" }, TAKE_MOUNTS, .want = "-" },
		{ "a name that begins alike", .mounts = { ROOT "-x/0", ROOT "x" }, TAKE_MOUNTS,
			.want = "-" },
		{ "devices", .mounts = { ROOT "/0", "/data</data", ROOT "/GPU-1a2b3" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=0,nvidia.com/gpu=GPU-1a2b3" },
		{ "paths in need of cleaning",
			.mounts = { "//var/./run/nvidia-container-devices//1/</dev//./null/" },
			TAKE_MOUNTS, .want = "mounts: nvidia.com/gpu=1" },
		{ "twice", .mounts = { ROOT "/1", ROOT "/1" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=1" },
		{ "all", .mounts = { ROOT "/all" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=all" },
		{ "none", .mounts = { ROOT "/none" }, TAKE_MOUNTS, .want = "mounts: driver" },
		{ "void goes before the environment", { "NVIDIA_VISIBLE_DEVICES=all" },
			{ ROOT "/void" }, TAKE_MOUNTS, .want = "-" },
		{ "CDI devices",
			.mounts = { ROOT "/cdi/nvidia.com/gpu/0", ROOT "/cdi/example.com/nic=left",
				ROOT "/example.com/nic=right" },
			TAKE_MOUNTS,
			.want = "mounts: "
				"nvidia.com/gpu=0,example.com/nic=left,example.com/nic=right" },
		{ "half a CDI device", .mounts = { ROOT "/cdi/example.com" }, TAKE_MOUNTS,
			.want = "!usage" },
		{ "a bad CDI device", .mounts = { ROOT "/cdi/example.com/nic/a/b" }, TAKE_MOUNTS,
			.want = "!usage" },
		{ "channels are no devices", .mounts = { ROOT "/imex/0", ROOT "/0" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=0 with=nvidia.com/imex-channel=0" },
		{ "channels alone", .mounts = { ROOT "/imex/0" }, TAKE_MOUNTS, .want = "-" },
		{ "slashes in a name", .mounts = { ROOT "/GPU0-MIG0/0/1" }, TAKE_MOUNTS,
			.want = "!usage" },
		{ "a comma in a name", .mounts = { ROOT "/0,1" }, TAKE_MOUNTS, .want = "!usage" },
		{ "a way out", .mounts = { ROOT "/../0", ROOT "/../nvidia-container-devices/0" },
			TAKE_MOUNTS, .want = "-" },
		{ "over the environment", { "NVIDIA_VISIBLE_DEVICES=2,3" },
			{ ROOT "/0", ROOT "/1" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=0,nvidia.com/gpu=1" },
		{ "the environment, without mounts", { "NVIDIA_VISIBLE_DEVICES=2" }, TAKE_MOUNTS,
			.want = "vendors: nvidia.com/gpu=2" },
		{ "not taken by default", { "NVIDIA_VISIBLE_DEVICES=2" }, { ROOT "/0" },
			.want = "vendors: nvidia.com/gpu=2 warned=1" },
		{ "neither is taken", { "NVIDIA_VISIBLE_DEVICES=2" }, { ROOT "/0" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .want = "- refused warned=2" },
		{ "mounts alone are taken", { "NVIDIA_VISIBLE_DEVICES=2" }, { ROOT "/0" },
			.policy = true, .env_trust = POLICY_NEVER, .mount_trust = POLICY_ALWAYS,
			.want = "mounts: nvidia.com/gpu=0" },
		{ "of privileged containers, this one is", .mounts = { ROOT "/0" },
			.privileged = true, .policy = true, .mount_trust = POLICY_PRIVILEGED,
			.want = "mounts: nvidia.com/gpu=0" },
		{ "of privileged containers, this one is not", .mounts = { ROOT "/0" },
			.policy = true, .mount_trust = POLICY_PRIVILEGED,
			.want = "- refused warned=1" },
	};

	(void)state;
	CASES_CHECK(cases);
}

static void test_annotations(void **state)
{
	static const struct container_case cases[] = {
		{ "another prefix", .annotations = { "other/a: example.com/nic=left" },
			.want = "-" },
		{ "the default prefix", .annotations = { "cdi.k8s.io/a: example.com/nic=left" },
			.want = "annotations: example.com/nic=left" },
		{ "prefixes of the policy",
			.annotations = { "one/a: example.com/nic=left", "two/b: nvidia.com/gpu=0",
				"cdi.k8s.io/c: nvidia.com/gpu=1" },
			.prefixes = { "two/", "one/" },
			.want = "annotations: example.com/nic=left,nvidia.com/gpu=0" },
		{ "by the order of their names, lists in theirs",
			.annotations = { "cdi.k8s.io/b: nvidia.com/gpu=0, nvidia.com/gpu=2",
				"cdi.k8s.io/a: nvidia.com/gpu=1" },
			.want = "annotations: nvidia.com/gpu=1,nvidia.com/gpu=0,nvidia.com/gpu=2" },
		{ "the same twice",
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=1",
				"cdi.k8s.io/b: nvidia.com/gpu=1" },
			.want = "annotations: nvidia.com/gpu=1" },
		{ "the toolkit's own kind",
			.annotations = { "cdi.k8s.io/a: runtime.nvidia.com/gpu=GPU-1a2b3" },
			.want = "annotations: nvidia.com/gpu=GPU-1a2b3" },
		{ "a device plugin's kind",
			.annotations = { "cdi.k8s.io/a: "
					 "k8s.device-plugin.nvidia.com/gpu=GPU-1a2b3" },
			.want = "annotations: k8s.device-plugin.nvidia.com/gpu=GPU-1a2b3" },
		{ "empty ones ask for nothing", { "NVIDIA_VISIBLE_DEVICES=0" },
			.annotations = { "cdi.k8s.io/a: ", "cdi.k8s.io/b: ," },
			.want = "vendors: nvidia.com/gpu=0" },
		{ "over all else", { "NVBIND_GPU=none", "NVIDIA_VISIBLE_DEVICES=0" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=1" },
			.want = "annotations: nvidia.com/gpu=1 within NVBIND_GPU=[]" },
		{ "not taken", { "NVIDIA_VISIBLE_DEVICES=0" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=1" }, .policy = true,
			.env_trust = POLICY_ALWAYS, .annotation_trust = POLICY_NEVER,
			.want = "vendors: nvidia.com/gpu=0 warned=1" },
		{ "an index", .annotations = { "cdi.k8s.io/a: 0" }, .want = "!usage" },
		{ "no device", .annotations = { "cdi.k8s.io/a: example.com/nic" },
			.want = "!usage" },
		{ "no class", .annotations = { "cdi.k8s.io/a: example.com=nic" },
			.want = "!usage" },
	};

	(void)state;
	CASES_CHECK(cases);
	case_check_error(&cases[10],
		"read annotation 'cdi.k8s.io/a': '0' is not a CDI device (VENDOR/CLASS=NAME)",
		NULL);
}

static void test_nvbind(void **state)
{
	static const struct container_case cases[] = {
		{ "all vendors", { "NVBIND_GPU=all" }, .want = "nvbind: all" },
		{ "each form",
			{ "NVBIND_GPU=0, gpu1,gpu:2,1:0,GPU-1a2b3,MIG-4c5d6,0000:3b:00.0,"
			  "amd.com/gpu=0,example.com/nic=left" },
			.want = "nvbind: 0,gpu1,gpu:2,1:0,GPU-1a2b3,MIG-4c5d6,0000:3b:00.0,"
				"amd.com/gpu=0,example.com/nic=left",
			.kinds = { "example.com/nic" } },
		{ "over the vendors' variables",
			{ "NVIDIA_VISIBLE_DEVICES=all", "AMD_VISIBLE_DEVICES=all", "NVBIND_GPU=1" },
			.want = "nvbind: 1 within NVIDIA_VISIBLE_DEVICES=[nvidia.com/gpu=all] "
				"within AMD_VISIBLE_DEVICES=[amd.com/gpu=all]" },
		{ "none, over the image", { "NVIDIA_VISIBLE_DEVICES=all", "NVBIND_GPU=none" },
			.want = "-" },
		{ "None", { "NVIDIA_VISIBLE_DEVICES=all", "NVBIND_GPU=None" }, .want = "-" },
		{ "nothing is not none", { "NVIDIA_VISIBLE_DEVICES=0", "NVBIND_GPU=" },
			.want = "vendors: nvidia.com/gpu=0" },
		{ "none among others", { "NVBIND_GPU=0,none" }, .want = "!usage" },
		{ "void is not ours", { "NVBIND_GPU=void" }, .want = "!usage" },
		{ "below mounts", { "NVBIND_GPU=1" }, { ROOT "/0" }, TAKE_MOUNTS,
			.want = "mounts: nvidia.com/gpu=0 within NVBIND_GPU=[1]" },
		{ "with a profile and requirements",
			{ "NVBIND_GPU=gpu0", "NVBIND_PROFILE=ai", "NVIDIA_REQUIRE_CUDA=cuda>=12" },
			.want = "nvbind: gpu0 caps=compute,utility,video profile=ai-ml "
				"require=[cuda>=12]" },
		{ "of another vendor, requirements do not count",
			{ "NVBIND_GPU=intel.com/gpu=0", "NVIDIA_REQUIRE_CUDA=cuda>=12" },
			.want = "nvbind: intel.com/gpu=0" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* One of the two is the image's, the other the user's or the scheduler's: neither widens. */
static void test_bounds(void **state)
{
	static const struct container_case cases[] = {
		{ "the image's NVBIND_GPU", { "NVBIND_GPU=all", "NVIDIA_VISIBLE_DEVICES=1" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[nvidia.com/gpu=1]" },
		{ "void", { "NVIDIA_VISIBLE_DEVICES=void", "NVBIND_GPU=all" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[]" },
		{ "none", { "NVIDIA_VISIBLE_DEVICES=none", "NVBIND_GPU=all" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[]+driver" },
		{ "set to nothing",
			{ "NVIDIA_VISIBLE_DEVICES=", "AMD_VISIBLE_DEVICES= ,", "NVBIND_GPU=all" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[] "
				"within AMD_VISIBLE_DEVICES=[]" },
		{ "a space", { "NVIDIA_VISIBLE_DEVICES= ", "NVBIND_GPU=all" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[]" },
		{ "a comma", { "NVIDIA_VISIBLE_DEVICES=,", "NVBIND_GPU=all" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[]" },
		{ "a swarm's resource of nothing does not hide the list",
			{ "NVIDIA_VISIBLE_DEVICES=1", "SWARM=", "NVBIND_GPU=all" },
			.swarm = { "SWARM" },
			.want = "nvbind: all within NVIDIA_VISIBLE_DEVICES=[nvidia.com/gpu=1]" },
		{ "a swarm's resource of nothing, alone", { "SWARM=", "NVBIND_GPU=all" },
			.swarm = { "SWARM" }, .want = "nvbind: all within SWARM=[]" },
		{ "NVBIND_GPU of nothing is not there", { "NVBIND_GPU=" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=all" },
			.want = "annotations: nvidia.com/gpu=all" },
		{ "of AMD", { "AMD_VISIBLE_DEVICES=0-1", "NVBIND_GPU=all" },
			.want = "nvbind: all within "
				"AMD_VISIBLE_DEVICES=[amd.com/gpu=0,amd.com/gpu=1]" },
		{ "of AMD, void", { "AMD_VISIBLE_DEVICES=void", "NVBIND_GPU=all" },
			.want = "nvbind: all within AMD_VISIBLE_DEVICES=[]" },
		{ "of AMD, none", { "AMD_VISIBLE_DEVICES=none", "NVBIND_GPU=all" },
			.want = "nvbind: all within AMD_VISIBLE_DEVICES=[]" },
		{ "a swarm's resource",
			{ "NVIDIA_VISIBLE_DEVICES=all", "SWARM=GPU-1a2b3", "NVBIND_GPU=all" },
			.swarm = { "SWARM" },
			.want = "nvbind: all within SWARM=[nvidia.com/gpu=GPU-1a2b3]" },
		{ "a legacy image says nothing", { "CUDA_VERSION=11.0", "NVBIND_GPU=0" },
			.want = "nvbind: 0 caps=all require=[cuda>=11.0]" },
		{ "a bound that cannot be read", { "NVIDIA_VISIBLE_DEVICES=?", "NVBIND_GPU=0" },
			.want = "!usage" },
		{ "whom the policy does not hear, bounds all the same", { "NVBIND_GPU=1" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=all" }, .policy = true,
			.env_trust = POLICY_NEVER, .annotation_trust = POLICY_ALWAYS,
			.want = "annotations: nvidia.com/gpu=all within NVBIND_GPU=[1]" },
		{ "an image's variable does not bound what a device plugin annotates",
			{ "NVIDIA_VISIBLE_DEVICES=0" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=1" },
			.want = "annotations: nvidia.com/gpu=1" },
		{ "under Podman, annotations may be an image's",
			{ "NVIDIA_VISIBLE_DEVICES=1", "AMD_VISIBLE_DEVICES=void", "NVBIND_GPU=all" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=all" }, .podman = true,
			.want = "annotations: nvidia.com/gpu=all within NVBIND_GPU=[all] "
				"within NVIDIA_VISIBLE_DEVICES=[nvidia.com/gpu=1] "
				"within AMD_VISIBLE_DEVICES=[]" },
		{ "under Podman, void", { "NVIDIA_VISIBLE_DEVICES=void" },
			.annotations = { "cdi.k8s.io/a: nvidia.com/gpu=all" }, .podman = true,
			.want = "annotations: nvidia.com/gpu=all "
				"within NVIDIA_VISIBLE_DEVICES=[]" },
		{ "under Podman, lists bound no mounts and not each other",
			{ "NVIDIA_VISIBLE_DEVICES=0", "AMD_VISIBLE_DEVICES=0" }, .podman = true,
			.want = "vendors: nvidia.com/gpu=0,amd.com/gpu=0" },
		{ "the vendors' variables bound nothing of each other",
			{ "NVIDIA_VISIBLE_DEVICES=0", "AMD_VISIBLE_DEVICES=0" },
			.want = "vendors: nvidia.com/gpu=0,amd.com/gpu=0" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* A specification may mount anything of the machine. */
static void test_kinds(void **state)
{
	static const struct container_case cases[] = {
		{ "of others", { "NVBIND_GPU=acme.com/host=root" }, .want = "!permission" },
		{ "beside a GPU", { "NVBIND_GPU=0,acme.com/host=root" }, .want = "!permission" },
		{ "by the other variables", { "NVIDIA_VISIBLE_DEVICES=acme.com/host=root" },
			.want = "!permission" },
		{ "by AMD's", { "AMD_VISIBLE_DEVICES=acme.com/host=root" }, .want = "!permission" },
		{ "of vendors", { "NVBIND_GPU=nvidia.com/gds=all,amd.com/x=1,intel.com/y=2" },
			.want = "nvbind: nvidia.com/gds=all,amd.com/x=1,intel.com/y=2" },
		{ "that look like a vendor's", { "NVBIND_GPU=x.nvidia.com/gpu=0" },
			.want = "!permission" },
		{ "that begin like a vendor's", { "NVBIND_GPU=nvidia.com.evil/gpu=0" },
			.want = "!permission" },
		{ "of the policy", { "NVBIND_GPU=acme.com/gpu=0" }, .kinds = { "acme.com/gpu" },
			.want = "nvbind: acme.com/gpu=0" },
		{ "of another class", { "NVBIND_GPU=acme.com/gpus=0" }, .kinds = { "acme.com/gpu" },
			.want = "!permission" },
		{ "privileged", { "NVBIND_GPU=acme.com/host=root" }, .privileged = true,
			.want = "nvbind: acme.com/host=root" },
		{ "by an annotation", .annotations = { "cdi.k8s.io/a: acme.com/host=root" },
			.want = "annotations: acme.com/host=root" },
		{ "by a mount", .mounts = { ROOT "/acme.com/host=root" }, TAKE_MOUNTS,
			.want = "mounts: acme.com/host=root" },
	};

	(void)state;
	CASES_CHECK(cases);
	case_check_error(&cases[0],
		"read 'NVBIND_GPU': select 'acme.com/host=root': a container without privileges "
		"may "
		"not take devices of the kind 'acme.com/host' by its environment",
		"add \"acme.com/host\" to environment_kinds of the runtime's policy");
}

/* Nothing of a request that is refused or absent may be left over. */
static void test_nothing_is_left(void **state)
{
	static const struct container_case cases[] = {
		{ "", { "NVBIND_GPU=none", "NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_GDS=enabled",
			      "NVIDIA_REQUIRE_CUDA=x", "NVIDIA_MIG_CONFIG_DEVICES=all",
			      "NVIDIA_IMEX_CHANNELS=0", "NVBIND_PROFILE=x",
			      "NVIDIA_DRIVER_CAPABILITIES=x" } },
		{ "", { "PATH=/bin" } },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		const struct container_request empty = { 0 };
		struct container_request request;

		memset(&request, 0xa5, sizeof(request));
		assert_int_equal(case_make(&cases[i], a, &request, NULL), 0);
		assert_memory_equal(&request, &empty, sizeof(empty));
	}
}

static char *repeat(struct arena *a, const char *prefix, const char *text, size_t n)
{
	size_t start = strlen(prefix), length = strlen(text);
	char *out = arena_alloc(a, start + n * length + 1);

	assert_non_null(out);
	memcpy(out, prefix, start);
	for (size_t i = 0; i < n; i++)
		memcpy(out + start + i * length, text, length);
	return out;
}

static void test_limits(void **state)
{
	static const struct {
		const char *prefix, *text;
		size_t n;
		const char *want;
	} cases[] = {
		{ "NVIDIA_VISIBLE_DEVICES=", "0,", 4096, "vendors: nvidia.com/gpu=0" },
		{ "NVIDIA_VISIBLE_DEVICES=", "0,", 4097, "!limit" },
		{ "NVIDIA_VISIBLE_DEVICES=", "0", 1 << 20, "!limit" },
		{ "NVIDIA_VISIBLE_DEVICES=0", ",", 131000, "vendors: nvidia.com/gpu=0" },
		{ "NVIDIA_VISIBLE_DEVICES=0", ",", 131072, "!limit" },
		{ "NVIDIA_VISIBLE_DEVICES=", "a", 5000, "!usage" },
		{ "NVBIND_GPU=", "1,", 5000, "!limit" },
		{ "NVBIND_GPU=", "all,", 1 << 18, "!limit" },
		{ "AMD_VISIBLE_DEVICES=", "0,", 5000, "!limit" },
		{ "AMD_VISIBLE_DEVICES=0-65535", ",0", 1, "!limit" },
		{ "NVIDIA_VISIBLE_DEVICES=void", ",x", 1000, "-" },
		{ "OTHER=", "x", 1 << 20, "-" },
		{ "", "x", 1 << 20, "-" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct container_case c = { cases[i].prefix, .want = cases[i].want };

		c.env[0] = repeat(a, cases[i].prefix, cases[i].text, cases[i].n);
		case_check(&c);
	}
}

static void test_many_entries(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct container_pair_list annotations = { 0 }, mounts = { 0 };
	struct container_request request = { 0 };
	struct string_list env = { 0 };
	const struct container_facts facts = { &env, &annotations, &mounts, false, false };
	struct container_policy policy = container_policy_default;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct container_pair *mount = vec_push(a, &mounts);

		*mount = (struct container_pair){ ROOT "/1", "/dev/null" };
		assert_int_equal(string_list_printf(a, &env, "A%d=\n", i), 0);
		assert_int_equal(string_list_printf(a, &env, "NVIDIA_VISIBLE_DEVICES=%d", i), 0);
	}
	policy.accept_volume_mounts = POLICY_ALWAYS;
	assert_int_equal(container_request_make(&facts, &policy, a, &request, NULL), NVB_ERR_LIMIT);
	mounts.n = 0;
	assert_int_equal(container_request_make(&facts, &policy, a, &request, NULL), 0);
	assert_int_equal(request.selectors.n, 1);
	assert_string_equal(request.selectors.items[0], "nvidia.com/gpu=19999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_nvbind),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
