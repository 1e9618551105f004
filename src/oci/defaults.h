/* SPDX-License-Identifier: Apache-2.0 */
/* What every container gets or is kept from, whatever its plan: tables, no code. */
#pragma once

#include <stddef.h>

struct oci_default_mount {
	const char *destination, *type, *source;
	const char *options[8]; /* ends with NULL */
};

/* Mounts of a container, in order. */
extern const struct oci_default_mount oci_default_mounts[];
extern const size_t oci_default_mounts_n;

/* Further ones where the root is the machine's own. */
extern const struct oci_default_mount oci_host_root_mounts[];
extern const size_t oci_host_root_mounts_n;

/*
 * The capabilities of a container's root user: those that programs in images rely on and that a
 * container may have without reaching the host. The set that Docker and Podman users know.
 */
extern const char *const oci_capabilities[];
extern const size_t oci_capabilities_n;

/* Files that tell of, or reach into, the host: hidden, or read-only. */
extern const char *const oci_masked_paths[];
extern const size_t oci_masked_paths_n;
extern const char *const oci_read_only_paths[];
extern const size_t oci_read_only_paths_n;

/*
 * What this machine can run: a filter kills the programs of an architecture it does not know. None
 * on machines without a second one.
 */
extern const char *const oci_seccomp_architectures[];
extern const size_t oci_seccomp_architectures_n;

/* System calls no container needs, each a way to the kernel rather than to a service of it. */
extern const char *const oci_denied_syscalls[];
extern const size_t oci_denied_syscalls_n;
