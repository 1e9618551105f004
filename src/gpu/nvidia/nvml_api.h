/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of NVML that the worker calls. Written from the reference, not from NVIDIA's header.
 *
 * Source: NVIDIA, "NVML API Reference Guide" vR590, 2026-01-12: Device Structs, Device Enumvs,
 * Initialization and Cleanup, Device Queries, Multi Instance GPU Management.
 */
#pragma once

#define NVML_SONAME "libnvidia-ml.so.1"

#define NVML_SUCCESS 0
#define NVML_ERROR_NOT_SUPPORTED 3
#define NVML_ERROR_NO_PERMISSION 4
#define NVML_ERROR_NOT_FOUND 6

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;

typedef struct {
	char busIdLegacy[16];
	unsigned int domain, bus, device;
	unsigned int pciDeviceId, pciSubSystemId;
	char busId[32];
} nvmlPciInfo_t;

typedef struct {
	unsigned long long total, free, used; /* bytes */
} nvmlMemory_t;

typedef struct {
	unsigned int multiprocessorCount;
	unsigned int sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
	unsigned int sharedJpegCount, sharedOfaCount;
	unsigned int gpuInstanceSliceCount, computeInstanceSliceCount;
	unsigned long long memorySizeMB; /* MiB */
} nvmlDeviceAttributes_t;

_Static_assert(sizeof(nvmlPciInfo_t) == 68, "nvmlPciInfo_t");
_Static_assert(sizeof(nvmlMemory_t) == 24, "nvmlMemory_t");
_Static_assert(sizeof(nvmlDeviceAttributes_t) == 40, "nvmlDeviceAttributes_t");

#define NVML_NAME_BYTES 96 /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */
#define NVML_UUID_BYTES 96 /* NVML_DEVICE_UUID_V2_BUFFER_SIZE */

/* X(required, name, parameters): without a required function there is no report at all; without
 * another one, what it tells stays unknown. */
#define NVML_FUNCTIONS(X)                                                                      \
	X(1, nvmlInit_v2, (void))                                                              \
	X(1, nvmlDeviceGetCount_v2, (unsigned int *count))                                     \
	X(1, nvmlDeviceGetHandleByIndex_v2, (unsigned int index, nvmlDevice_t *device))        \
	X(1, nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t *pci))               \
	X(0, nvmlDeviceGetName, (nvmlDevice_t device, char *name, unsigned int length))        \
	X(0, nvmlDeviceGetUUID, (nvmlDevice_t device, char *uuid, unsigned int length))        \
	X(0, nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t *memory))             \
	X(0, nvmlDeviceGetCudaComputeCapability, (nvmlDevice_t device, int *major, int *minor)) \
	X(0, nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, unsigned int *count))       \
	X(0, nvmlDeviceGetMigDeviceHandleByIndex,                                              \
		(nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig))                  \
	X(0, nvmlDeviceGetGpuInstanceId, (nvmlDevice_t device, unsigned int *id))              \
	X(0, nvmlDeviceGetComputeInstanceId, (nvmlDevice_t device, unsigned int *id))          \
	X(0, nvmlDeviceGetAttributes_v2,                                                       \
		(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes))

struct nvml_api {
#define X(required, name, parameters) nvmlReturn_t(*name) parameters;
	NVML_FUNCTIONS(X)
#undef X
	const char *(*nvmlErrorString)(nvmlReturn_t code);
};

/*
 * Memory limits of control groups: R615. Bytes; nameSpace is the group's directory.
 * Source: NVIDIA, NVML change log for 615; the layout as programs that use it have it, not checked
 * against a driver. So a limit counts only where reading it again gives what was written.
 */
typedef struct {
	const char *nameSpace;
	unsigned long long softLimit, hardLimit;
} nvmlMemoryLimitsSet_v1_t;

typedef struct {
	const char *nameSpace;
	unsigned long long softLimit, hardLimit, currentUsed;
} nvmlMemoryLimits_v1_t;

/* What nvml_control_worker.c calls. */
typedef nvmlReturn_t nvml_nvmlInit_v2_function(void);
typedef nvmlReturn_t nvml_nvmlDeviceGetHandleByPciBusId_v2_function(
	const char *address, nvmlDevice_t *device);
typedef nvmlReturn_t nvml_nvmlDeviceSetMemoryLimits_v1_function(
	nvmlDevice_t device, nvmlMemoryLimitsSet_v1_t *limits);
typedef nvmlReturn_t nvml_nvmlDeviceGetMemoryLimits_v1_function(
	nvmlDevice_t device, nvmlMemoryLimits_v1_t *limits);
