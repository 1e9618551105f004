/* SPDX-License-Identifier: Apache-2.0 */
/* The rungs that need nothing done: the container gets a part of a GPU that is there already. */
#include <string.h>

#include "base/number.h"
#include "limit/ladder_ops.h"

#define MAX_BRANCH 100000
/* Source: NVIDIA, NVML API reference, change log of 615. */
#define MEMORY_LIMIT_BRANCH 615

unsigned rung_driver_branch(const struct inventory *inv, const struct gpu *gpu)
{
	const struct gpu_driver *driver = inventory_driver(inv, gpu);
	uint64_t branch = 0;

	if (!driver || !driver->version ||
		!number_parse_n(
			driver->version, strcspn(driver->version, "."), MAX_BRANCH, &branch))
		return 0;
	return (unsigned)branch;
}

static const char *probe_mig(const struct ladder_probe *probe, struct machine_abilities *machine,
	struct gpu_abilities *able)
{
	(void)probe;
	(void)machine;
	return able->gpu->partitions.n ? NULL
				       : "the GPU has no instance: root makes them with "
					 "'nvbind mig create' where the GPU can do it";
}

static const char *probe_mps(const struct ladder_probe *probe, struct machine_abilities *machine,
	struct gpu_abilities *able)
{
	(void)probe;
	(void)machine;
	(void)able;
	return "this version starts no MPS daemon";
}

static const char *probe_memory_and_mps(const struct ladder_probe *probe,
	struct machine_abilities *machine, struct gpu_abilities *able)
{
	if (rung_driver_branch(probe->inv, able->gpu) < MEMORY_LIMIT_BRANCH)
		return "needs driver 615";
	return probe_mps(probe, machine, able);
}

static const char *probe_partition(const struct ladder_probe *probe,
	struct machine_abilities *machine, struct gpu_abilities *able)
{
	(void)probe;
	(void)machine;
	return able->gpu->partitions.n ? NULL
				       : "the GPU is in one piece: root divides those that can be "
					 "by 'current_compute_partition' in sysfs";
}

/* Source: Linux, Documentation/PCI/pci-iov-howto.rst; "physfn" is what a function is one of. */
static const char *probe_vf(const struct ladder_probe *probe, struct machine_abilities *machine,
	struct gpu_abilities *able)
{
	const char *address = able->gpu->pci_address;
	const char *path = arena_printf(
		machine->arena, "/sys/bus/pci/devices/%s/physfn", address ? address : "-");

	if (path && address && host_tree_exists(probe->tree, path))
		return NULL;
	return "the GPU is no virtual function: root makes them with 'sriov_numvfs' in sysfs, and "
	       "each is a GPU of its own to select";
}

static const struct rung_ops rung_mig = { .probe = probe_mig };
static const struct rung_ops rung_mps = { .probe = probe_mps };
static const struct rung_ops rung_memory_and_mps = { .probe = probe_memory_and_mps };
static const struct rung_ops rung_partition = { .probe = probe_partition };
static const struct rung_ops rung_vf = { .probe = probe_vf };

const struct rung_ops *const ladder_ops[LIMIT_RUNG_COUNT] = {
	[LIMIT_MIG] = &rung_mig,
	[LIMIT_NVML_MEMORY_MPS] = &rung_memory_and_mps,
	[LIMIT_NVML_MEMORY] = &rung_driver_memory,
	[LIMIT_MPS] = &rung_mps,
	[LIMIT_PARTITION] = &rung_partition,
	[LIMIT_DMEM] = &rung_dmem,
	[LIMIT_VF] = &rung_vf,
};
