/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/requirement_facts.h"

#include <string.h>

#include "base/number.h"
#include "gpu/nvidia/driver_groups.h"

/*
 * A branch serves one CUDA version from its first driver to its last; libcuda's own statement is
 * in its code alone (550.163.01: no note, no symbol version, no text says it), so it is a table.
 *
 * Source: CUDA Toolkit 13.2 Update 2 and 13.3 Release Notes, "CUDA Toolkit and Corresponding
 * Driver Versions". 435 and 565 came with no toolkit: nvidia-smi of 435.21 and 565.57.01. Left
 * out, because drivers of one branch differ: 430 (430.26 says 10.2, 430.64 10.1).
 */
static const struct {
	unsigned branch;
	const char *cuda;
} cuda_versions[] = {
	{ 346, "7.0" },
	{ 352, "7.5" },
	{ 367, "8.0" },
	{ 375, "8.0" },
	{ 384, "9.0" },
	{ 387, "9.1" },
	{ 390, "9.1" },
	{ 396, "9.2" },
	{ 410, "10.0" },
	{ 418, "10.1" },
	{ 435, "10.1" },
	{ 440, "10.2" },
	{ 450, "11.0" },
	{ 455, "11.1" },
	{ 460, "11.2" },
	{ 465, "11.3" },
	{ 470, "11.4" },
	{ 495, "11.5" },
	{ 510, "11.6" },
	{ 515, "11.7" },
	{ 520, "11.8" },
	{ 525, "12.0" },
	{ 530, "12.1" },
	{ 535, "12.2" },
	{ 545, "12.3" },
	{ 550, "12.4" },
	{ 555, "12.5" },
	{ 560, "12.6" },
	{ 565, "12.7" },
	{ 570, "12.8" },
	{ 575, "12.9" },
	{ 580, "13.0" },
	{ 590, "13.1" },
	{ 595, "13.2" },
	{ 610, "13.3" },
};

static bool parse_branch(const char *driver_version, uint64_t *ret)
{
	return driver_version && driver_version_is_valid(driver_version) &&
	       number_parse_n(driver_version, strcspn(driver_version, "."), UINT32_MAX, ret);
}

const char *cuda_version_of_driver(const char *driver_version)
{
	uint64_t branch;

	if (!parse_branch(driver_version, &branch))
		return NULL;
	for (size_t i = 0; i < ELEMENTS(cuda_versions); i++) {
		if (cuda_versions[i].branch == branch)
			return cuda_versions[i].cuda;
	}
	return NULL;
}

