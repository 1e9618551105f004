/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a driver: the one place of the doctor where kernel drivers differ. */
#pragma once

#include "gpu/inventory.h"

/* A kernel module beside the driver's own, and what a container lacks without it. */
struct advice_module {
	const char *name;
	capability_set needed_for;
	const char *without; /* "CUDA does not start" */
};

/* Nodes whose major number the kernel gives out anew each time the module is loaded. */
struct advice_major {
	const char *nodes;  /* fnmatch() pattern */
	const char *driver; /* as /proc/devices calls it */
};

/* A daemon that machines with certain nodes need. */
struct advice_daemon {
	const char *name;
	const char *node_directory, *nodes; /* fnmatch() pattern of a name in the directory */
	const char *socket;
	const char *process; /* as /proc/PID/comm has it, in its 15 bytes */
	const char *without; /* "CUDA does not start" */
	const char *fix;
};

struct advice {
	enum gpu_vendor vendor;
	const char *driver; /* kernel driver; NULL: no driver, or any other */
	const char *no_driver, *lost, *no_files, *mismatch, *nodes; /* fixes; NULL: none is known */
	const struct advice_module *modules;
	size_t n_modules;
	const struct advice_major *majors;
	size_t n_majors;
	const struct advice_daemon *daemon; /* NULL: none */
};

/* Never NULL: without a row of its own, a driver gets its vendor's row. */
const struct advice *advice_for(enum gpu_vendor vendor, const char *driver);
