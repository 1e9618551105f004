/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of selector.h as data: one item of a comma list. Knows no machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "gpu/inventory.h"

enum item_kind {
	ITEM_NONE,
	ITEM_ALL,
	ITEM_INDEX,
	ITEM_PARTITION,
	ITEM_GPU_UUID,
	ITEM_MIG_UUID,
	ITEM_PCI,
	ITEM_FOREIGN, /* a CDI name whose kind or device is not ours */
};

struct pci_location {
	uint64_t domain, bus, device, function;
};

/* A CDI kind that nvbind itself defines. */
struct cdi_kind {
	const char *name;
	enum gpu_vendor vendor;
	bool includes_wsl; /* a Windows GPU under WSL2 is served by NVIDIA's kinds */
};

/* NULL: a kind that is defined elsewhere. */
const struct cdi_kind *item_find_kind(const char *text, size_t length);

struct item {
	enum item_kind kind;
	uint64_t index, partition;
	const char *text; /* all of it, or a UUID with its prefix: not terminated */
	size_t length;
	struct pci_location pci;
	const struct cdi_kind *cdi; /* NULL: not given as a CDI name */
};

/* "[domain:]bus:device.function" in hexadecimal; nvidia-smi writes eight digits of domain. */
bool item_parse_pci(const char *text, size_t length, struct pci_location *ret);

typedef int (*item_function)(void *user, const struct item *item, struct nvb_error **err);

/*
 * Calls `each` for every item of one selector until it returns < 0. Errors: NVB_ERR_USAGE, and
 * those of `each`.
 */
int item_for_each(const char *text, item_function each, void *user, struct nvb_error **err);

/* "select GPU 'ITEM': REASON", with the item bounded and escaped. */
int item_raise(
	int status, const char *text, size_t length, const char *reason, struct nvb_error **err);
