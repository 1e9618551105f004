/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnvidia-ml.so.1 that answers at once, for GPU runtimes that cannot do without one: it takes
 * no time that could be told against them. $NVBIND_BENCH_NVML names a file that says what there is:
 * the driver's version, then a line "BUS-ID UUID MINOR" for each GPU. No GPU has MIG.
 *
 * Source: NVIDIA, "NVML API Reference Guide" vR590: Initialization and Cleanup, System Queries,
 * Device Queries, Multi Instance GPU Management.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/nvidia/nvml_api.h"

#define EXPORT		       __attribute__((visibility("default")))
#define MAX_GPUS	       64
#define ERROR_INVALID_ARGUMENT 2
#define ERROR_NOT_SUPPORTED    3
#define CUDA_VERSION	       12040
#define BRAND_NVIDIA	       14

struct nvmlDevice_st {
	char bus_id[32], uuid[NVML_UUID_BYTES];
	unsigned index, minor;
};

static struct nvmlDevice_st gpus[MAX_GPUS];
static unsigned n_gpus;
static char driver_version[64];

static void read_list(void)
{
	const char *path = getenv("NVBIND_BENCH_NVML");
	FILE *file = path ? fopen(path, "re") : NULL;
	struct nvmlDevice_st *gpu = gpus;

	if (!file)
		return;
	n_gpus = 0;
	if (fscanf(file, "%63s", driver_version) == 1)
		while (n_gpus < MAX_GPUS &&
			fscanf(file, "%31s %95s %u", gpu->bus_id, gpu->uuid, &gpu->minor) == 3) {
			gpu->index = n_gpus++;
			gpu++;
		}
	(void)fclose(file);
}

static nvmlReturn_t copy(const char *text, char *to, unsigned length)
{
	(void)snprintf(to, length, "%s", text);
	return NVML_SUCCESS;
}

static nvmlReturn_t set(unsigned value, unsigned *to)
{
	*to = value;
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInit_v2(void);
EXPORT nvmlReturn_t nvmlInit_v2(void)
{
	read_list();
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags);
EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
	(void)flags;
	return nvmlInit_v2();
}

EXPORT nvmlReturn_t nvmlShutdown(void);
EXPORT nvmlReturn_t nvmlShutdown(void)
{
	return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t code);
EXPORT const char *nvmlErrorString(nvmlReturn_t code)
{
	return code == ERROR_NOT_SUPPORTED ? "Not Supported" : "error";
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned length);
EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned length)
{
	return copy(driver_version, text, length);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version);
EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
	*version = CUDA_VERSION;
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version);
EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
	return nvmlSystemGetCudaDriverVersion_v2(version);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count);
EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
	return set(n_gpus, count);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
	if (index >= n_gpus)
		return ERROR_INVALID_ARGUMENT;
	*device = &gpus[index];
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device);
EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
	for (unsigned i = 0; i < n_gpus; i++)
		if (strcmp(gpus[i].uuid, uuid) == 0) {
			*device = &gpus[i];
			return NVML_SUCCESS;
		}
	return NVML_ERROR_NOT_FOUND;
}

EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index);
EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index)
{
	return set(device->index, index);
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor);
EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor)
{
	return set(device->minor, minor);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned length);
EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned length)
{
	return copy(device->uuid, text, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned length);
EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned length)
{
	(void)device;
	return copy("NVIDIA H100 80GB HBM3", text, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, unsigned *brand);
EXPORT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, unsigned *brand)
{
	(void)device;
	return set(BRAND_NVIDIA, brand);
}

/* NVML writes the domain with eight digits, in capital letters. */
EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci);
EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	memset(pci, 0, sizeof(*pci));
	if (sscanf(device->bus_id, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device) != 3)
		return ERROR_INVALID_ARGUMENT;
	(void)snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.0", pci->domain, pci->bus,
		pci->device);
	(void)snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.0",
		pci->domain & 0xffff, pci->bus & 0xff, pci->device & 0xff);
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory);
EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	(void)device;
	*memory = (nvmlMemory_t){ .total = 80ULL << 30, .free = 80ULL << 30 };
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor);
EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
	(void)device;
	*major = 9;
	*minor = 0;
	return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending);
EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
	(void)device;
	*pending = 0;
	return set(0, current);
}

EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count);
EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count)
{
	(void)device;
	return set(0, count);
}

EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *is_mig);
EXPORT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *is_mig)
{
	(void)device;
	return set(0, is_mig);
}
