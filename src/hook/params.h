/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "ModifyDeviceFiles: 0" for the container: the driver's tools then make and change no device
 * nodes of their own.
 * Source: NVIDIA driver README, chapter "Tips: Device files"; /proc/driver/nvidia/params.
 */
#pragma once

#include "base/error.h"

/*
 * Mounts an edited copy of the running driver's parameters over those that the container sees,
 * read-only, in the mount namespace of the caller, which is to be the container's. Returns 1; 0
 * if there is nothing to do: no driver, no procfs in the container, or the value is 0 already.
 */
int params_disable_modification(int root_fd, struct nvb_error **err);

/* Returns 1 and the text with the value 0, malloc'd; 0: it needs no edit. */
int params_edit(const char *text, char **ret_edited, struct nvb_error **err);
