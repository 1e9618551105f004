/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA GPUs: under NVIDIA's kernel module (open or proprietary), or under nouveau, from PCI in
 * sysfs and /proc/driver/nvidia. NVML is not used.
 *
 * What a container needs of the nodes (Source: nvidia-container-toolkit, common device nodes):
 *
 *	/dev/nvidiaN, /dev/nvidiactl		everything
 *	/dev/nvidia-uvm, -uvm-tools		compute, video (its contexts are CUDA's)
 *	/dev/nvidia-modeset, /dev/dri/...	graphics, display
 *	/dev/nvidia-caps/nvidia-capN		one MIG instance
 *
 * Never given: /dev/nvidia-nvswitchctl, /dev/nvidia-nvlink and other nodes of the fabric manager;
 * they configure the machine.
 */
#include <string.h>

#include "gpu/nvidia/companions.h"
#include "gpu/nvidia/driver_files.h"
#include "gpu/nvidia/information.h"
#include "gpu/nvidia/mig.h"
#include "gpu/nvidia/nvml_enrich.h"
#include "gpu/nvidia/requirement_facts.h"
#include "gpu/nvidia/version.h"
#include "gpu/nvidia/power.h"
#include "gpu/vendor.h"

#define PROC_PATH "/proc/driver/nvidia"
#define MAX_FILE_BYTES (64 << 10)
#define MAX_PATH_BYTES 128

/* Source: kernel-open/common/inc/nv-chardev-numbers.h; nvidia-uvm/uvm_common.h. */
#define NVIDIA_MAJOR 195
#define MODESET_MINOR 254
#define CONTROL_MINOR 255
#define UVM_MINOR 0
#define UVM_TOOLS_MINOR 1

#define SCREEN (CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY)
#define UVM_USERS (CAPABILITY_COMPUTE | CAPABILITY_VIDEO)

static bool is_nvidia_module(const char *driver)
{
	return driver && strcmp(driver, "nvidia") == 0;
}

static bool is_in_tree(const char *driver)
{
	return driver && (strcmp(driver, "nouveau") == 0 || strcmp(driver, "nova") == 0);
}

/* Returns 1 if the module told about this GPU, 0 if it is lost: state and reason are set. */
static int read_information(struct gpu_discovery *d, struct gpu *gpu, struct information *ret,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	char path[MAX_PATH_BYTES];
	errint_t r;

	(void)snprintf(path, sizeof(path), PROC_PATH "/gpus/%s/information", gpu->pci_address);
	r = host_tree_read(d->tree, path, MAX_FILE_BYTES, &text);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r < 0)
		return gpu_set_state(d, gpu, GPU_LOST, err,
			"the driver does not answer for it: read '%s': %s", path, strerror(-r));
	if (information_parse(text, strlen(text), d->inv->arena, ret) < 0)
		return NVB_OOM(err);
	if (ret->missing) {
		r = gpu_set_state(d, gpu, GPU_LOST, err,
			"the driver does not answer for it: '%s' lacks %s", path, ret->missing);
		gpu->name = ret->model;
		gpu->uuid = ret->uuid;
		return r;
	}
	return 1;
}

static int add_gpu_nodes(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	struct nvb_error **err)
{
	char path[MAX_PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), "/dev/nvidia%d", gpu->minor);
	r = gpu_add_node(d, &gpu->nodes, path, CAPABILITY_ALL, false, err);
	if (r < 0)
		return r;
	gpu_number_last_node(&gpu->nodes, NVIDIA_MAJOR, (uint32_t)gpu->minor);
	return gpu_add_drm_nodes(d, gpu, drm, SCREEN, SCREEN, err);
}

/* A GPU under NVIDIA's own module. */
static int fill_served(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	struct mig_tables *tables, struct nvb_error **err)
{
	struct information info;
	int r;

	r = read_information(d, gpu, &info, err);
	if (r <= 0)
		return r;
	gpu->name = info.model;
	gpu->uuid = info.uuid;
	gpu->minor = info.minor;
	if (info.excluded)
		return gpu_set_state(d, gpu, GPU_RESERVED, err,
			"excluded from use by the driver's parameter NVreg_ExcludedGpus");
	r = add_gpu_nodes(d, gpu, drm, err);
	if (r < 0)
		return r;
	return mig_discover(d, gpu, tables, err);
}

