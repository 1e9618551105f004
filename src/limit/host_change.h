/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the changes of the machine that a plan asks for, and takes them back after the last
 * container that wants them.
 *
 *	r = host_changes_make(&plan->host_changes, "name", tree, a, &changes, &warnings, err);
 *	...						// the container runs
 *	host_changes_undo(changes, a, &warnings);
 *	host_changes_recover(tree, true, a, &warnings, err); // what killed ones left: at any later
 *time
 *
 * Several containers may want the same change: the first makes it, the last takes it back. Where
 * two want different things of one file, the first one has it, and the second is told whose it
 * is. What somebody else has written since stays as it is. A change that cannot be made is a
 * warning, because the container works without it.
 *
 * Killed between the note and the change, or between the change and what it became: then the file
 * gets back what it held, whatever it holds.
 */
#pragma once

#include "plan/plan.h"

struct host_changes;

/*
 * GPUs are looked for in `tree`; NULL: the running machine. It must outlive the object.
 * *ret is NULL where none was made. It has a descriptor that the container's keeper must inherit,
 * and no other program: it says that the container lives. Errors: those of journal_open() and
 * journal_lock(), NVB_ERR_NO_MEMORY; nothing was changed then.
 */
int host_changes_make(const struct plan_host_change_list *changes, const char *holder,
	const struct host_tree *tree, struct arena *a, struct host_changes **ret,
	struct string_list *ret_warnings, struct nvb_error **err);

/* Frees the object. What cannot be taken back is a warning, and left to host_changes_recover(). */
void host_changes_undo(
	struct host_changes *changes, struct arena *a, struct string_list *ret_warnings);

/*
 * Takes back what is nobody's any more. Returns how many. Costs one system call where root never
 * changed anything. Without `wait` NVB_ERR_BUSY where another nvbind is at it.
 */
int host_changes_recover(const struct host_tree *tree, bool wait, struct arena *a,
	struct string_list *ret_warnings, struct nvb_error **err);

struct host_change_entry {
	const char *knob, *target, *before, *after; /* after: NULL where it was being written */
	struct string_list holders;		    /* the living ones */
};

struct host_change_entry_list VEC(struct host_change_entry);

/* What is noted now. Nothing is changed. */
int host_changes_list(struct arena *a, struct host_change_entry_list *ret,
	struct string_list *ret_warnings, struct nvb_error **err);
