/* SPDX-License-Identifier: Apache-2.0 */
/* The DRM nodes of a device: <sysfs device>/drm/{cardN,renderDN} and /dev/dri/by-path links. */
#pragma once

#include "host/tree.h"

struct drm_nodes {
	const char *card;   /* "/dev/dri/card0", NULL: none */
	const char *render; /* "/dev/dri/renderD128", NULL: none */
};

/* `device_dir` is the sysfs directory of the device. No drm directory: both NULL, success. */
int drm_read_nodes(const struct host_tree *tree, struct arena *a, const char *device_dir,
	struct drm_nodes *ret, struct nvb_error **err);
