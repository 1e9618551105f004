/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/abilities.h"

#define NVIDIA_GPUS (1U << GPU_VENDOR_NVIDIA)
#define AMD_GPUS    (1U << GPU_VENDOR_AMD)
#define INTEL_GPUS  (1U << GPU_VENDOR_INTEL)

static const struct limit_rung_facts rungs[LIMIT_RUNG_COUNT] = {
	[LIMIT_MIG] = { "mig", "MIG instance", true, true, NVIDIA_GPUS },
	[LIMIT_NVML_MEMORY_MPS] = { "nvml-memory+mps", "driver memory limit with MPS partition",
		true, true, NVIDIA_GPUS },
	[LIMIT_NVML_MEMORY] = { "nvml-memory", "driver memory limit", true, false, NVIDIA_GPUS },
	[LIMIT_MPS] = { "mps", "MPS", true, true, NVIDIA_GPUS },
	[LIMIT_PARTITION] = { "partition", "compute partition", true, true, AMD_GPUS },
	[LIMIT_DMEM] = { "dmem", "dmem control group", true, false, AMD_GPUS | INTEL_GPUS },
	[LIMIT_VF] = { "vf", "virtual function", true, true, INTEL_GPUS },
};

const struct limit_rung_facts *limit_rung_get(enum limit_rung rung)
{
	return &rungs[rung];
}

const char *limit_rung_name(enum limit_rung rung)
{
	return rungs[rung].name;
}

const struct gpu_abilities *machine_abilities_of(
	const struct machine_abilities *machine, const struct gpu *gpu)
{
	if (!machine)
		return NULL;
	vec_foreach (const struct gpu_abilities, able, &machine->gpus)
		if (able->gpu == gpu)
			return able;
	return NULL;
}
