/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD GPUs: amdgpu from PCI in sysfs and from the compute driver's topology (KFD).
 *
 * The user space is the image's own. A container needs /dev/kfd for compute, and of each GPU the
 * render node; the kernel shows a process only those KFD nodes whose render node it may open, so
 * the set of render nodes is the selection. Partitions (XCP) have render nodes of their own.
 * Source: ROCm documentation, "Restricting GPU access".
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "gpu/amd/kfd.h"
#include "gpu/amd/power.h"
#include "gpu/vendor.h"

#define DEVICES_PATH "/sys/bus/pci/devices"
#define MAX_PATH_BYTES 384
#define SPEC_ENVIRONMENT "AMD_VISIBLE_DEVICES=void"

#define SCREEN (CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY)
#define RENDER (SCREEN | CAPABILITY_COMPUTE | CAPABILITY_VIDEO)

struct device_file {
	char path[MAX_PATH_BYTES];
};

static struct device_file device_file(const struct gpu *gpu, const char *name)
{
	struct device_file file;

	(void)snprintf(file.path, sizeof(file.path), DEVICES_PATH "/%s/%s", gpu->pci_address, name);
	return file;
}

/* A line of sysfs; NULL where it is empty or cannot be read. */
static const char *read_attribute(struct gpu_discovery *d, const struct gpu *gpu, const char *name)
{
	const char *line = NULL;

	if (host_tree_read_line(d->tree, d->inv->arena, device_file(gpu, name).path, &line) < 0)
		return NULL;
	return *line ? line : NULL;
}

/* N of "/dev/dri/renderDN"; 0: none. */
static uint64_t render_minor(const char *render_node)
{
	uint64_t minor = 0;

	if (render_node)
		(void)number_parse(render_node + strlen("/dev/dri/renderD"), UINT32_MAX, &minor);
	return minor;
}

static const struct kfd_node *find_own_node(const struct kfd_node_list *nodes,
	const struct gpu *gpu)
{
	uint64_t minor = render_minor(gpu->render_node);

	vec_foreach (struct kfd_node, node, nodes) {
		if (minor && node->drm_render_minor == minor)
			return node;
	}
	return NULL;
}

/*
 * True if the node is this GPU or one of its partitions. The topology tells the slot, not the
 * function; where a slot holds several GPUs (virtual functions), the render nodes decide: those
 * of the partitions are made right after their GPU's own.
 */
static bool is_part_of(const struct gpu_discovery *d, const struct gpu *gpu,
	const struct kfd_node *node)
{
	uint64_t own = render_minor(gpu->render_node);

	if (!own || node->drm_render_minor < own || !kfd_is_at(node, gpu->pci_address))
		return false;
	vec_foreach (struct pci_device, pci, d->pci) {
		uint64_t other = render_minor(pci->drm.render);

		if (other > own && other <= node->drm_render_minor &&
			kfd_is_at(node, pci->address))
			return false;
	}
	return true;
}

