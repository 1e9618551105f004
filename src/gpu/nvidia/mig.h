/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG without NVML: which instances exist, and the nodes that open them.
 *
 * /proc/driver/nvidia-caps/mig-minors lists the minor number of every instance that could exist
 * ("config 1", "gpu0/gi1/access 12", "gpu0/gi1/ci0/access 13"); the directories below
 * /proc/driver/nvidia/capabilities/gpuN/mig tell which do. N is the device minor, not the index.
 *
 * Source: open-gpu-kernel-modules, kernel-open/nvidia/nv-caps.c; osRmCapRegisterGpu().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "gpu/vendor.h"

#define MIG_MINORS_PATH "/proc/driver/nvidia-caps/mig-minors"
#define MIG_NODE_FORMAT "/dev/nvidia-caps/nvidia-cap%u"

struct mig_minor {
	uint16_t gpu;
	int16_t gi, ci; /* ci -1: the GPU instance itself */
	uint32_t minor;
};

struct mig_minor_list VEC(struct mig_minor);

/*
 * Reads the first `length` bytes of mig-minors. `config`, `monitor`, lines that are not
 * understood and a last line without its end are skipped. Returns 0, or -1: out of memory.
 */
int mig_minors_parse(const char *text, size_t length, struct arena *a, struct mig_minor_list *ret);
/* False if the list does not hold it. */
bool mig_minors_find(const struct mig_minor_list *list, int gpu, int gi, int ci,
	uint32_t *ret_minor);

/* The minor number behind "config" or "monitor", which are no instances. False: not listed. */
bool mig_minors_find_control(const char *text, size_t length, const char *name,
	uint32_t *ret_minor);

/* All of `text` as a minor number. */
bool mig_minor_parse(const char *text, size_t length, uint32_t *ret_minor);
/* The driver's table. 0 or -errno; *ret_text is malloc'd. */
errint_t mig_minors_read(const struct host_tree *tree, char **ret_text);

/* What is read once for all GPUs of a machine; zeroed at first. */
struct mig_tables {
	bool loaded;
	struct mig_minor_list minors;
	uint32_t caps_major; /* 0: unknown */
};

/* Adds gpu's instances as partitions, with their nodes; sets gpu->mig_enabled if there are any. */
int mig_discover(struct gpu_discovery *d, struct gpu *gpu, struct mig_tables *tables,
	struct nvb_error **err);

/* See struct gpu_vendor_ops. */
int mig_find_control(struct gpu_discovery *d, struct nvb_error **err);
