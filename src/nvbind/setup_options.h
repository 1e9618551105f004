/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `nvbind setup`. */
#pragma once

#include "nvbind/command.h"
#include "setup/setup.h"

struct setup_command {
	struct command_context context;
	struct arena *arena;
	const struct setup_engine *engine; /* NULL: --check of all */
	const char *relative; /* an option whose path depends on the working directory; or NULL */
	bool undo, dry_run, check, json;
	struct setup_options options;
};

/* Returns 1, 0 if --help was answered, or an error. Strings lie in `a` or are borrowed. */
int setup_options_parse(struct arena *a, const struct command_context *context, int argc,
	char **argv, struct setup_command *ret, struct nvb_error **err);