const char *cuda_version_at_least(const char *driver_version)
{
	const char *cuda = NULL;
	uint64_t branch;

	if (!parse_branch(driver_version, &branch))
		return NULL;
	for (size_t i = 0; i < ELEMENTS(cuda_versions); i++) {
		if (cuda_versions[i].branch <= branch)
			cuda = cuda_versions[i].cuda;
	}
	return cuda;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "A100-SXM4-80GB", "GH200 480GB": a data-centre GPU since Ampere. */
static bool is_data_centre(const char *name)
{
	static const char *const letters[] = { "GH", "GB", "A", "B", "H", "L" };

	for (size_t i = 0; i < ELEMENTS(letters); i++) {
		if (starts_with(name, letters[i]) && is_digit(name[strlen(letters[i])]))
			return true;
	}
	return false;
}

/* "A10-12Q", "GRID V100DX-16Q": a virtual GPU, whose brand is its licence. */
static bool is_virtual(const char *name)
{
	const char *dash = strrchr(name, '-');
	size_t digits = dash ? strspn(dash + 1, "0123456789") : 0;

	return digits && dash[digits + 1] && strchr("ABCQ", dash[digits + 1]) && !dash[digits + 2];
}

/*
 * Source: NVML API reference, nvmlBrandType_t (GeForce RTX and Titan RTX are unused there);
 * reports of nvidia-smi -q: GeForce RTX 3090, 5090 (535, 570), RTX A2000 (520, 560), A100, H100
 * (525, 545), V100, P40 (470 to 570). Tesla T4 is "Tesla" or "NVIDIA", as the driver's age has it.
 */
static const struct {
	const char *prefix, *brand;
} brands[] = {
	{ "GeForce ", "geforce" },
	{ "TITAN ", "titan" },
	{ "Quadro RTX ", "quadrortx" },
	{ "Quadro ", "quadro" },
	{ "RTX ", "nvidiartx" },
	{ "NVS ", "nvs" },
	{ "Tesla T", NULL },
	{ "Tesla ", "tesla" },
};

const char *nvidia_brand_of(const char *product_name)
{
	const char *name = product_name;

	if (!name || is_virtual(name))
		return NULL;
	if (starts_with(name, "NVIDIA "))
		name += strlen("NVIDIA ");
	for (size_t i = 0; i < ELEMENTS(brands); i++) {
		if (starts_with(name, brands[i].prefix))
			return brands[i].brand;
	}
	return name != product_name && is_data_centre(name) ? "nvidia" : NULL;
}

/*
 * A chip has a block of device numbers. Integrated GPUs, and chips before Maxwell, are left out.
 * Source: pci.ids 2023.04.10, and lspci of RTX 50 boards and B200 after it, for the chips; CUDA GPU
 * Compute Capability, developer.nvidia.com/cuda-gpus and cuda-legacy-gpus, for what they are.
 */
static const struct {
	uint32_t first, last;
	const char *compute_capability;
} chips[] = {
	{ 0x1340, 0x13bf, "5.0" },  /* GM108, GM107 */
	{ 0x13c0, 0x143f, "5.2" },  /* GM204, GM206 */
	{ 0x15f0, 0x15ff, "6.0" },  /* GP100 */
	{ 0x1600, 0x167f, "5.2" },  /* GM204 */
	{ 0x1725, 0x172f, "6.0" },  /* GP100 */
	{ 0x174d, 0x179f, "5.0" },  /* GM108, GM107 */
	{ 0x17c0, 0x17ff, "5.2" },  /* GM200 */
	{ 0x1b00, 0x1d7f, "6.1" },  /* GP102, GP104, GP106, GP107, GP108 */
	{ 0x1d80, 0x1dff, "7.0" },  /* GV100 */
	{ 0x1e00, 0x1fff, "7.5" },  /* TU102, TU104, TU106, TU117 */
	{ 0x2080, 0x20ff, "8.0" },  /* GA100 */
	{ 0x2180, 0x21ff, "7.5" },  /* TU116 */
	{ 0x2200, 0x227f, "8.6" },  /* GA102 */
	{ 0x2300, 0x237f, "9.0" },  /* GH100 */
	{ 0x2400, 0x25ff, "8.6" },  /* GA103, GA104, GA106, GA107 */
	{ 0x2680, 0x28ff, "8.9" },  /* AD102, AD103, AD104, AD106, AD107 */
	{ 0x2900, 0x297f, "10.0" }, /* GB100 */
	{ 0x2b80, 0x2c7f, "12.0" }, /* GB202, GB203 */
	{ 0x2d00, 0x2dff, "12.0" }, /* GB206, GB207 */
	{ 0x2f00, 0x2f7f, "12.0" }, /* GB205 */
};

const char *nvidia_compute_capability_of(uint32_t pci_device)
{
	for (size_t i = 0; i < ELEMENTS(chips); i++) {
		if (pci_device >= chips[i].first && pci_device <= chips[i].last)
			return chips[i].compute_capability;
	}
	return NULL;
}

static const struct gpu_driver *find_driver(const struct inventory *inv)
{
	vec_foreach (const struct gpu_driver, driver, &inv->drivers) {
		if (driver->vendor == GPU_VENDOR_NVIDIA && driver->brings_user_space)
			return driver;
	}
	return NULL;
}

static bool is_own(
	const struct inventory *inv, const struct gpu *gpu, const struct gpu_driver *driver)
{
	return gpu->vendor == GPU_VENDOR_NVIDIA && inventory_driver(inv, gpu) == driver;
}

/* One GPU's part: the lowest compute capability, and a brand that all share. */
static void add_gpu(const struct gpu *gpu, bool first, struct gpu_requirement_facts *facts)
{
	const char *brand = nvidia_brand_of(gpu->name);
	const char *capability = gpu->compute_capability
					 ? gpu->compute_capability
					 : nvidia_compute_capability_of(gpu->pci_device);

	if (first) {
		facts->compute_capability = capability;
		facts->brand = brand;
		return;
	}
	if (!capability || (facts->compute_capability && driver_version_compare(capability,
								 facts->compute_capability) < 0))
		facts->compute_capability = capability;
	if (facts->brand && (!brand || strcmp(brand, facts->brand) != 0))
		facts->brand = NULL;
}

int nvidia_requirement_facts(const struct inventory *inv, const struct gpu *const *gpus, size_t n,
	struct gpu_requirement_facts *ret)
{
	const struct gpu_driver *driver = find_driver(inv);
	struct gpu_requirement_facts facts = { 0 };
	size_t own = 0;

	if (!driver)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (is_own(inv, gpus[i], driver))
			add_gpu(gpus[i], own++ == 0, &facts);
	}
	if (n && !own)
		return 0;
	facts.driver_version = driver->version ? driver->version : driver->files_version;
	facts.cuda_version = cuda_version_of_driver(facts.driver_version);
	if (!facts.cuda_version)
		facts.cuda_at_least = cuda_version_at_least(facts.driver_version);
	*ret = facts;
	return 1;
}