/* "cpx_nps4", as AMD's Kubernetes device plugin writes it; NULL: unknown. */
static const char *read_partition_mode(struct gpu_discovery *d, const struct gpu *gpu)
{
	const char *compute = read_attribute(d, gpu, "current_compute_partition");
	const char *memory = read_attribute(d, gpu, "current_memory_partition");
	char *mode;

	if (!compute)
		return NULL;
	mode = arena_printf(d->inv->arena, "%s%s%s", compute, memory ? "_" : "",
		memory ? memory : "");
	for (char *c = mode; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return mode;
}

static int add_partition(struct gpu_discovery *d, struct gpu *gpu, const struct kfd_node *node,
	const char *mode, struct nvb_error **err)
{
	struct gpu_partition *partition = vec_push(d->inv->arena, &gpu->partitions);
	const char *uuid = kfd_uuid(d->inv->arena, node->unique_id);
	int r;

	if (!partition)
		return NVB_OOM(err);
	*partition = (struct gpu_partition){
		.index = (unsigned)gpu->partitions.n - 1,
		.gi = -1,
		.ci = -1,
		.profile = mode,
		.memory_bytes = kfd_read_memory_bytes(d, node),
		.standalone = true,
	};
	/* Kernels that give all partitions the GPU's own number do not tell them apart. */
	if (uuid && (!gpu->uuid || strcmp(uuid, gpu->uuid) != 0))
		partition->uuid = uuid;
	partition->render_node =
		arena_printf(d->inv->arena, "/dev/dri/renderD%" PRIu64, node->drm_render_minor);
	if (!partition->render_node)
		return NVB_OOM(err);
	r = gpu_add_node(d, &partition->nodes, partition->render_node, RENDER, false, err);
	/* The whole GPU is all of its partitions; its own render node is there already. */
	if (r == 0 && node->drm_render_minor != render_minor(gpu->render_node))
		r = gpu_add_node(d, &gpu->nodes, partition->render_node, RENDER, false, err);
	return r;
}

/* A GPU in one piece has one KFD node and no partitions. */
static int add_partitions(struct gpu_discovery *d, struct gpu *gpu,
	const struct kfd_node_list *nodes, struct nvb_error **err)
{
	const char *mode;
	size_t parts = 0;

	vec_foreach (struct kfd_node, node, nodes)
		parts += is_part_of(d, gpu, node);
	if (parts < 2)
		return 0;
	mode = read_partition_mode(d, gpu);
	vec_foreach (struct kfd_node, node, nodes) {
		int r;

		if (!is_part_of(d, gpu, node))
			continue;
		r = add_partition(d, gpu, node, mode, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_served(struct gpu_discovery *d, struct gpu *gpu, const struct drm_nodes *drm,
	const struct kfd_node_list *nodes, struct nvb_error **err)
{
	const struct kfd_node *own;
	uint64_t unique_id = 0;
	int r;

	r = gpu_add_in_tree(d, gpu, drm, err);
	if (r < 0 || gpu->state != GPU_USABLE)
		return r;
	gpu->name = read_attribute(d, gpu, "product_name");
	(void)host_tree_read_u64(d->tree, device_file(gpu, "mem_info_vram_total").path,
		&gpu->memory_bytes);
	own = find_own_node(nodes, gpu);
	if (own) {
		unique_id = own->unique_id;
		gpu->compute_capability = kfd_gfx_name(d->inv->arena, own->gfx_target_version);
	}
	if (!unique_id)
		(void)host_tree_read_hex(d->tree, device_file(gpu, "unique_id").path, &unique_id);
	gpu->uuid = kfd_uuid(d->inv->arena, unique_id);
	return add_partitions(d, gpu, nodes, err);
}

/* /dev/kfd serves all GPUs of amdgpu. A kernel without the compute driver has none. */
static int add_common_nodes(struct gpu_discovery *d, bool has_topology, struct nvb_error **err)
{
	vec_foreach (struct gpu_driver, driver, &d->inv->drivers) {
		struct gpu_node_list *nodes = &driver->common_nodes;
		uint32_t major;
		int r;

		if (driver->vendor != GPU_VENDOR_AMD || strcmp(driver->name, "amdgpu") != 0)
			continue;
		r = gpu_add_node(d, nodes, "/dev/kfd", CAPABILITY_COMPUTE, !has_topology, err);
		if (r == 0 && nodes->n && !nodes->items[nodes->n - 1].node.type &&
			host_tree_char_major(d->tree, "kfd", &major) > 0)
			gpu_number_last_node(nodes, major, 0);
		return r;
	}
	return 0;
}

/* As NVIDIA's: a runtime that reads the image's variable must not add to what CDI gives. */
static int add_spec_environment(struct gpu_discovery *d, struct nvb_error **err)
{
	vec_foreach (struct gpu_driver, driver, &d->inv->drivers)
		if (driver->vendor == GPU_VENDOR_AMD &&
			string_list_add(
				d->inv->arena, &driver->spec_environment, SPEC_ENVIRONMENT) < 0)
			return NVB_OOM(err);
	return 0;
}

static int add_gpu(struct gpu_discovery *d, const struct pci_device *pci,
	const struct kfd_node_list *nodes, struct nvb_error **err)
{
	struct gpu *gpu = gpu_add(d, GPU_VENDOR_AMD, pci);

	if (!gpu)
		return NVB_OOM(err);
	if (pci->driver && strcmp(pci->driver, "amdgpu") == 0)
		return fill_served(d, gpu, &pci->drm, nodes, err);
	if (pci->driver && strcmp(pci->driver, "radeon") == 0)
		return gpu_add_in_tree(d, gpu, &pci->drm, err);
	return gpu_set_unserved(d, gpu, err);
}

static int discover(struct gpu_discovery *d, struct nvb_error **err)
{
	struct kfd_node_list nodes = { 0 };
	bool is_read = false;
	int r;

	vec_foreach (struct pci_device, pci, d->pci) {
		if (pci->vendor != PCI_VENDOR_AMD)
			continue;
		if (!is_read) {
			r = kfd_read_nodes(d, &nodes, err);
			if (r < 0)
				return r;
			is_read = true;
		}
		r = add_gpu(d, pci, &nodes, err);
		if (r < 0)
			return NVB_CONTEXT(err, r, "examine the GPU at '%s'", pci->address);
	}
	r = add_spec_environment(d, err);
	return r < 0 ? r : add_common_nodes(d, nodes.n > 0, err);
}

const struct gpu_vendor_ops gpu_vendor_amd = {
	.vendor = GPU_VENDOR_AMD,
	.discover = discover,
	.find_power = amd_find_power,
};
