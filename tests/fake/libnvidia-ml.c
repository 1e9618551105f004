/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnvidia-ml.so.1 without a GPU. What it tells comes from "nvml.conf" beside it:
 *
 *	gpu	BUS ID	UUID	NAME	MEMORY BYTES	MAJOR.MINOR
 *	mig	GI	CI	UUID	NAME	MEMORY MIB		of the GPU above
 *	power	MIN	DEFAULT	MAX		power limits of the GPU above, in milliwatts
 *	power-error CODE | power-crash	setting a power limit: fails, sets it and crashes
 *	hang | crash | init-error CODE | noise | wild-text
 *	limits-error CODE | limits-ignored | limits-crash	setting a memory limit: fails, does
 *						nothing, sets it and crashes
 *
 *	mig-mode		MIG is on; instances of 1g.10gb and 3g.40gb can be made, in 7 slices
 *	mig-error CODE | mig-no-compute		making an instance fails; its compute instance does
 *
 * Instances that are made are kept in "mig.BUS ID", a line "ID PROFILE COMPUTE" each.
 *
 * A memory limit that is set is kept in "limit.BUS ID" beside the library, as "GROUP HARD SOFT".
 *
 * A power limit that is set is kept in "power.BUS ID" beside the library.
 *
 * Fields are separated by tabs. Without the file there are no GPUs.
 *
 * Built in variants: FAKE_WITHOUT_MIG is a library from before MIG and memory limits, FAKE_INCOMPLETE lacks a
 * function that nothing works without.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "gpu/nvidia/nvml_api.h"

#define EXPORT __attribute__((visibility("default")))
#define MAX_GPUS 64
#define MAX_MIGS 16
#define ERROR_NOT_SUPPORTED NVML_ERROR_NOT_SUPPORTED
#define ERROR_INVALID_ARGUMENT 2

struct nvmlDevice_st {
	char bus_id[32], uuid[128], name[128];
	unsigned long long memory_bytes;
	int major, minor;
	unsigned gi, ci;
	unsigned least_power, usual_power, most_power; /* 0: it has no power limit */
	int is_mig;
	struct nvmlDevice_st *migs;
	unsigned n_migs;
};

static struct nvmlDevice_st gpus[MAX_GPUS];
static unsigned n_gpus;
static int init_code;
static int wild_text;
static int limits_code, limits_ignored, limits_crash;
static int power_code, power_crash;
static int mig_mode, mig_code, mig_no_compute;

static void add_gpu(const char *line)
{
	struct nvmlDevice_st *g = &gpus[n_gpus];

	if (n_gpus == MAX_GPUS ||
		sscanf(line, "gpu\t%31[^\t]\t%127[^\t]\t%127[^\t]\t%llu\t%d.%d", g->bus_id, g->uuid,
			g->name, &g->memory_bytes, &g->major, &g->minor) != 6)
		return;
	g->migs = calloc(MAX_MIGS, sizeof(*g->migs));
	n_gpus++;
}

static void add_mig(const char *line)
{
	struct nvmlDevice_st *g = n_gpus ? &gpus[n_gpus - 1] : NULL;
	struct nvmlDevice_st m = { .is_mig = 1 };
	unsigned long long mib;

	if (!g || !g->migs || g->n_migs == MAX_MIGS ||
		sscanf(line, "mig\t%u\t%u\t%127[^\t]\t%127[^\t]\t%llu", &m.gi, &m.ci, m.uuid, m.name,
			&mib) != 5)
		return;
	m.memory_bytes = mib << 20;
	g->migs[g->n_migs++] = m;
}

static void add_power(const char *line)
{
	struct nvmlDevice_st *g = n_gpus ? &gpus[n_gpus - 1] : NULL;

	if (g)
		(void)sscanf(line, "power\t%u\t%u\t%u", &g->least_power, &g->usual_power,
			&g->most_power);
}

static void behave(const char *line)
{
	if (strncmp(line, "hang", 4) == 0) {
		for (;;)
			(void)pause();
	} else if (strncmp(line, "crash", 5) == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		(void)raise(SIGSEGV);
	} else if (strncmp(line, "noise", 5) == 0) {
		(void)printf("gpu 0000:00:00.0\nnonsense\n");
		(void)fflush(stdout);
	} else if (strncmp(line, "wild-text", 9) == 0) {
		wild_text = 1;
	} else if (strcmp(line, "mig-mode") == 0) {
		mig_mode = 1;
	} else if (strcmp(line, "mig-no-compute") == 0) {
		mig_no_compute = 1;
	} else if (strcmp(line, "power-crash") == 0) {
		power_crash = 1;
	} else if (strncmp(line, "limits-ignored", 14) == 0) {
		limits_ignored = 1;
	} else if (strncmp(line, "limits-crash", 12) == 0) {
		limits_crash = 1;
	} else {
		(void)sscanf(line, "init-error %d", &init_code);
		(void)sscanf(line, "limits-error %d", &limits_code);
		(void)sscanf(line, "mig-error %d", &mig_code);
		(void)sscanf(line, "power-error %d", &power_code);
	}
}

