/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/driver/nvidia/version: which kernel module is loaded.
 *
 *	NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.163.01  Release Build  (...)
 *	NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8 12:41:17 UTC 2025
 *
 * Source: open-gpu-kernel-modules, kernel-open/nvidia/nv-procfs.c, nv_procfs_read_version().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NVIDIA_VERSION_BYTES 32

struct nvidia_version {
	char text[NVIDIA_VERSION_BYTES]; /* "550.163.01" */
	const char *flavor;              /* "open", "proprietary"; NULL: the text does not say */
};

/* False if the first `length` bytes hold no whole line with a version. */
bool version_parse(const char *text, size_t length, struct nvidia_version *ret);
