/* SPDX-License-Identifier: Apache-2.0 */
/* NVIDIA's DLLs for Wine (DLSS): nvidia/wine/ in a library directory. */
#pragma once

#include "gpu/vendor.h"

/*
 * Appends the DLLs found below `library_dirs` as libraries: Proton looks for them in the
 * directory that holds libGLX_nvidia.so.0, so they move with the libraries.
 * Source: Proton, the script "proton", find_nvidia_wine_dll_dir().
 */
int wine_files_find(struct gpu_discovery *d, struct gpu_driver *driver,
	const struct string_list *library_dirs, struct nvb_error **err);
