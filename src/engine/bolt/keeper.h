/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: the process that a container lives and dies with.
 *
 *	nvbind ──clone──► keeper ──fork, exec──► crun|runc ──► the container
 *
 * It is process 1 of a PID namespace and owns a private mount namespace, in which the
 * container's root is put together. It dies with nvbind (PR_SET_PDEATHSIG), and with it the
 * kernel kills everything in the namespace and takes every mount away: no clean-up of ours has
 * to run for that, so none can be missed.
 *
 * Signals: nvbind and the keeper block them and pass on what they get. The keeper leads a session
 * of its own, so a signal for the whole process group (the terminal's, timeout(1)'s) reaches the
 * command once, through nvbind. SIGHUP stays ignored where nohup(1) made it so.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/spawn.h"
#include "engine/bolt/bundle.h"
#include "engine/bolt/idmap.h"
#include "engine/bolt/runtime.h"
#include "engine/bolt/state.h"
#include "lease/lease.h"

struct keeper {
	const struct low_level_runtime *runtime;
	const char **runtime_argv;
	const struct idmap *map;
	const struct bolt_capsule *capsule;
	const struct bundle *bundle; /* checked; the keeper writes it */
	const char *lower_path;	     /* the image's root */
	int lower_fd;		     /* the same directory, as it was planned for */
	bool stdin_null;
	struct lease *lease; /* NULL: none; the keeper becomes its witness */
};

/* Blocks the signals of which keeper_run() takes care, and lets children be waited for; to be
 * called before there is anything to clean up. */
void keeper_block_signals(void);

/* The first blocked signal that asks us to end and is pending; 0: none. */
int keeper_pending_signal(void);

/*
 * Runs the container to its end. *ret_exit is what the low-level runtime ended with; *ret_message
 * its last error of its own (malloc'd), NULL if it told none.
 * Errors: the root cannot be put together or the namespaces cannot be made; nothing ran then.
 */
int keeper_run(const struct keeper *keeper, struct spawn_exit *ret_exit, char **ret_message,
	struct nvb_error **err);
