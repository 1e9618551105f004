/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Display controllers and processing accelerators on the PCI bus, from sysfs alone
 * (/sys/bus/pci/devices; kernel ABI: Documentation/ABI/testing/sysfs-bus-pci).
 */
#pragma once

#include "host/drm.h"
#include "host/tree.h"

#define PCI_VENDOR_NVIDIA 0x10de
#define PCI_VENDOR_AMD 0x1002
#define PCI_VENDOR_INTEL 0x8086

#define PCI_CLASS_DISPLAY 0x03     /* high byte of the class code */
#define PCI_CLASS_ACCELERATOR 0x12

struct pci_device {
	const char *address; /* "0000:10:00.0", lower case */
	uint32_t vendor, device, class_code;
	const char *driver;  /* NULL: none bound */
	int numa_node;       /* -1: unknown */
	struct drm_nodes drm;
};

struct pci_device_list VEC(struct pci_device);

/*
 * All devices of class 03xx and 12xx in address order. A tree without /sys/bus/pci gives an empty
 * list. A device whose files cannot be read is left out and named in `warnings`.
 */
int pci_list_display(const struct host_tree *tree, struct arena *a, struct pci_device_list *ret,
	struct string_list *warnings, struct nvb_error **err);

/* "0000:01:00.0", "01:00.0" and "00000000:01:00.0" become "0000:01:00.0"; false if it is none. */
bool pci_address_normalize(const char *text, char ret_address[static 13]);

/*
 * "Vendor Device" from the machine's pci.ids through libpci, into the arena; NULL if unknown, or
 * without libpci. From one thread at a time.
 * Reads a megabyte of text: not for the path of a container start.
 */
const char *pci_device_name(const struct host_tree *tree, struct arena *a, uint32_t vendor,
	uint32_t device);
