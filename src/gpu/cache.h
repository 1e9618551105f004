/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory of the last discovery, taken from a file if it is surely still true.
 *
 * Beside the inventory the file has every question that discovery asked of the machine, with a
 * digest of the answer (host/record.h). It is true if all answers are still the same: a
 * driver's files and version, the bus, nodes and their numbers, MIG instances, the boot. Nothing
 * that could be stale is taken: where a question cannot be asked again with an answer that proves
 * something, no file is written.
 *
 * No cache is ever needed. A file that is missing, torn, damaged, of another version, user or
 * machine, or that anyone else could have written, is as good as none; a place that is not ours
 * alone (base/state_dir.h) is neither read nor written. NVBIND_DEBUG=inventory of nvbind, and the
 * debug log of nvbind-runtime, say what happened.
 */
#pragma once

#include "gpu/inventory.h"

struct inventory_cache_options {
	/* Where the file is; made if its parent exists. NULL: inventory_cache_directory(). */
	const char *directory;
	/*
	 * A change within the same tick of a file system's clock would not be seen. So nothing is
	 * kept that rests on a file younger than this. 0: INVENTORY_CACHE_SETTLE_MS.
	 */
	unsigned settle_ms;
};

/* Above one second, the coarsest times that are to be expected. */
#define INVENTORY_CACHE_SETTLE_MS 2000

/*
 * Returns 1 if the inventory is the cached one, 0 if it was discovered. `options` may be NULL.
 * Errors: those of inventory_discover().
 */
int inventory_open(const struct host_tree *tree, const struct inventory_cache_options *options,
	struct inventory **ret_inv, struct nvb_error **err);

/*
 * NVBIND_STATE_DIR; else /run/nvbind for root of the machine, or $XDG_RUNTIME_DIR/nvbind: memory
 * that does not outlive the boot. malloc'd. NULL: there is no such place, or NVBIND_NO_CACHE is 1.
 */
char *inventory_cache_directory(void);
