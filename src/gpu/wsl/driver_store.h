/* SPDX-License-Identifier: Apache-2.0 */
/* The user space that Windows lends to WSL2: /usr/lib/wsl/lib and the driver store. */
#pragma once

#include "gpu/vendor.h"

/*
 * Fills driver->files, environment and brings_user_space. Everything keeps its path: libdxcore.so
 * asks the kernel for the driver store and gets /usr/lib/wsl/drivers/<name>. No files there is
 * a warning.
 * Errors: NVB_ERR_NO_MEMORY.
 */
int wsl_find_driver_files(struct gpu_discovery *d, struct gpu_driver *driver,
	struct nvb_error **err);
