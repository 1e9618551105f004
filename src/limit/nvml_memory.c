/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rung of NVIDIA's own memory limits: the driver refuses what a control group allocates beyond.
 * Source: NVIDIA, "Multi-Process Service", "MPS v3 Memory Partitioning"; NVML, change log of 615.
 *
 * The limit belongs to the container's own group: a group below it that has none would be free of
 * it, so it is set on the leaf, before the container runs. Nothing of the files "dmem.*" is written
 * for such GPUs, as the driver keeps its own account in them.
 */
#include <fcntl.h>

#include "gpu/nvidia/nvml_control.h"
#include "limit/ladder_ops.h"

#define CGROUP_ROOT	    "/sys/fs/cgroup"
#define MEMORY_LIMIT_BRANCH 615

static const char *probe(
	const struct ladder_probe *p, struct machine_abilities *machine, struct gpu_abilities *able)
{
	static const char *const words[] = { NVML_HAS_MEMORY_LIMITS, NULL };
	_cleanup_error_ struct nvb_error *problem = NULL;
	const struct gpu_driver *driver = inventory_driver(p->inv, able->gpu);
	const char *why;

	if (rung_driver_branch(p->inv, able->gpu) < MEMORY_LIMIT_BRANCH)
		return rung_because(machine, "needs NVIDIA's driver 615, this is %s",
			driver && driver->version ? driver->version : "unknown");
	if (able->gpu->mig_enabled || able->gpu->partitions.n)
		return "the GPU is in MIG mode";
	if (!able->gpu->pci_address)
		return "the GPU has no PCI address";
	why = rung_applying_problem(p, machine);
	if (!why && nvml_control(p->inv, words, NULL, &problem) < 0)
		why = rung_because(machine, "%s", nvb_error_message(problem));
	return why;
}

static const char *group_path(const struct rung_limit *limit, struct arena *a)
{
	return arena_printf(
		a, "%s" CGROUP_ROOT "%s", limit->applying->tree->prefix, limit->applying->cgroup);
}

/* `value`: NULL for none. */
static int control(const struct rung_limit *limit, const char *verb, const char *value,
	uint64_t *ret_number, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *group = a ? group_path(limit, a) : NULL;
	const char *const words[] = { verb, limit->limit->gpu->pci_address, group, value, NULL };

	return group ? nvml_control(limit->applying->inv, words, ret_number, err) : NVB_OOM(err);
}

static int check_number(const struct rung_limit *limit, uint64_t has, struct nvb_error **err)
{
	if (has == limit->limit->memory_bytes)
		return 0;
	return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"limit the memory of GPU %u: the driver made %llu of %llu bytes",
		limit->limit->gpu->index, (unsigned long long)has,
		(unsigned long long)limit->limit->memory_bytes);
}

static int verify(const struct rung_limit *limit, struct nvb_error **err)
{
	uint64_t has = 0;
	int r = control(limit, NVML_GET_MEMORY_LIMIT, NULL, &has, err);

	return r < 0 ? r : check_number(limit, has, err);
}

/* A group that is gone took its limit along. */
static int undo(const struct rung_limit *limit, struct nvb_error **err)
{
	if (faccessat(limit->cgroup_fd, "cgroup.procs", F_OK, 0) < 0)
		return 0;
	return control(limit, NVML_CLEAR_MEMORY_LIMIT, NULL, NULL, err);
}

static int apply(const struct rung_limit *limit, struct nvb_error **err)
{
	char bytes[32];
	uint64_t has = 0;
	int r;

	(void)snprintf(
		bytes, sizeof(bytes), "%llu", (unsigned long long)limit->limit->memory_bytes);
	r = control(limit, NVML_SET_MEMORY_LIMIT, bytes, &has, err);
	if (r >= 0)
		r = check_number(limit, has, err);
	/* Also where the worker ended between setting and reading. */
	if (r < 0)
		(void)undo(limit, NULL);
	return r;
}

const struct rung_ops rung_driver_memory = {
	.probe = probe,
	.apply = apply,
	.verify = verify,
	.undo = undo,
	.needs_cgroup = true,
};
