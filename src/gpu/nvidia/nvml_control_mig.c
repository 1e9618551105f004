/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's verbs of MIG. A compute instance goes before its GPU instance, and comes behind. */
#include <string.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "gpu/nvidia/nvml_control_worker.h"

#define MAX_NUMBER  4096
#define NAME_PREFIX "MIG "
/* Of one GPU instance. Source: NVIDIA, "Multi-Instance GPU User Guide": at most one per slice. */
#define MAX_COMPUTE_INSTANCES 16

void control_mig_mode(const struct control *c, char **words)
{
	unsigned int current = 0, pending = 0;

	CONTROL_CALL(c, nvmlDeviceGetMigMode, control_open_gpu(c, words[0]), &current, &pending);
	control_answer(c, "ok %u", current);
}

/* The GPU instance profile of that name, as "1g.10gb". */
static nvmlGpuInstanceProfileInfo_v2_t find_profile(
	const struct control *c, nvmlDevice_t device, const char *name)
{
	nvml_nvmlDeviceGetGpuInstanceProfileInfoV_function *get = NULL;

	control_find(c, "nvmlDeviceGetGpuInstanceProfileInfoV", &get);
	for (unsigned int i = 0; i < NVML_GPU_INSTANCE_PROFILES; i++) {
		nvmlGpuInstanceProfileInfo_v2_t info = {
			.version = NVML_GPU_INSTANCE_PROFILE_INFO_V2,
		};
		const char *has = info.name;

		if (get(device, i, &info) != NVML_SUCCESS)
			continue;
		info.name[sizeof(info.name) - 1] = '\0';
		if (strncmp(has, NAME_PREFIX, strlen(NAME_PREFIX)) == 0)
			has += strlen(NAME_PREFIX);
		if (strcmp(has, name) == 0)
			return info;
	}
	control_answer(
		c, "failed profile %d the GPU has no profile '%.32s'", NVML_ERROR_NOT_FOUND, name);
}

void control_mig_room(const struct control *c, char **words)
{
	nvmlDevice_t device = control_open_gpu(c, words[0]);
	nvmlGpuInstanceProfileInfo_v2_t profile = find_profile(c, device, words[1]);
	unsigned int n = 0;

	CONTROL_CALL(c, nvmlDeviceGetGpuInstanceRemainingCapacity, device, profile.id, &n);
	control_answer(c, "ok %u", n);
}

/* The one that has all of the GPU instance. */
static nvmlReturn_t fill_instance(
	const struct control *c, nvmlGpuInstance_t instance, unsigned int slices)
{
	nvmlReturn_t code = NVML_ERROR_NOT_FOUND;

	for (unsigned int i = 0; i < NVML_COMPUTE_INSTANCE_PROFILES; i++) {
		nvmlComputeInstanceProfileInfo_t info = { 0 };
		nvmlComputeInstance_t compute = NULL;

		if (CONTROL_TRY(c, nvmlGpuInstanceGetComputeInstanceProfileInfo, instance, i, 0,
			    &info) != NVML_SUCCESS ||
			info.sliceCount != slices)
			continue;
		code = CONTROL_TRY(
			c, nvmlGpuInstanceCreateComputeInstance, instance, info.id, &compute);
		if (code == NVML_SUCCESS)
			break;
	}
	return code;
}

/* Nothing may be missing behind the first change. */
static void find_all(const struct control *c)
{
	static const char *const names[] = { "nvmlGpuInstanceGetComputeInstanceProfileInfo",
		"nvmlGpuInstanceCreateComputeInstance", "nvmlGpuInstanceGetInfo",
		"nvmlGpuInstanceDestroy" };
	void *slot;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		control_find(c, names[i], &slot);
}

/* As the GPU itself lists it: how many slices of memory it takes is not the profile's number. */
static nvmlGpuInstancePlacement_t find_placement(
	const struct control *c, nvmlDevice_t device, unsigned int profile_id, const char *start)
{
	nvmlGpuInstancePlacement_t placements[NVML_MAX_PLACEMENTS] = { 0 };
	unsigned int n = NVML_MAX_PLACEMENTS;
	uint64_t wanted;

	if (!number_parse(start, MAX_NUMBER, &wanted))
		_exit(2);
	CONTROL_CALL(c, nvmlDeviceGetGpuInstancePossiblePlacements_v2, device, profile_id,
		placements, &n);
	for (unsigned int i = 0; i < n && i < NVML_MAX_PLACEMENTS; i++)
		if (placements[i].start == wanted)
			return placements[i];
	control_answer(c, "failed placement %d the profile cannot start at %.8s",
		NVML_ERROR_NOT_FOUND, start);
}

void control_mig_create(const struct control *c, char **words)
{
	nvmlDevice_t device = control_open_gpu(c, words[0]);
	nvmlGpuInstanceProfileInfo_v2_t profile = find_profile(c, device, words[1]);
	nvmlGpuInstancePlacement_t placement;
	nvmlGpuInstanceInfo_t info = { 0 };
	nvmlGpuInstance_t instance = NULL;
	nvmlReturn_t code;

	find_all(c);
	if (strcmp(words[2], "-") == 0) {
		CONTROL_CALL(c, nvmlDeviceCreateGpuInstance, device, profile.id, &instance);
	} else {
		placement = find_placement(c, device, profile.id, words[2]);
		CONTROL_CALL(c, nvmlDeviceCreateGpuInstanceWithPlacement, device, profile.id,
			&placement, &instance);
	}
	code = CONTROL_TRY(c, nvmlGpuInstanceGetInfo, instance, &info);
	if (code == NVML_SUCCESS)
		code = fill_instance(c, instance, profile.sliceCount);
	if (code != NVML_SUCCESS)
		(void)CONTROL_TRY(c, nvmlGpuInstanceDestroy, instance);
	control_check(c, code, "compute-instance");
	control_answer(c, "ok %u", info.id);
}

void control_mig_destroy(const struct control *c, char **words)
{
	nvmlDevice_t device = control_open_gpu(c, words[0]);
	nvmlGpuInstance_t instance = NULL;
	uint64_t id;

	if (!number_parse(words[1], MAX_NUMBER, &id))
		_exit(2);
	CONTROL_CALL(c, nvmlDeviceGetGpuInstanceById, device, (unsigned int)id, &instance);
	for (unsigned int i = 0; i < MAX_COMPUTE_INSTANCES; i++) {
		nvmlComputeInstance_t compute = NULL;

		if (CONTROL_TRY(c, nvmlGpuInstanceGetComputeInstanceById, instance, i, &compute) ==
			NVML_SUCCESS)
			CONTROL_CALL(c, nvmlComputeInstanceDestroy, compute);
	}
	CONTROL_CALL(c, nvmlGpuInstanceDestroy, instance);
	control_answer(c, "ok");
}
