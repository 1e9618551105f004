/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process gives up before it looks at anything of the container.
 *
 * A createContainer hook runs in the container's namespaces, before the runtime's pivot_root: "/"
 * is the machine's own root, and a mount made here stays in the container. So the program has
 * two phases. In the first it reads the state and the driver's parameters and mounts over the
 * container's copy of them. Then it leaves for a mount namespace of its own whose root is
 * the container's, and nothing outside has a name any more: a link, a race or a bug in the second
 * phase can only hit the container itself.
 */
#pragma once

#include "base/error.h"

/* First of all: descriptors, signals, limits, privileges that a program could regain. */
int confine_process(struct nvb_error **err);

/*
 * The capabilities of the first phase: to mount, and to look into directories of other users.
 * Those of the second are dropped by confine_in_root().
 */
int confine_to_mounting(struct nvb_error **err);

/*
 * Enters a mount namespace in which root_fd's directory is "/", everything below is nosuid,
 * nodev and noexec, and nothing else exists. A root that is read-only in the container's view alone
 * can be written here. Drops all capabilities but the one to write files of
 * other users, and all system calls but those for files. Returns a descriptor of "/".
 */
int confine_in_root(int root_fd, int *ret_root_fd, struct nvb_error **err);
