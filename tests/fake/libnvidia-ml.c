/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnvidia-ml.so.1 without a GPU. What it tells comes from "nvml.conf" beside it:
 *
 *	gpu	BUS ID	UUID	NAME	MEMORY BYTES	MAJOR.MINOR
 *	mig	GI	CI	UUID	NAME	MEMORY MIB		of the GPU above
 *	hang | crash | init-error CODE | noise | wild-text
 *	limits-error CODE | limits-ignored | limits-crash	setting a memory limit: fails, does
 *						nothing, sets it and crashes
 *
 * A memory limit that is set is kept in "limit.BUS ID" beside the library, as "GROUP HARD SOFT".
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
	int is_mig;
	struct nvmlDevice_st *migs;
	unsigned n_migs;
};

static struct nvmlDevice_st gpus[MAX_GPUS];
static unsigned n_gpus;
static int init_code;
static int wild_text;
static int limits_code, limits_ignored, limits_crash;

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
	} else if (strncmp(line, "limits-ignored", 14) == 0) {
		limits_ignored = 1;
	} else if (strncmp(line, "limits-crash", 12) == 0) {
		limits_crash = 1;
	} else {
		(void)sscanf(line, "init-error %d", &init_code);
		(void)sscanf(line, "limits-error %d", &limits_code);
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

		if (length < wanted || strcmp(gpus[i].bus_id + length - wanted, address) != 0)
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
#endif
