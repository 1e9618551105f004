/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/driver/nvidia/gpus/<address>/information: what the kernel module says of one GPU, as
 * lines "Name: \t value".
 *
 * Source: open-gpu-kernel-modules, kernel-open/nvidia/nv-procfs.c, nv_procfs_read_gpu_info().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* X(symbol, text in the file, needed): without a needed line the GPU cannot be given away. */
#define INFORMATION_TABLE(X)            \
	X(MODEL, "Model", false)        \
	X(UUID, "GPU UUID", false)      \
	X(MINOR, "Device Minor", true)  \
	X(EXCLUDED, "GPU Excluded", false)

enum information_field {
#define X(symbol, text, needed) INFORMATION_##symbol,
	INFORMATION_TABLE(X)
#undef X
	INFORMATION_FIELD_COUNT,
};

struct information {
	const char *model;    /* NULL: not told, or "Unknown" */
	const char *uuid;     /* "GPU-..."; NULL: not told, or not yet known to the driver */
	int minor;            /* N of /dev/nvidiaN; -1: not told */
	bool excluded;        /* kept from use by the administrator (NVreg_ExcludedGpus) */
	/* Names of needed lines that are not there or not understood, "A, B"; NULL: none. */
	const char *missing;
};

/*
 * Reads the first `length` bytes. Unknown lines are skipped, of repeated ones the first counts,
 * a last line without its end does not: "1" may be half of "12". Odd text gives what is known.
 * Strings live in the arena. Returns 0, or -1: out of memory.
 */
int information_parse(const char *text, size_t length, struct arena *a, struct information *ret);
