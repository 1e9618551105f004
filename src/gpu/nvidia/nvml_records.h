/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the NVML worker writes and its parent reads: lines of "KEY VALUE".
 *
 *	nvml-report 1
 *	missing nvmlDeviceGetAttributes_v2	a function that the library lacks
 *	failed nvmlInit_v2 9 Driver Not Loaded	a call, its code, the library's words
 *	gpu 00000000:10:00.0			opens a GPU; the lines below are its own
 *	uuid GPU-...
 *	name NVIDIA H100 80GB HBM3
 *	memory 85520809984
 *	compute-capability 9.0
 *	mig 1 0					opens a MIG device of it: GPU instance, compute instance
 *	uuid MIG-...
 *	name NVIDIA H100 80GB HBM3 MIG 1g.10gb
 *	memory 10468982784
 *	end					without it the report is cut off
 *
 * The library may be anything, so the parent takes nothing on trust: a line that is not exactly
 * of this form, or a value that cannot be, refuses the whole report.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define NVML_RECORDS_LIMIT_BYTES ((size_t)256 << 10)
#define NVML_MAX_GPUS 256
#define NVML_MAX_MIG_DEVICES 64 /* of one GPU */

#define NVML_KEY_HEADER "nvml-report"
#define NVML_KEY_MISSING "missing"
#define NVML_KEY_FAILED "failed"
#define NVML_KEY_GPU "gpu"
#define NVML_KEY_MIG "mig"
#define NVML_KEY_UUID "uuid"
#define NVML_KEY_NAME "name"
#define NVML_KEY_MEMORY "memory"
#define NVML_KEY_COMPUTE_CAPABILITY "compute-capability"
#define NVML_KEY_END "end"
#define NVML_RECORDS_VERSION "1"

struct nvml_mig {
	int gi, ci;
	const char *uuid;
	const char *profile; /* from the name: "1g.10gb" */
	uint64_t memory_bytes;
};

struct nvml_gpu {
	const char *pci_address; /* as in the inventory: "0000:10:00.0" */
	const char *uuid;
	const char *name;
	const char *compute_capability;
	uint64_t memory_bytes;
	struct nvml_mig_list VEC(struct nvml_mig) migs;
};

struct nvml_report {
	struct nvml_gpu_list VEC(struct nvml_gpu) gpus;
	struct string_list missing;  /* function names */
	struct string_list failures; /* "nvmlInit_v2 9 Driver Not Loaded" */
};

/* The strings live in `a`. Errors: NVB_ERR_FORMAT (names the line), NVB_ERR_LIMIT, NO_MEMORY. */
int nvml_records_parse(const char *text, struct arena *a, struct nvml_report *ret,
	struct nvb_error **err);
