/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image may require of driver and GPUs, as far as the inventory tells it without asking
 * the vendor's library: no file is read, nothing is loaded.
 */
#pragma once

#include "gpu/inventory.h"

/* NULL: not known, or not the same for all the GPUs. Strings live in the inventory or are static.
 */
struct gpu_requirement_facts {
	const char *driver_version;	/* "550.163.01" */
	const char *cuda_version;	/* the newest that the driver serves: "12.4" */
	const char *cuda_at_least;	/* where that is not known: it is this one or a newer */
	const char *compute_capability; /* the lowest of the GPUs: "8.0" */
	const char *brand;		/* "tesla", "geforce", "nvidiartx": lower case, no spaces */
};

/*
 * The facts of these GPUs (those of other vendors do not count), or of the machine's driver if
 * there are none: a container may want the driver's files alone. Returns 1; 0 if the vendor whose
 * facts these are has neither a GPU among them nor, without any, a driver: *ret is empty then.
 */
int gpu_requirement_facts(const struct inventory *inv, const struct gpu *const *gpus, size_t n,
	struct gpu_requirement_facts *ret);
