/* SPDX-License-Identifier: Apache-2.0 */
/* Puts a container's root together, in the keeper's private mount namespace. */
#pragma once

#include "base/error.h"

struct keeper;

/*
 * A procfs of this PID namespace; where asked for, a unified cgroup tree; an overlay of the image
 * below and the capsule's writable layer above at <capsule>/root. Nothing reaches the host's
 * mount namespace.
 */
int root_mount_all(const struct keeper *keeper, struct nvb_error **err);
