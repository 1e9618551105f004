/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in engine: runs a container from a plan, without a daemon.
 *
 *	r = bolt_open(&options, &container, err);	// the image, whom it runs as
 *	bolt_root_fd(container)				// facts for the planner
 *	r = bolt_command(container, ..., &request.command, err);
 *	r = plan_make(..., &plan, err);
 *	r = bolt_run(container, plan, &exit_code, err);
 *	bolt_free(container);
 *
 * bolt_open() changes nothing but the store of unpacked images. bolt_run() leaves nothing behind.
 */
#pragma once

#include <stdbool.h>

#include "plan/plan.h"
#include "request/request.h"

struct bolt_options {
	const char *image, *rootfs;		      /* one may be NULL */
	const char *name, *hostname, *workdir, *user; /* NULL: default */
	enum network_mode network;
	bool interactive; /* keep standard input open */
	bool terminal;
	bool read_only;
	const struct host_tree *tree; /* the machine, for who uses its GPUs */
};

struct bolt_container;

int bolt_open(
	const struct bolt_options *options, struct bolt_container **ret, struct nvb_error **err);
void bolt_free(struct bolt_container *container);
DEFINE_FREEP(struct bolt_container, bolt_free)

/* The image's root directory. Borrowed. */
int bolt_root_fd(const struct bolt_container *container);

/*
 * How devices that are not in the plan would be kept out of a container that this process starts,
 * for the plan's own words. Static text.
 */
const char *bolt_device_isolation(struct arena *scratch);
/* True if a container that this process starts has a control group, so that CPUs can be chosen. */
bool bolt_sets_cpus(struct arena *scratch);

/*
 * Entrypoint and command as they will run: the image's entrypoint, then `given`, or the image's
 * command where nothing is given; a shell for a root without settings. Strings go into `a`.
 */
int bolt_command(const struct bolt_container *container, const struct string_list *given,
	struct arena *a, struct string_list *ret, struct nvb_error **err);

/*
 * Runs the container in the foreground. *ret_exit_code is the command's own, or 128 + n for a
 * signal. Errors: NVB_ERR_ENGINE, NO_COMMAND, NOT_EXECUTABLE, UNSAFE_PATH, ...; the command did
 * not run then.
 */
int bolt_run(struct bolt_container *container, const struct plan *plan, int *ret_exit_code,
	struct nvb_error **err);
