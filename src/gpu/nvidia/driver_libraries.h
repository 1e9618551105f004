/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's libraries on a machine, whatever its layout. */
#pragma once

#include "gpu/vendor.h"

/*
 * Appends the libraries to driver->files and sets driver->files_version: the version of the
 * kernel module (driver->version) if there are files of it, else the version that is there.
 * Other versions, and files that are no proper libraries, become warnings.
 *
 * *ret_dirs: the directories searched, without links, in search order.
 */
int driver_libraries_find(struct gpu_discovery *d, struct gpu_driver *driver,
	struct string_list *ret_dirs, struct nvb_error **err);
