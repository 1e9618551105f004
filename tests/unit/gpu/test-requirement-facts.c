/* SPDX-License-Identifier: Apache-2.0 */
/* What images require of a driver and its GPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/nvidia/requirement_facts.h"

static void assert_text(const char *text, const char *expected)
{
	if (!expected)
		assert_null(text);
	else
		assert_string_equal(text ? text : "(null)", expected);
}

static void test_cuda_version(void **state)
{
	static const struct {
		const char *driver, *cuda, *at_least;
	} cases[] = {
		{ "346.46", "7.0" },
		{ "384.81", "9.0" },
		{ "390.157", "9.1" },
		{ "396.26", "9.2" },
		{ "418.226.00", "10.1" },
		{ "440.33.01", "10.2" },
		{ "450.248.02", "11.0" },
		{ "470.256.02", "11.4" },
		{ "525.60.13", "12.0" },
		{ "535.183.01", "12.2" },
		{ "550.163.01", "12.4" },
		{ "565.57.01", "12.7" },
		{ "580.95.05", "13.0" },
		{ "610.57.04", "13.3" },
		/* Branches that are not known, between, before and after. */
		{ "430.26", NULL, "10.1" },
		{ "549.01", NULL, "12.3" },
		{ "340.108", NULL },
		{ "999.88.77", NULL, "13.3" },
		/* No versions. */
		{ "550", NULL },
		{ "550.", NULL },
		{ "550.x", NULL },
		{ "5500.1", NULL },
		{ " 550.163.01", NULL },
		{ "550.163.01\n", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at_least = cases[i].cuda ? cases[i].cuda : cases[i].at_least;

		assert_text(cuda_version_of_driver(cases[i].driver), cases[i].cuda);
		assert_text(cuda_version_at_least(cases[i].driver), at_least);
	}
}

