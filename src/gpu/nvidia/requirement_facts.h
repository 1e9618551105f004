/* SPDX-License-Identifier: Apache-2.0 */
/* What images require of NVIDIA's driver and GPUs, from tables: neither CUDA nor NVML is asked. */
#pragma once

#include "gpu/requirement_facts.h"

/* The newest CUDA version whose programs a driver serves: "12.4" for "550.163.01". NULL: a branch
 * that the table does not know, or no version. */
const char *cuda_version_of_driver(const char *driver_version);

/* What the newest known branch up to the driver's own serves: a later driver serves no less. */
const char *cuda_version_at_least(const char *driver_version);

/*
 * NVML's brand of a GPU with this product name, as requirements spell it: "geforce", "nvidiartx".
 * NULL: no name, or one whose brand differs between drivers.
 */
const char *nvidia_brand_of(const char *product_name);

/* "8.0" for the PCI device 0x20b5; NULL: a chip that the table does not know. */
const char *nvidia_compute_capability_of(uint32_t pci_device);

/* See struct gpu_vendor_ops. */
int nvidia_requirement_facts(const struct inventory *inv, const struct gpu *const *gpus, size_t n,
	struct gpu_requirement_facts *ret);
