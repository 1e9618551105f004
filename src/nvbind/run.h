/* SPDX-License-Identifier: Apache-2.0 */
/* `nvbind run`: what all engines share, and where they differ. */
#pragma once

#include <sys/types.h>

#include "gpu/discover.h"
#include "host/session.h"
#include "nvbind/run_devices.h"
#include "nvbind/run_options.h"
#include "plan/plan.h"

struct bolt_container;
struct machine_tuning;
struct run_client;
struct run;

/* One engine, or several that work alike. */
struct run_engine {
	/*
	 * With the GPUs selected, before there is a plan: finds out who runs the container and
	 * completes the request. Sets run->by_cdi where the GPUs come from specifications.
	 */
	int (*prepare)(struct run *run, struct nvb_error **err);
	/* The facts of the container's root. */
	int (*inspect)(struct run *run, const struct string_list *dirs,
		const struct string_list *sonames, struct nvb_error **err);
	/* Adds to the finished plan what is said in the engine's own terms. */
	int (*complete)(struct run *run, struct nvb_error **err);
	/* Returns the container's exit code. */
	int (*execute)(struct run *run, struct nvb_error **err);
	void (*done)(struct run *run);
};

extern const struct run_engine run_bolt_engine, run_client_engine;

/* Everything that one run is made of, in the order in which it comes to be. */
struct run {
	struct arena *arena;
	mode_t umask; /* the caller's */
	struct run_options options;
	const struct run_engine *engine;
	struct host_tree tree;
	struct inventory *inv;
	struct machine_tuning *tuning; /* NULL: no setting needs it */
	struct session_facts *session; /* NULL: no setting needs it */
	struct machine_abilities *abilities; /* NULL: no setting needs it */
	struct request request;
	struct string_list selectors; /* of --gpu, without CDI names of other kinds */
	struct run_devices devices;
	bool by_cdi;			  /* GPUs come from CDI specifications */
	struct bolt_container *container; /* bolt; NULL: a dry run without an image */
	struct run_client *client;	  /* the others */
	struct container_root *root;
	struct plan *plan;
};

#define RUN_INIT { .arena = arena_new(), .tree = HOST_TREE_INIT }

/*
 * From the command line of `nvbind run` to the plan. Returns 1, 0 if --help was answered, or an
 * error. run_done() is due in each case.
 */
int run_prepare(struct run *run, const struct command_context *context, int argc, char **argv,
	struct nvb_error **err);
/* Starts the container. Returns its exit code. */
int run_execute(struct run *run, struct nvb_error **err);
void run_done(struct run *run);

/* run_session.c: fills run->session if a setting needs it. */
int run_read_session(struct run *run, struct nvb_error **err);
/* run_limits.c: fills run->abilities, and the request's, if a setting needs it. */
int run_read_abilities(struct run *run, struct nvb_error **err);
