/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user space of NVIDIA's driver on a machine: libraries, programs, firmware, configuration,
 * sockets. Tables: driver_groups.def.
 */
#pragma once

#include "gpu/vendor.h"

/*
 * NVIDIA's runtime, should it stand behind the engine, leaves such a container alone.
 * Source: NVIDIA Container Toolkit documentation, "Environment variables".
 */
#define NVIDIA_SPEC_ENVIRONMENT "NVIDIA_VISIBLE_DEVICES=void"

/*
 * Fills driver->files, files_version and brings_user_space from d->tree. driver->version, if
 * known, chooses among several versions. A machine without the files is success; it and all
 * other oddities become warnings. Deterministic: by kind, 64 before 32 bit, then by name.
 * Errors: NVB_ERR_NO_MEMORY.
 */
int nvidia_find_driver_files(struct gpu_discovery *d, struct gpu_driver *driver,
	struct nvb_error **err);
