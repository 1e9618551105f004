/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands below `nvbind cdi` that read specifications have in common. */
#pragma once

#include "cdi/registry.h"
#include "nvbind/command.h"

struct cdi_arguments {
	struct command_context context;
	struct arena *arena;
	struct host_tree tree;
	struct string_list directories; /* to read; rising priority */
	struct string_list names; /* of --device */
	struct string_list operands;
	bool json;
};

#define CDI_ARGUMENTS_INIT                                                                         \
	{                                                                                          \
		.tree = HOST_TREE_INIT                                                             \
	}

/*
 * Options --json, --spec-dir and --device, before and behind operands, and opens the machine's tree. Returns 1; 0 if --help was
 * answered.
 */
int cdi_arguments_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct cdi_arguments *ret, struct nvb_error **err);
void cdi_arguments_done(struct cdi_arguments *arguments);

/* Standard error: what hinders which specification. */
void cdi_arguments_warn(const struct cdi_registry *registry);
