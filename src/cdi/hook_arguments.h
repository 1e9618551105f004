/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nvbind-hook: written into CDI specs, read by the hook. One table serves
 * both directions, so a spec cannot ask for what the hook does not know.
 *
 * An unknown option is an error, not a warning: spec and hook come from one package, and a hook
 * that skips what it does not know starts a container without what was asked for. After a
 * downgrade, `nvbind cdi refresh` rewrites the spec.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* Also its first argument, by the convention of CDI. */
#define HOOK_PROGRAM "nvbind-hook"
/* "libcuda.so.1::/usr/lib64/libcuda.so" */
#define HOOK_LINK_SEPARATOR "::"

struct hook_link {
	const char *target; /* the link's text: absolute, or relative to the link */
	const char *path;   /* absolute, in the container */
};

struct hook_link_list VEC(struct hook_link);

enum hook_action {
	HOOK_RUN,
	HOOK_HELP,
	HOOK_VERSION,
};

struct hook_arguments {
	enum hook_action action;
	struct hook_link_list links;
	struct string_list folders;	 /* where the runtime has mounted driver libraries */
	bool cuda_compat;		 /* a newer libcuda of the image may win */
	const char *host_driver_version; /* "550.163.01"; cuda_compat needs it */
	bool disable_device_node_modification;
	const char *root; /* NULL: the root of the container whose state is on standard input */
};

/*
 * The argument vector with argv[0]; its strings lie in `a`.
 * Errors: NVB_ERR_USAGE (what hook_arguments_parse() would refuse), NVB_ERR_NO_MEMORY.
 */
int hook_arguments_format(const struct hook_arguments *arguments, struct arena *a,
	struct string_list *ret_argv, struct nvb_error **err);

/* Strings are borrowed from argv or lie in `a`. Errors: NVB_ERR_USAGE, NVB_ERR_NO_MEMORY. */
int hook_arguments_parse(int argc, const char *const *argv, struct arena *a,
	struct hook_arguments *ret, struct nvb_error **err);

/* Lines of help, one an option, each with its newline; NULL behind the last. */
const char *hook_arguments_help(size_t index);
