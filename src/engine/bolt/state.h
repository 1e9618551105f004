/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the engine keeps what belongs to a container while it lives.
 *
 *	<state>/images/          unpacked images, shared
 *	<state>/capsules/.lock   held while a capsule is made, named or swept
 *	<state>/capsules/<id>/   one running container; .gone-* while it is removed
 *		lock		flock()ed by nvbind and by the container's keeper: free means dead
 *		upper/ work/	the container's writable layer
 *
 * In the keeper's private mount namespace a tmpfs covers a capsule:
 *
 *		config.json	the bundle
 *		layer/		places for mounts, small files: between the image and upper/
 *		root/		the container's root, put together
 *		runtime/	state of the low-level runtime
 *		log, pid	what the low-level runtime had to say
 *
 * Mounts live in a private mount namespace and processes in a private PID namespace, so when
 * nvbind is killed the kernel takes both away. What is left is a directory and a cgroup; the
 * next command finds the lock free and removes them.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct bolt_state {
	char *path; /* absolute */
	int dir_fd;
	int capsules_fd;
};

#define BOLT_STATE_INIT                                                                            \
	{                                                                                          \
		.dir_fd = -1, .capsules_fd = -1                                                    \
	}

/*
 * NVBIND_STATE_DIR, else /var/lib/nvbind (root) or $XDG_DATA_HOME/nvbind; made if missing.
 * Errors: PERMISSION (not ours, or others may replace it), IO, USAGE (no home directory).
 */
int bolt_state_open(struct bolt_state *ret, struct nvb_error **err);
void bolt_state_done(struct bolt_state *state);

/* What a sweep met. */
struct bolt_sweep {
	unsigned alive, dead; /* `alive`: or about to die */
	unsigned kept;	      /* of the dead ones: they could not be removed, which was logged */
};

/*
 * Removes what dead capsules left; with `dry_run` counts them. For who starts no container: who
 * does sweeps by itself. Errors: NVB_ERR_ENGINE.
 */
int bolt_state_sweep(const struct bolt_state *state, bool dry_run, struct bolt_sweep *ret,
	struct nvb_error **err);

struct bolt_capsule {
	char *id;
	char *path;   /* <state>/capsules/<id> */
	char *cgroup; /* its name, at the top of each hierarchy */
	int dir_fd;
	int lock_fd;
	bool has_others; /* there were others that lived, or were about to die, when it was made */
};

#define BOLT_CAPSULE_INIT                                                                          \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1                                                        \
	}

/*
 * Makes a capsule and takes its lock. `name` NULL: a random id. First sweeps what dead ones
 * left. Errors: NVB_ERR_ENGINE (the name is in use), USAGE (not a name), IO (full disk).
 */
int bolt_capsule_new(const struct bolt_state *state, const char *name, struct bolt_capsule *ret,
	struct nvb_error **err);
/*
 * Removes the capsule's cgroup and directory; its processes must be gone. Sweeps once more where
 * bolt_capsule_new() met others: one whose nvbind was killed just before had yet to die.
 */
int bolt_capsule_remove(
	const struct bolt_state *state, struct bolt_capsule *capsule, struct nvb_error **err);
void bolt_capsule_done(struct bolt_capsule *capsule);