static int add_pci_gpus(struct gpu_discovery *d, struct mig_tables *tables, struct nvb_error **err)
{
	vec_foreach (struct pci_device, pci, d->pci) {
		struct gpu *gpu;
		int r;

		if (pci->vendor != PCI_VENDOR_NVIDIA)
			continue;
		gpu = gpu_add(d, GPU_VENDOR_NVIDIA, pci);
		if (!gpu)
			return NVB_OOM(err);
		if (is_nvidia_module(pci->driver))
			r = fill_served(d, gpu, &pci->drm, tables, err);
		else if (is_in_tree(pci->driver))
			r = gpu_add_in_tree(d, gpu, &pci->drm, err);
		else
			r = gpu_set_unserved(d, gpu, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "examine the GPU at '%s'", pci->address);
	}
	return 0;
}

static bool is_known(const struct gpu_discovery *d, const char *address)
{
	vec_foreach (struct gpu, gpu, &d->inv->gpus) {
		if (gpu->pci_address && strcmp(gpu->pci_address, address) == 0)
			return true;
	}
	return false;
}

/*
 * What the module lists but sysfs does not: where sysfs is hidden or unreadable, the module is
 * the only witness.
 */
static int add_unlisted_gpus(struct gpu_discovery *d, struct mig_tables *tables,
	struct nvb_error **err)
{
	static const struct drm_nodes no_drm = { 0 };
	struct string_list names = { 0 };
	errint_t r;

