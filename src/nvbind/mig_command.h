/* SPDX-License-Identifier: Apache-2.0 */
/* What `nvbind mig list`, `create` and `destroy` share. */
#pragma once

#include "gpu/inventory.h"
#include "lease/lease.h"
#include "nvbind/command.h"
#include "request/selector.h"

struct mig_command {
	struct command_context context;
	struct arena *arena;
	struct host_tree tree;
	struct inventory *inv;
	struct lease_dir leases; /* fd -1: there are none */
};

#define MIG_COMMAND_INIT(from)                                                                     \
	{                                                                                          \
		.context = *(from), .arena = arena_new(), .tree = HOST_TREE_INIT,                  \
		.leases = LEASE_DIR_INIT                                                           \
	}

/* Discovers the machine's GPUs, and asks the vendor's library what only that knows. */
int mig_command_open(struct mig_command *c, struct nvb_error **err);
void mig_command_done(struct mig_command *c);

/* Options on all sides of at most `most` operands. Returns how many there are, -1 where --help was
 * answered. */
int mig_command_parse(struct mig_command *c, enum command_id id, int argc, char **argv,
	option_handler set, void *target, const char **ret_operands, int most,
	struct nvb_error **err);
/* One GPU, or one of its partitions. */
int mig_command_select(const struct mig_command *c, const char *word, struct selected_gpu *ret,
	struct nvb_error **err);
/* Errors: NVB_ERR_PERMISSION. */
int mig_command_need_root(struct nvb_error **err);
