/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `nvbind cdi generate`. */
#pragma once

#include "cdi/recipe.h"
#include "nvbind/command.h"

struct cdi_options {
	struct command_context context;
	struct arena *arena;
	const char *directory; /* absolute; NULL: the default one */
	const char *file;      /* absolute; NULL: one per kind */
	bool to_stdout;
	bool has_format;
	bool bolt_only; /* a profile bolt-... */
	bool management, force;
	const char *vendor;	/* "all" */
	const char *class_name; /* NULL: the usual ones */
	struct cdi_recipe base; /* what all specs of this call share */
};

/* Returns 1, 0 if --help was answered, or an error. Strings lie in `a` or are borrowed. */
int cdi_options_parse(struct arena *a, const struct command_context *context, int argc, char **argv,
	struct cdi_options *ret, struct nvb_error **err);

/* A path made absolute, without "." and ".."; NULL: out of memory. */
const char *cdi_absolute_path(struct arena *a, const char *path);