	r = host_tree_list(d->tree, d->inv->arena, PROC_PATH "/gpus", &names);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	vec_foreach (const char *, name, &names) {
		struct pci_device pci = { .vendor = PCI_VENDOR_NVIDIA, .numa_node = -1 };
		char address[13];
		struct gpu *gpu;

		if (!pci_address_normalize(*name, address) || is_known(d, address))
			continue;
		pci.address = arena_strdup(d->inv->arena, address);
		pci.driver = "nvidia";
		gpu = pci.address ? gpu_add(d, GPU_VENDOR_NVIDIA, &pci) : NULL;
		if (!gpu)
			return NVB_OOM(err);
		r = fill_served(d, gpu, &no_drm, tables, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_uvm_nodes(struct gpu_discovery *d, struct gpu_node_list *nodes,
	struct nvb_error **err)
{
	uint32_t major;
	size_t first = nodes->n;
	int r;

	r = gpu_add_node(d, nodes, "/dev/nvidia-uvm", UVM_USERS, false, err);
	if (r == 0)
		r = gpu_add_node(d, nodes, "/dev/nvidia-uvm-tools", UVM_USERS, true, err);
	if (r < 0)
		return r;
	/* The major number is dynamic; it is asked for only where the node does not tell it. */
	if (nodes->items[first].node.type ||
		host_tree_char_major(d->tree, "nvidia-uvm", &major) <= 0)
		return 0;
	nodes->items[first].node.type = 'c';
	nodes->items[first].node.major = major;
	nodes->items[first].node.minor = UVM_MINOR;
	if (nodes->n > first + 1)
		gpu_number_last_node(nodes, major, UVM_TOOLS_MINOR);
	return 0;
}

static int add_modeset_node(struct gpu_discovery *d, struct gpu_node_list *nodes,
	struct nvb_error **err)
{
	size_t before = nodes->n;
	int r;

	r = gpu_add_node(d, nodes, "/dev/nvidia-modeset", SCREEN, true, err);
	if (r == 0 && nodes->n == before && host_tree_has_module(d->tree, "nvidia_modeset"))
		r = gpu_add_node(d, nodes, "/dev/nvidia-modeset", SCREEN, false, err);
	if (r == 0 && nodes->n > before)
		gpu_number_last_node(nodes, NVIDIA_MAJOR, MODESET_MINOR);
	return r;
}

static int add_common_nodes(struct gpu_discovery *d, struct gpu_node_list *nodes,
	struct nvb_error **err)
{
	int r;

	r = gpu_add_node(d, nodes, "/dev/nvidiactl", CAPABILITY_ALL, false, err);
	if (r < 0)
		return r;
	gpu_number_last_node(nodes, NVIDIA_MAJOR, CONTROL_MINOR);
	r = add_uvm_nodes(d, nodes, err);
	if (r < 0)
		return r;
	return add_modeset_node(d, nodes, err);
}

/* Returns 1 if the module is loaded; *ret is empty where its version is not understood. */
static int read_version(struct gpu_discovery *d, struct nvidia_version *ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	errint_t r;

	r = host_tree_read(d->tree, PROC_PATH "/version", MAX_FILE_BYTES, &text);
	if (r == -ENOMEM)
		return NVB_OOM(err);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0 && version_parse(text, strlen(text), ret))
		return 1;
	if (string_list_printf(d->inv->arena, &d->inv->warnings,
		    "the version of the NVIDIA kernel module is not known: read '%s': %s",
		    PROC_PATH "/version", r < 0 ? strerror(-r) : "it holds no version") < 0)
		return NVB_OOM(err);
	return 1;
}

static bool has_gpu_of_module(const struct gpu_discovery *d)
{
	vec_foreach (struct gpu, gpu, &d->inv->gpus) {
		if (gpu->vendor == GPU_VENDOR_NVIDIA && is_nvidia_module(gpu->driver))
			return true;
	}
	return false;
}

static int add_files(struct gpu_discovery *d, struct gpu_driver *driver, struct nvb_error **err)
{
	struct gpu_discovery in_driver_tree = *d;

	if (d->driver_tree)
		in_driver_tree.tree = d->driver_tree;
	driver->files_prefix = arena_strdup(d->inv->arena, in_driver_tree.tree->prefix);
	if (!driver->files_prefix)
		return NVB_OOM(err);
	return nvidia_find_driver_files(&in_driver_tree, driver, err);
}

static int add_module(struct gpu_discovery *d, const struct nvidia_version *version,
	struct nvb_error **err)
{
	struct gpu_driver *driver = gpu_add_driver(d, GPU_VENDOR_NVIDIA, "nvidia");
	int r;

	if (!driver)
		return NVB_OOM(err);
	driver->flavor = version->flavor;
	driver->brings_user_space = true;
	if (version->text[0]) {
		driver->version = arena_strdup(d->inv->arena, version->text);
		if (!driver->version)
			return NVB_OOM(err);
	}
	driver->makes_nodes = true;
	if (string_list_add(d->inv->arena, &driver->spec_environment,
		    NVIDIA_SPEC_ENVIRONMENT) < 0)
		return NVB_OOM(err);
	r = add_common_nodes(d, &driver->common_nodes, err);
	return r < 0 ? r : add_files(d, driver, err);
}

static int discover(struct gpu_discovery *d, struct nvb_error **err)
{
	struct nvidia_version version = { 0 };
	struct mig_tables tables = { 0 };
	int is_loaded, r;

	is_loaded = read_version(d, &version, err);
	if (is_loaded < 0)
		return is_loaded;
	r = add_pci_gpus(d, &tables, err);
	if (r == 0 && is_loaded)
		r = add_unlisted_gpus(d, &tables, err);
	if (r < 0)
		return r;
	return is_loaded || has_gpu_of_module(d) ? add_module(d, &version, err) : 0;
}

const struct gpu_vendor_ops gpu_vendor_nvidia = {
	.vendor = GPU_VENDOR_NVIDIA,
	.discover = discover,
	.find_companions = nvidia_find_companions,
	.find_mig_control = mig_find_control,
	.requirement_facts = nvidia_requirement_facts,
	.enrich = nvml_enrich,
	.power_limit = nvidia_power_limit,
};
