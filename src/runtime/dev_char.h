/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links of device numbers: /dev/char/MAJOR:MINOR.
 *
 * Where systemd guards a container's devices, a low-level runtime names them to it by such paths,
 * and `systemctl daemon-reload` makes systemd write the rules anew. A device whose link is missing
 * then drops out, and a container loses a GPU that it had used: "NVML: Unknown Error". udev makes
 * the links of devices that the kernel announces; NVIDIA's modules announce none of theirs.
 *
 * Not all programs look at the link: systemd since 240 takes the numbers from the path itself, and
 * runc leaves out what is missing from 1.1.3 to 1.1.6, and later with an older systemd only.
 * Source: systemd 240, src/core/cgroup.c; runc 1.1.3, 1.1.5 and 1.1.7, libcontainer/cgroups/
 * systemd/common.go; crun 1.18, src/libcrun/cgroup-systemd.c, which passes every path on.
 */
#pragma once

#include "plan/plan.h"

/*
 * Makes the links of the plan's character devices that are below /dev on this machine, where they
 * are missing or lead elsewhere. What cannot be made is a warning in the log.
 */
void dev_char_link_nodes(const struct plan *plan);
/* The same for an open directory in place of /dev. */
void dev_char_link_nodes_in(int dev_fd, const struct plan *plan);