/* The file of that name beside the library. */
static void own_path(char *path, size_t size, const char *prefix, const char *name)
{
	const char *slash;
	Dl_info self;

	path[0] = '\0';
	if (!dladdr((void *)gpus, &self) || !self.dli_fname)
		return;
	slash = strrchr(self.dli_fname, '/');
	if (slash)
		(void)snprintf(path, size, "%.*s/%s%s", (int)(slash - self.dli_fname),
			self.dli_fname, prefix, name);
}

static void read_configuration(void)
{
	char path[4096], line[1024];
	FILE *f;

	own_path(path, sizeof(path), "", "nvml.conf");
	f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "gpu\t", 4) == 0)
			add_gpu(line);
		else if (strncmp(line, "mig\t", 4) == 0)
			add_mig(line);
		else if (strncmp(line, "power\t", 6) == 0)
			add_power(line);
		else
			behave(line);
	}
	(void)fclose(f);
}

static nvmlReturn_t copy_text(char *buffer, unsigned length, const char *text)
{
	if (wild_text)
		text = "wild\ntext\nend\n\x1b[31m";
	(void)snprintf(buffer, length, "%s", text);
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInit_v2(void);
EXPORT nvmlReturn_t nvmlInit_v2(void)
{
	read_configuration();
	return init_code;
}

#ifndef FAKE_INCOMPLETE
EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count);
EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
	*count = n_gpus;
	return NVML_SUCCESS;
}
#endif

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device);
EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
	if (index >= n_gpus)
		return ERROR_INVALID_ARGUMENT;
	*device = &gpus[index];
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci);
EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	(void)snprintf(pci->busId, sizeof(pci->busId), "%s", device->bus_id);
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length);
EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
	return copy_text(name, length, device->name);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length);
EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
	(void)snprintf(uuid, length, "%s", device->uuid);
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory);
EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	memory->total = memory->free = device->memory_bytes;
	memory->used = 0;
	return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t code);
EXPORT const char *nvmlErrorString(nvmlReturn_t code)
{
	return code == 9 ? "Driver Not Loaded" : "Unknown Error";
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor);
EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
	*major = device->major;
	*minor = device->minor;
	return NVML_SUCCESS;
}

#ifndef FAKE_WITHOUT_MIG
EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count);
EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
	*count = device->n_migs ? MAX_MIGS : 0;
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index,
	nvmlDevice_t *mig);
EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index,
	nvmlDevice_t *mig)
{
	if (index >= device->n_migs)
		return NVML_ERROR_NOT_FOUND;
	*mig = &device->migs[index];
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id);
EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id)
{
	*id = device->gi;
	return device->is_mig ? NVML_SUCCESS : ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id);
EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id)
{
	*id = device->ci;
	return device->is_mig ? NVML_SUCCESS : ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device,
	nvmlDeviceAttributes_t *attributes);
EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device,
	nvmlDeviceAttributes_t *attributes)
{
	if (!device->is_mig)
		return ERROR_NOT_SUPPORTED;
	attributes->memorySizeMB = device->memory_bytes >> 20;
	return NVML_SUCCESS;
}
#endif

#ifndef FAKE_WITHOUT_MIG
/* "0000:10:00.0" is "00000000:10:00.0". */
EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *address, nvmlDevice_t *device);
EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *address, nvmlDevice_t *device)
{
	for (unsigned i = 0; i < n_gpus; i++) {
		size_t length = strlen(gpus[i].bus_id), wanted = strlen(address);

		if (length < wanted || strcasecmp(gpus[i].bus_id + length - wanted, address) != 0)
			continue;
		*device = &gpus[i];
		return NVML_SUCCESS;
	}
	return NVML_ERROR_NOT_FOUND;
}

EXPORT nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t device,
	nvmlMemoryLimitsSet_v1_t *limits);
EXPORT nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t device,
	nvmlMemoryLimitsSet_v1_t *limits)
{
	char path[4096];
	FILE *f;

	if (limits_code)
		return limits_code;
	if (limits_ignored)
		return NVML_SUCCESS;
	own_path(path, sizeof(path), "limit.", device->bus_id);
	if (limits->hardLimit == ~0ULL) {
		(void)unlink(path);
		return NVML_SUCCESS;
	}
	f = fopen(path, "we");
	if (!f)
		return NVML_ERROR_NO_PERMISSION;
	(void)fprintf(f, "%s %llu %llu\n", limits->nameSpace, limits->hardLimit, limits->softLimit);
	(void)fclose(f);
	if (limits_crash)
		behave("crash");
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t device,
	nvmlMemoryLimits_v1_t *limits);
