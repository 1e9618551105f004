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
#define NVML_ERROR_IN_USE 19

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
 * against a driver. So a limit counts only where reading it again gives what was written, and there
 * is room behind for members that a library may have.
 */
#define NVML_RESERVED_WORDS 8

typedef struct {
	const char *nameSpace;
	unsigned long long softLimit, hardLimit;
	unsigned long long reserved[NVML_RESERVED_WORDS];
} nvmlMemoryLimitsSet_v1_t;

typedef struct {
	const char *nameSpace;
	unsigned long long softLimit, hardLimit, currentUsed;
	unsigned long long reserved[NVML_RESERVED_WORDS];
} nvmlMemoryLimits_v1_t;

/* What nvml_control_worker.c calls. */
typedef nvmlReturn_t nvml_nvmlInit_v2_function(void);
typedef nvmlReturn_t nvml_nvmlDeviceGetHandleByPciBusId_v2_function(
	const char *address, nvmlDevice_t *device);
typedef nvmlReturn_t nvml_nvmlDeviceSetMemoryLimits_v1_function(
	nvmlDevice_t device, nvmlMemoryLimitsSet_v1_t *limits);
typedef nvmlReturn_t nvml_nvmlDeviceGetMemoryLimits_v1_function(
	nvmlDevice_t device, nvmlMemoryLimits_v1_t *limits);
/* Milliwatts. */
typedef nvmlReturn_t nvml_nvmlDeviceGetPowerManagementLimit_function(
	nvmlDevice_t device, unsigned int *limit);
typedef nvmlReturn_t nvml_nvmlDeviceGetPowerManagementDefaultLimit_function(
	nvmlDevice_t device, unsigned int *limit);
typedef nvmlReturn_t nvml_nvmlDeviceGetPowerManagementLimitConstraints_function(
	nvmlDevice_t device, unsigned int *least, unsigned int *most);
typedef nvmlReturn_t nvml_nvmlDeviceSetPowerManagementLimit_function(
	nvmlDevice_t device, unsigned int limit);

/*
 * Making and removing MIG instances.
 * Source: NVIDIA, "NVML API Reference Guide", Multi Instance GPU Management.
 */
#define NVML_GPU_INSTANCE_PROFILES     64 /* more than there are; unknown ones are refused */
#define NVML_COMPUTE_INSTANCE_PROFILES 16
#define NVML_MAX_PLACEMENTS	       64
#define NVML_MIG_NAME_BYTES	       96

typedef struct nvmlGpuInstance_st *nvmlGpuInstance_t;
typedef struct nvmlComputeInstance_st *nvmlComputeInstance_t;

typedef struct {
	unsigned int version, id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
	unsigned int copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
	unsigned long long memorySizeMB;
	char name[NVML_MIG_NAME_BYTES];
} nvmlGpuInstanceProfileInfo_v2_t;

#define NVML_GPU_INSTANCE_PROFILE_INFO_V2 \
	((unsigned int)sizeof(nvmlGpuInstanceProfileInfo_v2_t) | (2U << 24))

typedef struct {
	unsigned int id, sliceCount, instanceCount, multiprocessorCount, sharedCopyEngineCount;
	unsigned int sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount;
} nvmlComputeInstanceProfileInfo_t;

typedef struct {
	unsigned int start, size;
} nvmlGpuInstancePlacement_t;

typedef struct {
	nvmlDevice_t device;
	unsigned int id, profileId;
	nvmlGpuInstancePlacement_t placement;
} nvmlGpuInstanceInfo_t;

_Static_assert(sizeof(nvmlGpuInstanceProfileInfo_v2_t) == 152, "nvmlGpuInstanceProfileInfo_v2_t");
_Static_assert(sizeof(nvmlComputeInstanceProfileInfo_t) == 36, "nvmlComputeInstanceProfileInfo_t");

typedef nvmlReturn_t nvml_nvmlDeviceGetMigMode_function(
	nvmlDevice_t device, unsigned int *current, unsigned int *pending);
typedef nvmlReturn_t nvml_nvmlDeviceGetGpuInstanceProfileInfoV_function(
	nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_v2_t *info);
typedef nvmlReturn_t nvml_nvmlDeviceGetGpuInstanceRemainingCapacity_function(
	nvmlDevice_t device, unsigned int profile_id, unsigned int *count);
typedef nvmlReturn_t nvml_nvmlDeviceCreateGpuInstance_function(
	nvmlDevice_t device, unsigned int profile_id, nvmlGpuInstance_t *instance);
typedef nvmlReturn_t nvml_nvmlDeviceCreateGpuInstanceWithPlacement_function(nvmlDevice_t device,
	unsigned int profile_id, const nvmlGpuInstancePlacement_t *placement,
	nvmlGpuInstance_t *instance);
typedef nvmlReturn_t nvml_nvmlDeviceGetGpuInstancePossiblePlacements_v2_function(
	nvmlDevice_t device, unsigned int profile_id, nvmlGpuInstancePlacement_t *placements,
	unsigned int *count);
typedef nvmlReturn_t nvml_nvmlDeviceGetGpuInstanceById_function(
	nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *instance);
typedef nvmlReturn_t nvml_nvmlGpuInstanceGetInfo_function(
	nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t *info);
typedef nvmlReturn_t nvml_nvmlGpuInstanceDestroy_function(nvmlGpuInstance_t instance);
typedef nvmlReturn_t nvml_nvmlGpuInstanceGetComputeInstanceProfileInfo_function(
	nvmlGpuInstance_t instance, unsigned int profile, unsigned int engine_profile,
	nvmlComputeInstanceProfileInfo_t *info);
typedef nvmlReturn_t nvml_nvmlGpuInstanceCreateComputeInstance_function(
	nvmlGpuInstance_t instance, unsigned int profile_id, nvmlComputeInstance_t *compute);
typedef nvmlReturn_t nvml_nvmlGpuInstanceGetComputeInstanceById_function(
	nvmlGpuInstance_t instance, unsigned int id, nvmlComputeInstance_t *compute);
typedef nvmlReturn_t nvml_nvmlComputeInstanceDestroy_function(nvmlComputeInstance_t compute);
