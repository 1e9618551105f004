/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been changed of the machine, for whom, and what it was before: written down before
 * anything is changed, so that it can be undone by whoever comes next if all of us are killed.
 *
 * A directory on a tmpfs has one file per changed file ("change-*"), replaced as a whole, and one
 * per container that wants changes ("owner-*"), locked for as long as nvbind or the container's
 * keeper lives: the kernel drops the lock with the last of them, so no process id is trusted. A
 * lock that cannot be asked for counts as held. All reading and writing is done under one lock.
 *
 * The changes themselves live in the kernel, and a reboot undoes them. So where the directory
 * outlives a boot, the changes of an earlier one are forgotten, not undone.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "plan/plan.h"

#define JOURNAL_ID_LENGTH 16

struct journal {
	int fd, lock_fd;
	char *path;
	char *boot_id;
};

#define JOURNAL_INIT                                                                               \
	{                                                                                          \
		.fd = -1, .lock_fd = -1                                                            \
	}

/*
 * NVBIND_JOURNAL_DIR; else /run/nvbind/journal for root; else $XDG_RUNTIME_DIR/nvbind/journal.
 * Returns 1, or 0 if there is none and it is not to be made. Errors: NVB_ERR_NOT_FOUND (a user
 * without a runtime directory), NVB_ERR_USAGE (not absolute), NVB_ERR_PERMISSION (others may enter
 * it), NVB_ERR_IO.
 */
int journal_open(bool make, struct journal *ret, struct nvb_error **err);
void journal_done(struct journal *j);

/* Waits for others, with a limit: a driver's library may take seconds. Errors: NVB_ERR_BUSY,
 * NVB_ERR_IO. */
int journal_lock(struct journal *j, bool wait, struct nvb_error **err);
void journal_unlock(struct journal *j);

/* All that follows wants the lock. */

struct journal_change {
	const char *knob;
	enum host_change_kind kind; /* FILE or GPU_POWER */
	const char *root;	    /* the machine's; "" is the running one */
	const char *target;	    /* an absolute path, or a GPU's PCI address */
	const char *before;	    /* what the file held */
	const char *wanted;	    /* what was to be written */
	const char *after;	    /* what it held then; NULL: it may not have been written yet */
	struct string_list owners;
};

/* 1; 0: nothing is known of it. Errors: NVB_ERR_FORMAT (damaged), NVB_ERR_IO, NO_MEMORY. */
int journal_find(struct journal *j, struct arena *a, const char *target, struct journal_change *ret,
	struct nvb_error **err);
/* The same by a name of journal_list(). 0 is a change of an earlier boot, too. */
int journal_read(struct journal *j, struct arena *a, const char *name, struct journal_change *ret,
	struct nvb_error **err);
/* Errors: NVB_ERR_IO (full), NVB_ERR_USAGE (a text of several lines, or too long). */
int journal_write(struct journal *j, const struct journal_change *change, struct nvb_error **err);
int journal_forget(struct journal *j, const char *target, struct nvb_error **err);
int journal_forget_name(struct journal *j, const char *name, struct nvb_error **err);
/* The names of the files of all changes, sorted. */
int journal_list(
	struct journal *j, struct arena *a, struct string_list *ret, struct nvb_error **err);

/* One container. It lives until all descriptors of `fd` are closed; they are closed on exec. */
struct journal_owner {
	char id[JOURNAL_ID_LENGTH + 1];
	int fd;
};

int journal_owner_new(
	struct journal *j, const char *holder, struct journal_owner *ret, struct nvb_error **err);
void journal_owner_remove(struct journal *j, struct journal_owner *owner);
bool journal_owner_lives(struct journal *j, const char *id);
/* Its name, for messages; NULL: unknown. */
const char *journal_owner_name(struct journal *j, struct arena *a, const char *id);
/* Removes the files of those that are gone. */
void journal_sweep_owners(struct journal *j, struct arena *a);