EXPORT nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t device,
	nvmlMemoryLimits_v1_t *limits)
{
	char path[4096], group[4096];
	FILE *f;
	int n;

	own_path(path, sizeof(path), "limit.", device->bus_id);
	f = fopen(path, "re");
	if (!f)
		return NVML_ERROR_NOT_FOUND;
	n = fscanf(f, "%4095s %llu %llu", group, &limits->hardLimit, &limits->softLimit);
	(void)fclose(f);
	return n == 3 && strcmp(group, limits->nameSpace) == 0 ? NVML_SUCCESS
							       : NVML_ERROR_NOT_FOUND;
}

/* MIG instances. The profile's number is its slices; its placements start at its multiples. */

#define ERROR_INSUFFICIENT_RESOURCES 23
#define SLICES 7

struct nvmlGpuInstance_st {
	nvmlDevice_t device;
	unsigned id, profile, compute;
};

struct nvmlComputeInstance_st {
	nvmlGpuInstance_t parent;
};

static struct nvmlGpuInstance_st made[SLICES];
static unsigned n_made;

static void load_made(nvmlDevice_t device)
{
	char path[4096];
	FILE *f;

	n_made = 0;
	own_path(path, sizeof(path), "mig.", device->bus_id);
	f = fopen(path, "re");
	while (f && n_made < SLICES &&
		fscanf(f, "%u %u %u", &made[n_made].id, &made[n_made].profile,
			&made[n_made].compute) == 3)
		made[n_made++].device = device;
	if (f)
		(void)fclose(f);
}

static void save_made(nvmlDevice_t device)
{
	char path[4096];
	FILE *f;

	own_path(path, sizeof(path), "mig.", device->bus_id);
	f = fopen(path, "we");
	for (unsigned i = 0; f && i < n_made; i++)
		if (made[i].profile)
			(void)fprintf(f, "%u %u %u\n", made[i].id, made[i].profile,
				made[i].compute);
	if (f)
		(void)fclose(f);
}

static unsigned free_slices(nvmlDevice_t device)
{
	unsigned used = 0;

	load_made(device);
	for (unsigned i = 0; i < n_made; i++)
		used += made[i].profile;
	return used < SLICES ? SLICES - used : 0;
}

