/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which GPUs: the one grammar behind --gpu, NVIDIA_VISIBLE_DEVICES and Boltfiles.
 *
 *	SELECTOR := ITEM[,ITEM...]
 *	ITEM     := all | gpu:all | none | N | gpuN | gpu:N | N:M | gpuN:M | GPU-<uuid>
 *	          | MIG-<uuid> | <PCI address> | <vendor>/<class>=<name>
 *
 * Words are case-insensitive. A UUID may be shortened to a prefix that is unique on the machine
 * (at least four hex digits). Items add up; a GPU named twice counts once; `none` cannot be
 * joined with others. N is the inventory's index, M a partition of it (MIG, XCP).
 *
 * A CDI name resolves here only for the kinds nvbind itself defines (nvidia.com/gpu,
 * nvidia.com/gpu-bolt, amd.com/gpu, intel.com/gpu): its device name is then an ITEM.
 */
#pragma once

#include "gpu/inventory.h"

struct selected_gpu {
	const struct gpu *gpu;
	const struct gpu_partition *partition; /* NULL: the whole GPU */
};

struct selection {
	struct selected_gpu *items; /* inventory order, each once */
	size_t n;
	bool none; /* "none" was asked for */
	bool all;
};

/* Syntax only, no inventory. Errors: NVB_ERR_USAGE. */
int selector_check(const char *text, struct nvb_error **err);

/* True if an item needs what only the vendor's library knows (a MIG UUID). */
bool selector_needs_enrichment(const struct string_list *selectors);

/*
 * Resolves all selectors together. Errors: NVB_ERR_USAGE (not the grammar), NVB_ERR_NO_GPU
 * (out of range, unknown, unusable; the message lists what exists). Items live in `a`, the GPUs
 * in the inventory. "all" with no usable GPU is NVB_ERR_NO_GPU; `none` needs no GPU at all.
 */
int selector_resolve(const struct string_list *selectors, const struct inventory *inv,
	struct arena *a, struct selection *ret, struct nvb_error **err);

/*
 * Takes the CDI names that nvbind does not define itself out of a list of selectors: those of
 * other kinds, and devices of its own kinds that are no ITEM. They are for a registry of CDI specs
 * to resolve. Strings go into `a`. Errors: NVB_ERR_USAGE.
 */
int selector_split_foreign(const struct string_list *selectors, struct arena *a,
	struct string_list *ret_own, struct string_list *ret_foreign, struct nvb_error **err);

/*
 * For a name of ret_foreign that no specification defines. Errors: NVB_ERR_NO_GPU if it is of our
 * own kinds: then a GPU is meant that does not exist. 0: it is none of ours.
 */
int selector_check_undefined(const char *name, const struct inventory *inv, struct nvb_error **err);

/* N of "VENDOR/CLASS=N": a CDI kind counts its own GPUs only. */
unsigned selector_index_in_kind(const struct inventory *inv, const struct gpu *gpu);

/* The CDI kind of a vendor's GPUs. */
const char *selector_kind_of(enum gpu_vendor vendor);

/* The selection as CDI names: "nvidia.com/gpu=0", "nvidia.com/gpu=0:1". Strings go into `a`. */
int selector_cdi_names(const struct selection *selection, const struct inventory *inv,
	struct arena *a, struct string_list *ret, struct nvb_error **err);
