/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices NVIDIA's variables ask for. The rows cover what the NVIDIA Container Toolkit 1.20
 * promises. Where nvbind differs, it does so on purpose:
 *
 *	value			the toolkit			nvbind
 *	0,0			an empty device, read as	device 0
 *				"none" by its CDI modes
 *	ALL, None, VOID		devices of that name		the words, in any case
 *	a word that is no	passed on; the start fails	an error that names the grammar
 *	device, "GPU0-MIG0/0/1"	later				(a name that CDI allows may be one
 *of a specification: it is looked up)
 *	0 with AMD's GPUs	the first of NVIDIA's		the same: all are bound to the kind
 *	runtime.nvidia.com/gpu=0 only in its mode, joined	nvidia.com/gpu=0
 *				with no other kind
 *	more than 4096 items,	taken				an error
 *	128 KiB and more
 */
#include "container-case.h"

#define ALL "nvidia.com/gpu=all"

static void test_visible_devices(void **state)
{
	static const struct container_case cases[] = {
		{ "empty environment", .want = "-" },
		{ "empty environment, privileged", .privileged = true, .want = "-" },
		{ "set to nothing", { "NVIDIA_VISIBLE_DEVICES=" }, .want = "-" },
		{ "spaces and commas", { "NVIDIA_VISIBLE_DEVICES= , ,\t" }, .want = "-" },
		{ "void", { "NVIDIA_VISIBLE_DEVICES=void" }, .want = "-" },
		{ "void behind a device", { "NVIDIA_VISIBLE_DEVICES=0,void" }, .want = "-" },
		{ "void before all", { "NVIDIA_VISIBLE_DEVICES=void,all" }, .want = "-" },
		{ "void behind none", { "NVIDIA_VISIBLE_DEVICES=none,void" }, .want = "-" },
		{ "VOID", { "NVIDIA_VISIBLE_DEVICES=VOID" }, .want = "-" },
		{ "none", { "NVIDIA_VISIBLE_DEVICES=none" }, .want = "vendors: driver" },
		{ "none first", { "NVIDIA_VISIBLE_DEVICES=0,none,all" },
			.want = "vendors: driver" },
		{ "all", { "NVIDIA_VISIBLE_DEVICES=all" }, .want = "vendors: " ALL },
		{ "all first", { "NVIDIA_VISIBLE_DEVICES=0,all,none" }, .want = "vendors: " ALL },
		{ "ALL", { "NVIDIA_VISIBLE_DEVICES=ALL" }, .want = "vendors: " ALL },
		{ "with a newline behind it", { "NVIDIA_VISIBLE_DEVICES=all\n" },
			.want = "vendors: " ALL },
		{ "an index", { "NVIDIA_VISIBLE_DEVICES=0" }, .want = "vendors: nvidia.com/gpu=0" },
		{ "indexes", { "NVIDIA_VISIBLE_DEVICES=2, 0 ,,1," },
			.want = "vendors: nvidia.com/gpu=2,nvidia.com/gpu=0,nvidia.com/gpu=1" },
		{ "an index twice", { "NVIDIA_VISIBLE_DEVICES=0,0" },
			.want = "vendors: nvidia.com/gpu=0" },
		{ "the toolkit's words", { "NVIDIA_VISIBLE_DEVICES=gpu0,GPU1" },
			.want = "vendors: nvidia.com/gpu=gpu0,nvidia.com/gpu=GPU1" },
		{ "a UUID", { "NVIDIA_VISIBLE_DEVICES=GPU-00000000-1111-2222-3333-444444444444" },
			.want = "vendors: "
				"nvidia.com/gpu=GPU-00000000-1111-2222-3333-444444444444" },
		{ "the beginnings of UUIDs", { "NVIDIA_VISIBLE_DEVICES=GPU-1a2b3,MIG-4c5d6" },
			.want = "vendors: nvidia.com/gpu=GPU-1a2b3,nvidia.com/gpu=MIG-4c5d6" },
		{ "a MIG instance by number", { "NVIDIA_VISIBLE_DEVICES=1:0" },
			.want = "vendors: nvidia.com/gpu=1:0" },
		{ "a PCI address", { "NVIDIA_VISIBLE_DEVICES=0000:3b:00.0" },
			.want = "vendors: nvidia.com/gpu=0000:3b:00.0" },
		{ "a CDI name", { "NVIDIA_VISIBLE_DEVICES=example.com/dpu=left" },
			.kinds = { "example.com/dpu" }, .want = "vendors: example.com/dpu=left" },
		{ "CDI names and an index", { "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=1,0" },
			.want = "vendors: nvidia.com/gpu=1,nvidia.com/gpu=0" },
		{ "a CDI name and its index", { "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=1,1" },
			.want = "vendors: nvidia.com/gpu=1" },
		{ "another vendor's CDI name", { "NVIDIA_VISIBLE_DEVICES=amd.com/gpu=0" },
			.want = "vendors: amd.com/gpu=0" },
		{ "the toolkit's own kind", { "NVIDIA_VISIBLE_DEVICES=runtime.nvidia.com/gpu=all" },
			.want = "vendors: " ALL },
		{ "none as a CDI name", { "NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=none" },
			.want = "vendors: driver" },
		{ "a device that only a specification knows", { "NVIDIA_VISIBLE_DEVICES=mig1:0" },
			.want = "vendors: nvidia.com/gpu=mig1:0" },
		{ "the last of a name counts",
			{ "NVIDIA_VISIBLE_DEVICES=all", "A=b", "NVIDIA_VISIBLE_DEVICES=void" },
			.want = "-" },
		{ "no name like it",
			{ "NVIDIA_VISIBLE_DEVICES", "XNVIDIA_VISIBLE_DEVICES=all",
				"NVIDIA_VISIBLE_DEVICES_=all" },
			.want = "-" },
		{ "not a device", { "NVIDIA_VISIBLE_DEVICES=0;1" }, .want = "!usage" },
		{ "a path", { "NVIDIA_VISIBLE_DEVICES=/dev/nvidia0" }, .want = "!usage" },
		{ "half a CDI name", { "NVIDIA_VISIBLE_DEVICES=example.com=0" }, .want = "!usage" },
		{ "a newline in the middle", { "NVIDIA_VISIBLE_DEVICES=0\n1" }, .want = "!usage" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* CUDA_VERSION without NVIDIA_REQUIRE_CUDA: an image from before the other variables. */
static void test_legacy(void **state)
{
	static const struct container_case cases[] = {
		{ "nothing else", { "CUDA_VERSION=9.0" },
			.want = "vendors: " ALL " caps=all require=[cuda>=9.0]" },
		{ "and all", { "CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=all" },
			.want = "vendors: " ALL " caps=all require=[cuda>=9.0]" },
		{ "and nothing", { "CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=" }, .want = "-" },
		{ "and void", { "CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=void" }, .want = "-" },
		{ "and none", { "CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=none" },
			.want = "vendors: driver caps=all require=[cuda>=9.0]" },
		{ "and devices", { "CUDA_VERSION=9.0", "NVIDIA_VISIBLE_DEVICES=1" },
			.want = "vendors: nvidia.com/gpu=1 caps=all require=[cuda>=9.0]" },
		{ "and capabilities", { "CUDA_VERSION=9.0", "NVIDIA_DRIVER_CAPABILITIES=video" },
			.want = "vendors: " ALL " caps=video require=[cuda>=9.0]" },
		{ "and empty capabilities", { "CUDA_VERSION=9.0", "NVIDIA_DRIVER_CAPABILITIES=" },
			.want = "vendors: " ALL " require=[cuda>=9.0]" },
		{ "and all capabilities", { "CUDA_VERSION=9.0", "NVIDIA_DRIVER_CAPABILITIES=all" },
			.want = "vendors: " ALL " caps=all require=[cuda>=9.0]" },
		{ "and other requirements", { "CUDA_VERSION=9.0", "NVIDIA_REQUIRE_A=brand=tesla" },
			.want = "vendors: " ALL " caps=all require=[brand=tesla] [cuda>=9.0]" },
		{ "and no check",
			{ "CUDA_VERSION=9.0", "NVIDIA_REQUIRE_A=brand=tesla",
				"NVIDIA_DISABLE_REQUIRE=true" },
			.want = "vendors: " ALL " caps=all" },
		{ "an empty requirement is none", { "CUDA_VERSION=9.0", "NVIDIA_REQUIRE_CUDA=" },
			.want = "vendors: " ALL " caps=all require=[cuda>=9.0]" },
		{ "a modern image", { "CUDA_VERSION=9.0", "NVIDIA_REQUIRE_CUDA=cuda>=9.0" },
			.want = "-" },
		{ "a modern image without its version", { "NVIDIA_REQUIRE_CUDA=cuda>=9.0" },
			.want = "-" },
		{ "an empty version", { "CUDA_VERSION=" }, .want = "-" },
		{ "a resource of Swarm that nobody asked about",
			{ "CUDA_VERSION=9.0", "DOCKER_RESOURCE_GPU=GPU-1a2b3" },
			.want = "vendors: " ALL " caps=all require=[cuda>=9.0]" },
		{ "a resource of Swarm", { "CUDA_VERSION=9.0", "DOCKER_RESOURCE_GPU=GPU-1a2b3" },
			.swarm = { "DOCKER_RESOURCE_GPU" },
			.want = "vendors: nvidia.com/gpu=GPU-1a2b3 caps=all require=[cuda>=9.0]" },
		{ "the policy limits the capabilities", { "CUDA_VERSION=9.0" },
			.capabilities = CAPABILITY_COMPUTE | CAPABILITY_VIDEO,
			.want = "vendors: " ALL " caps=compute,video require=[cuda>=9.0]" },
		{ "a profile goes before the guess", { "CUDA_VERSION=9.0", "NVBIND_PROFILE=ai-ml" },
			.want = "vendors: " ALL
				" caps=compute,utility,video profile=ai-ml require=[cuda>=9.0]" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* The toolkit fails where the version is none; nvbind warns and does not check. */
static void test_legacy_version(void **state)
{
	static const struct {
		const char *version, *requirement; /* NULL: a warning */
	} cases[] = {
		{ "0", "cuda>=0.0" },
		{ "8", "cuda>=8.0" },
		{ "7.5", "cuda>=7.5" },
		{ "12.4.1", "cuda>=12.4" },
		{ "v11.6", "cuda>=11.6" },
		{ "4294967295.4294967295.4294967295", "cuda>=4294967295.4294967295" },
		{ "twelve", NULL },
		{ "twelve.5.10", NULL },
		{ "12.4.1.9", NULL },
		{ "12.4.1rc", NULL },
		{ "12.x", NULL },
		{ "12.4.x", NULL },
		{ "12.4294967296", NULL },
		{ "12.4.1.", NULL },
		{ "12..4", NULL },
		{ "12.", NULL },
		{ ".5.10", NULL },
		{ "-9", NULL },
		{ "+9", NULL },
		{ "-9.1.2", NULL },
		{ "9.-1", NULL },
		{ "v", NULL },
		{ "12.4\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct container_case c = { "", { NULL } };
		struct container_request request = { 0 };

		c.env[0] = arena_printf(a, "CUDA_VERSION=%s", cases[i].version);
		assert_int_equal(case_make(&c, a, &request, NULL), 0);
		assert_string_equal(request.selectors.items[0], ALL);
		assert_int_equal(request.requirements.n, cases[i].requirement != NULL);
		assert_int_equal(request.warnings.n, cases[i].requirement == NULL);
		if (cases[i].requirement)
			assert_string_equal(request.requirements.items[0], cases[i].requirement);
	}
}

/* Swarm gives a container its devices in variables that the administrator names. */
static void test_swarm(void **state)
{
#define ONE "DOCKER_RESOURCE_GPU"
#define TWO "DOCKER_RESOURCE_MORE"
	static const struct container_case cases[] = {
		{ "not asked about, nothing else", { ONE "=GPU-1a2b3" }, .want = "-" },
		{ "not asked about, nothing", { ONE "=GPU-1a2b3", "NVIDIA_VISIBLE_DEVICES=" },
			.want = "-" },
		{ "not asked about, void", { ONE "=GPU-1a2b3", "NVIDIA_VISIBLE_DEVICES=void" },
			.want = "-" },
		{ "not asked about, none", { ONE "=GPU-1a2b3", "NVIDIA_VISIBLE_DEVICES=none" },
			.want = "vendors: driver" },
		{ "not asked about, a device", { ONE "=GPU-1a2b3", "NVIDIA_VISIBLE_DEVICES=3" },
			.want = "vendors: nvidia.com/gpu=3" },
		{ "not set", { NULL }, .swarm = { ONE }, .want = "-" },
		{ "set to nothing", { ONE "=" }, .swarm = { ONE }, .want = "-" },
		{ "set to nothing, over a list", { ONE "=", "NVIDIA_VISIBLE_DEVICES=all" },
			.swarm = { ONE }, .want = "-" },
		{ "void", { ONE "=void" }, .swarm = { ONE }, .want = "-" },
		{ "none", { ONE "=none" }, .swarm = { ONE }, .want = "vendors: driver" },
		{ "a device", { ONE "=GPU-1a2b3" }, .swarm = { ONE },
			.want = "vendors: nvidia.com/gpu=GPU-1a2b3" },
		{ "over a list", { ONE "=GPU-1a2b3", "NVIDIA_VISIBLE_DEVICES=all" },
			.swarm = { ONE }, .want = "vendors: nvidia.com/gpu=GPU-1a2b3" },
		{ "two, over a list",
			{ "NVIDIA_VISIBLE_DEVICES=GPU-77777", ONE "=MIG-1a2b3", TWO "=GPU-4c5d6" },
			.swarm = { ONE, TWO },
			.want = "vendors: nvidia.com/gpu=MIG-1a2b3,nvidia.com/gpu=GPU-4c5d6" },
		{ "the order of the policy counts", { TWO "=1", ONE "=0" }, .swarm = { ONE, TWO },
			.want = "vendors: nvidia.com/gpu=0,nvidia.com/gpu=1" },
		{ "two, one of them set", { "NVIDIA_VISIBLE_DEVICES=0", TWO "=GPU-4c5d6,2" },
			.swarm = { ONE, TWO },
			.want = "vendors: nvidia.com/gpu=GPU-4c5d6,nvidia.com/gpu=2" },
		{ "two, none of them set", { "NVIDIA_VISIBLE_DEVICES=0" }, .swarm = { ONE, TWO },
			.want = "vendors: nvidia.com/gpu=0" },
		{ "void in one of two", { ONE "=void", TWO "=1" }, .swarm = { ONE, TWO },
			.want = "-" },
		{ "limits of the capabilities", { ONE "=GPU1,GPU2", "NVIDIA_VISIBLE_DEVICES=all" },
			.swarm = { TWO, ONE },
			.capabilities = CAPABILITY_DEFAULT | CAPABILITY_VIDEO,
			.want = "vendors: nvidia.com/gpu=GPU1,nvidia.com/gpu=GPU2" },
	};

	(void)state;
	CASES_CHECK(cases);
}

/* Who may ask by the environment. */
static void test_privileged(void **state)
{
	static const struct container_case cases[] = {
		{ "always, unprivileged", { "NVIDIA_VISIBLE_DEVICES=0" }, .policy = true,
			.env_trust = POLICY_ALWAYS, .want = "vendors: nvidia.com/gpu=0" },
		{ "privileged alone, privileged", { "NVIDIA_VISIBLE_DEVICES=0" },
			.privileged = true, .policy = true, .env_trust = POLICY_PRIVILEGED,
			.want = "vendors: nvidia.com/gpu=0" },
		{ "privileged alone, unprivileged", { "NVIDIA_VISIBLE_DEVICES=0" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .want = "- refused warned=1" },
		{ "never, privileged", { "NVIDIA_VISIBLE_DEVICES=0" }, .privileged = true,
			.policy = true, .env_trust = POLICY_NEVER, .want = "- refused warned=1" },
		{ "void needs no warning", { "NVIDIA_VISIBLE_DEVICES=void" }, .policy = true,
			.env_trust = POLICY_NEVER, .want = "-" },
		{ "a mistake is no error there", { "NVIDIA_VISIBLE_DEVICES=/" }, .policy = true,
			.env_trust = POLICY_NEVER, .want = "- refused warned=1" },
		{ "NVBIND_GPU and another", { "NVIDIA_VISIBLE_DEVICES=0", "NVBIND_GPU=all" },
			.policy = true, .env_trust = POLICY_PRIVILEGED,
			.want = "- refused warned=2" },
		{ "Swarm, privileged", { "S=GPU-1a2b3" }, .swarm = { "S" }, .privileged = true,
			.policy = true, .env_trust = POLICY_PRIVILEGED,
			.want = "vendors: nvidia.com/gpu=GPU-1a2b3" },
		{ "Swarm, unprivileged", { "S=GPU-1a2b3" }, .swarm = { "S" }, .policy = true,
			.env_trust = POLICY_PRIVILEGED, .want = "- refused warned=1" },
		{ "Swarm, unprivileged but always", { "S=GPU-1a2b3" }, .swarm = { "S" },
			.policy = true, .env_trust = POLICY_ALWAYS,
			.want = "vendors: nvidia.com/gpu=GPU-1a2b3" },
	};

	(void)state;
	CASES_CHECK(cases);
	case_check_warning(&cases[2], "the container's request by the environment "
				      "(NVIDIA_VISIBLE_DEVICES) is ignored: the policy takes it "
				      "from privileged containers alone");
	case_check_warning(&cases[3], "the container's request by the environment "
				      "(NVIDIA_VISIBLE_DEVICES) is ignored: the policy does not "
				      "take it");
}

static void test_messages(void **state)
{
	static const struct container_case bad = { "",
		{ "NVIDIA_VISIBLE_DEVICES=0,/dev/\x1b[1m" } };
	static const struct container_case by_mounts = { "",
		{ "NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices" },
		{ "/var/run/nvidia-container-devices/0" } };

	static const struct container_case negative = { "", { "NVIDIA_VISIBLE_DEVICES=-1" } };

	(void)state;
	case_check_error(&negative,
		"read 'NVIDIA_VISIBLE_DEVICES': select GPU '-1': not a GPU selector",
		"use all, none, N, gpuN, N:M, GPU-UUID, MIG-UUID, a PCI address or a comma list of "
		"these; 'nvbind info' shows what exists");
	case_check_error(&bad,
		"read 'NVIDIA_VISIBLE_DEVICES': select GPU '/dev/\\x1b[1m': not a GPU selector",
		"use all, none, N, gpuN, N:M, GPU-UUID, MIG-UUID, a PCI address or a comma list of "
		"these; 'nvbind info' shows what exists");
	case_check_error(&by_mounts,
		"read 'NVIDIA_VISIBLE_DEVICES': the devices are mounts below "
		"'/var/run/nvidia-container-devices', and the policy takes none",
		"set accept_volume_mounts in the runtime's policy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_visible_devices),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_legacy_version),
		cmocka_unit_test(test_swarm),
		cmocka_unit_test(test_privileged),
		cmocka_unit_test(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