EXPORT nvml_nvmlDeviceGetMigMode_function nvmlDeviceGetMigMode;
nvmlReturn_t nvmlDeviceGetMigMode(
	nvmlDevice_t device, unsigned int *current, unsigned int *pending)
{
	(void)device;
	*current = *pending = (unsigned)mig_mode;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlDeviceGetGpuInstanceProfileInfoV_function nvmlDeviceGetGpuInstanceProfileInfoV;
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(
	nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_v2_t *info)
{
	(void)device;
	if (info->version != NVML_GPU_INSTANCE_PROFILE_INFO_V2)
		return 25;
	if (profile != 0 && profile != 2)
		return ERROR_NOT_SUPPORTED;
	info->id = info->sliceCount = profile + 1;
	(void)snprintf(info->name, sizeof(info->name), "MIG %s", profile ? "3g.40gb" : "1g.10gb");
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlDeviceGetGpuInstanceRemainingCapacity_function
	nvmlDeviceGetGpuInstanceRemainingCapacity;
nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(
	nvmlDevice_t device, unsigned int profile_id, unsigned int *count)
{
	*count = free_slices(device) / profile_id;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlDeviceGetGpuInstancePossiblePlacements_v2_function
	nvmlDeviceGetGpuInstancePossiblePlacements_v2;
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device,
	unsigned int profile_id, nvmlGpuInstancePlacement_t *placements, unsigned int *count)
{
	(void)device;
	*count = 0;
	for (unsigned at = 0; at + profile_id <= SLICES; at += profile_id)
		placements[(*count)++] = (nvmlGpuInstancePlacement_t){ at, profile_id };
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlDeviceCreateGpuInstance_function nvmlDeviceCreateGpuInstance;
nvmlReturn_t nvmlDeviceCreateGpuInstance(
	nvmlDevice_t device, unsigned int profile_id, nvmlGpuInstance_t *instance)
{
	unsigned id = 1;

	if (mig_code)
		return mig_code;
	if (!mig_mode || free_slices(device) < profile_id)
		return ERROR_INSUFFICIENT_RESOURCES;
	for (unsigned i = 0; i < n_made; i++)
		if (made[i].id >= id)
			id = made[i].id + 1;
	made[n_made] = (struct nvmlGpuInstance_st){ device, id, profile_id, 0 };
	*instance = &made[n_made++];
	save_made(device);
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlDeviceCreateGpuInstanceWithPlacement_function
	nvmlDeviceCreateGpuInstanceWithPlacement;
nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t device, unsigned int profile_id,
	const nvmlGpuInstancePlacement_t *placement, nvmlGpuInstance_t *instance)
{
	if (placement->size != profile_id)
		return ERROR_INVALID_ARGUMENT;
	return nvmlDeviceCreateGpuInstance(device, profile_id, instance);
}

EXPORT nvml_nvmlDeviceGetGpuInstanceById_function nvmlDeviceGetGpuInstanceById;
nvmlReturn_t nvmlDeviceGetGpuInstanceById(
	nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *instance)
{
	load_made(device);
	for (unsigned i = 0; i < n_made; i++) {
		if (made[i].id != id)
			continue;
		*instance = &made[i];
		return NVML_SUCCESS;
	}
	return NVML_ERROR_NOT_FOUND;
}

EXPORT nvml_nvmlGpuInstanceGetInfo_function nvmlGpuInstanceGetInfo;
nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info)
{
	info->id = instance->id;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlGpuInstanceDestroy_function nvmlGpuInstanceDestroy;
nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t instance)
{
	if (instance->compute)
		return NVML_ERROR_IN_USE;
	instance->profile = 0;
	save_made(instance->device);
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlGpuInstanceGetComputeInstanceProfileInfo_function
	nvmlGpuInstanceGetComputeInstanceProfileInfo;
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t instance,
	unsigned int profile, unsigned int engine_profile, nvmlComputeInstanceProfileInfo_t *info)
{
	(void)engine_profile;
	if (profile >= instance->profile)
		return ERROR_NOT_SUPPORTED;
	info->id = info->sliceCount = profile + 1;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlGpuInstanceCreateComputeInstance_function nvmlGpuInstanceCreateComputeInstance;
nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(
	nvmlGpuInstance_t instance, unsigned int profile_id, nvmlComputeInstance_t *compute)
{
	static struct nvmlComputeInstance_st only;

	if (mig_no_compute || profile_id != instance->profile)
		return ERROR_INSUFFICIENT_RESOURCES;
	only.parent = instance;
	instance->compute = 1;
	save_made(instance->device);
	*compute = &only;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlGpuInstanceGetComputeInstanceById_function nvmlGpuInstanceGetComputeInstanceById;
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(
	nvmlGpuInstance_t instance, unsigned int id, nvmlComputeInstance_t *compute)
{
	static struct nvmlComputeInstance_st only;

	if (id || !instance->compute)
		return NVML_ERROR_NOT_FOUND;
	only.parent = instance;
	*compute = &only;
	return NVML_SUCCESS;
}

EXPORT nvml_nvmlComputeInstanceDestroy_function nvmlComputeInstanceDestroy;
nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t compute)
{
	if (mig_code)
		return mig_code;
	compute->parent->compute = 0;
	save_made(compute->parent->device);
	return NVML_SUCCESS;
}
#endif

EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit);
EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit)
{
	char path[4096];
	FILE *f;

	if (!device->most_power)
		return ERROR_NOT_SUPPORTED;
	*limit = device->usual_power;
	own_path(path, sizeof(path), "power.", device->bus_id);
	f = fopen(path, "re");
	if (!f)
		return NVML_SUCCESS;
	(void)!fscanf(f, "%u", limit);
	(void)fclose(f);
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(
	nvmlDevice_t device, unsigned int *limit);
EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(
	nvmlDevice_t device, unsigned int *limit)
{
	*limit = device->usual_power;
	return device->most_power ? NVML_SUCCESS : ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(
	nvmlDevice_t device, unsigned int *least, unsigned int *most);
EXPORT nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(
	nvmlDevice_t device, unsigned int *least, unsigned int *most)
{
	*least = device->least_power;
	*most = device->most_power;
	return device->most_power ? NVML_SUCCESS : ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int limit);
EXPORT nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int limit)
{
	char path[4096];
	FILE *f;

	if (power_code)
		return power_code;
	if (limit < device->least_power || limit > device->most_power)
		return ERROR_INVALID_ARGUMENT;
	own_path(path, sizeof(path), "power.", device->bus_id);
	f = fopen(path, "we");
	if (!f)
		return NVML_ERROR_NO_PERMISSION;
	(void)fprintf(f, "%u\n", limit);
	(void)fclose(f);
	if (power_crash)
		behave("crash");
	return NVML_SUCCESS;
}