static void test_brand(void **state)
{
	static const struct {
		const char *name, *brand;
	} cases[] = {
		{ "NVIDIA GeForce RTX 4090", "geforce" },
		{ "GeForce GTX 1080 Ti", "geforce" },
		{ "NVIDIA RTX A6000", "nvidiartx" },
		{ "NVIDIA RTX 4000 Ada Generation", "nvidiartx" },
		{ "Quadro RTX 6000", "quadrortx" },
		{ "Quadro P2000", "quadro" },
		{ "NVIDIA TITAN V", "titan" },
		{ "TITAN Xp", "titan" },
		{ "NVS 510", "nvs" },
		{ "Tesla V100-SXM2-16GB", "tesla" },
		{ "Tesla P40", "tesla" },
		{ "NVIDIA A100-SXM4-80GB", "nvidia" },
		{ "NVIDIA H100 80GB HBM3", "nvidia" },
		{ "NVIDIA L40S", "nvidia" },
		{ "NVIDIA GH200 480GB", "nvidia" },
		{ "NVIDIA B200", "nvidia" },
		/* One name, two brands. */
		{ "Tesla T4", NULL },
		/* Virtual GPUs: the brand is the licence. */
		{ "NVIDIA A10-12Q", NULL },
		{ "NVIDIA RTXA6000-24Q", NULL },
		{ "GRID V100DX-16Q", NULL },
		{ "GRID A100-4C", NULL },
		{ "NVIDIA Graphics Device", NULL },
		{ "NVIDIA T1000", NULL },
		{ "A100", NULL },
		{ "NVIDIA ", NULL },
		{ "GeForce", NULL },
		{ "Radeon RX 7900 XTX", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_text(nvidia_brand_of(cases[i].name), cases[i].brand);
}

static void test_compute_capability(void **state)
{
	static const struct {
		uint32_t device;
		const char *capability;
	} cases[] = {
		{ 0x13c2, "5.2" },  /* GTX 970 */
		{ 0x15f8, "6.0" },  /* P100 */
		{ 0x1b80, "6.1" },  /* GTX 1080 */
		{ 0x1db6, "7.0" },  /* V100 */
		{ 0x1eb8, "7.5" },  /* T4 */
		{ 0x1f99, "7.5" },  /* GTX 1650 */
		{ 0x20b5, "8.0" },  /* A100 */
		{ 0x2184, "7.5" },  /* GTX 1660 */
		{ 0x2204, "8.6" },  /* RTX 3090 */
		{ 0x2330, "9.0" },  /* H100 */
		{ 0x2342, "9.0" },  /* GH200 */
		{ 0x25b6, "8.6" },  /* A16 */
		{ 0x2684, "8.9" },  /* RTX 4090 */
		{ 0x27b8, "8.9" },  /* L4 */
		{ 0x2901, "10.0" }, /* B200 */
		{ 0x2b85, "12.0" }, /* RTX 5090 */
		{ 0x2f04, "12.0" }, /* RTX 5070 */
		/* Sound, a switch, an integrated GPU, nothing, and what may come. */
		{ 0x22ba, NULL },
		{ 0x22a3, NULL },
		{ 0x2b00, NULL },
		{ 0, NULL },
		{ 0xffff, NULL },
		{ 0x4000, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_text(nvidia_compute_capability_of(cases[i].device), cases[i].capability);
}

struct machine {
	struct inventory inv;
	struct gpu_driver drivers[2];
	struct gpu gpus[4];
};

/* NVIDIA's driver with three GPUs, and one of AMD's. */
static void make_machine(struct machine *m)
{
	static const char *const names[] = { "NVIDIA A100 80GB PCIe", "NVIDIA H100 PCIe",
		"NVIDIA GeForce RTX 5090" };
	static const char *const capabilities[] = { "8.0", "9.0", "12.0" };

	*m = (struct machine){ 0 };
	m->drivers[0] = (struct gpu_driver){ .vendor = GPU_VENDOR_NVIDIA,
		.name = "nvidia",
		.version = "550.163.01",
		.brings_user_space = true };
	m->drivers[1] = (struct gpu_driver){ .vendor = GPU_VENDOR_AMD, .name = "amdgpu" };
	for (size_t i = 0; i < 3; i++)
		m->gpus[i] = (struct gpu){ .vendor = GPU_VENDOR_NVIDIA,
			.driver = "nvidia",
			.name = names[i],
			.compute_capability = capabilities[i] };
	m->gpus[3] = (struct gpu){
		.vendor = GPU_VENDOR_AMD, .driver = "amdgpu", .compute_capability = "gfx942"
	};
	m->inv.drivers.items = m->drivers;
	m->inv.drivers.n = 2;
	m->inv.gpus.items = m->gpus;
	m->inv.gpus.n = 4;
}

static struct gpu_requirement_facts facts_of(
	const struct machine *m, const char *indices, int expected)
{
	struct gpu_requirement_facts facts = { .brand = "unset" };
	const struct gpu *gpus[4];
	size_t n = 0;

	for (; indices[n]; n++)
		gpus[n] = &m->gpus[indices[n] - '0'];
	assert_int_equal(gpu_requirement_facts(&m->inv, gpus, n, &facts), expected);
	return facts;
}

static void test_facts(void **state)
{
	struct gpu_requirement_facts facts;
	struct machine m;

	(void)state;
	make_machine(&m);
	facts = facts_of(&m, "1", 1);
	assert_text(facts.driver_version, "550.163.01");
	assert_text(facts.cuda_version, "12.4");
	assert_text(facts.compute_capability, "9.0");
	assert_text(facts.brand, "nvidia");
	/* The lowest, by number and not by text; what not all share is not known. */
	facts = facts_of(&m, "210", 1);
	assert_text(facts.compute_capability, "8.0");
	assert_text(facts.brand, NULL);
	assert_text(facts_of(&m, "21", 1).compute_capability, "9.0");
	assert_text(facts_of(&m, "01", 1).brand, "nvidia");
	m.gpus[1].compute_capability = NULL;
	assert_text(facts_of(&m, "10", 1).compute_capability, NULL);
	assert_text(facts_of(&m, "01", 1).compute_capability, NULL);
	/* What the library did not tell, the chip does. */
	m.gpus[1].pci_device = 0x2331;
	assert_text(facts_of(&m, "1", 1).compute_capability, "9.0");
	assert_text(facts_of(&m, "12", 1).compute_capability, "9.0");
	m.gpus[1].compute_capability = "9.9";
	assert_text(facts_of(&m, "1", 1).compute_capability, "9.9");
}

static void test_facts_of_others(void **state)
{
	struct gpu_requirement_facts facts;
	struct machine m;

	(void)state;
	make_machine(&m);
	/* Another vendor's GPU does not count. */
	facts = facts_of(&m, "31", 1);
	assert_text(facts.compute_capability, "9.0");
	assert_text(facts.brand, "nvidia");
	facts = facts_of(&m, "3", 0);
	assert_text(facts.driver_version, NULL);
	assert_text(facts.brand, NULL);
	/* The driver without a GPU. */
	facts = facts_of(&m, "", 1);
	assert_text(facts.cuda_version, "12.4");
	assert_text(facts.compute_capability, NULL);
	assert_text(facts.brand, NULL);
	/* The files tell the version where the module does not. */
	m.drivers[0].version = NULL;
	assert_text(facts_of(&m, "", 1).cuda_version, NULL);
	m.drivers[0].files_version = "580.95.05";
	assert_text(facts_of(&m, "", 1).cuda_version, "13.0");
	assert_text(facts_of(&m, "", 1).cuda_at_least, NULL);
	/* A driver that is newer than we are. */
	m.drivers[0].files_version = "999.88.77";
	assert_text(facts_of(&m, "", 1).cuda_version, NULL);
	assert_text(facts_of(&m, "", 1).cuda_at_least, "13.3");
	/* A GPU on nouveau has nothing that is required. */
	m.drivers[0].name = "nouveau";
	m.drivers[0].brings_user_space = false;
	(void)facts_of(&m, "", 0);
	(void)facts_of(&m, "0", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuda_version),
		cmocka_unit_test(test_brand),
		cmocka_unit_test(test_compute_capability),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_facts_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
