/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/host_change.h"

#include <string.h>

#include "limit/host_value.h"
#include "limit/journal.h"

struct host_changes {
	struct journal journal;
	struct host_values values;
	struct journal_owner owner;
};

/* What one call works with. */
struct work {
	struct journal *journal;
	struct host_values *values;
	struct arena *a;
	struct string_list *warnings;
};

/* Out of memory, a warning is lost and nothing else. */
#define warn(w, ...) ((void)string_list_printf((w)->a, (w)->warnings, __VA_ARGS__))

static void warn_of_error(const struct work *w, const char *what, struct nvb_error **err)
{
	warn(w, "%s: %s", what, nvb_error_message(*err));
	nvb_error_clear(err);
}

/* A change that stays noted is tried again by the next one who looks. */
static int forget(const struct work *w, const char *target)
{
	_cleanup_error_ struct nvb_error *error = NULL;
	int r = journal_forget(w->journal, target, &error);

	if (r < 0)
		warn_of_error(w, "forget a change of the machine", &error);
	return r;
}

/* A device that was pulled out, a driver that was unloaded: what they held is gone with them. */
static bool is_gone(int status)
{
	return status == NVB_ERR_NOT_FOUND || status == NVB_ERR_UNSUPPORTED;
}

/* 1: it is as it was before; 0: it stays as it is, and nothing is to be done any more. */
static int take_back(const struct work *w, const struct journal_change *change)
{
	_cleanup_error_ struct nvb_error *error = NULL;
	const char *now = NULL;
	int r = host_value_read(w->values, w->a, change->kind, change->target, &now, &error);

	if (is_gone(r) || (r >= 0 && strcmp(now, change->before) == 0))
		return 0;
	if (r >= 0 && change->after && strcmp(now, change->after) != 0) {
		warn(w, "%s: '%s' was set to '%s' by others: it does not get back '%s'",
			change->knob, change->target, now, change->before);
		return 0;
	}
	if (r >= 0)
		r = host_value_write(
			w->values, change->kind, change->target, change->before, &error);
	if (r < 0)
		warn(w, "%s: give back '%s': %s", change->knob, change->before,
			nvb_error_message(error));
	return r < 0 ? r : 1;
}

/* True if this one holds the change still. */
static bool holds(const struct work *w, const char *id, const char *leaving)
{
	return !(leaving && strcmp(id, leaving) == 0) && journal_owner_lives(w->journal, id);
}

static const char *own_root(const struct work *w)
{
	return w->values->tree ? w->values->tree->prefix : "";
}

/* A GPU of another root has the same address, and is not found here. */
static bool is_elsewhere(const struct work *w, const struct journal_change *change)
{
	return change->kind != HOST_CHANGE_FILE && strcmp(change->root, own_root(w)) != 0;
}

/*
 * Leaves the change to those who live and do not leave; takes it back if there is nobody. 1: it
 * was taken back.
 */
static int settle_change(const struct work *w, struct journal_change *change, const char *leaving,
	struct nvb_error **err)
{
	size_t n = 0;
	int r;

	for (size_t i = 0; i < change->owners.n; i++)
		if (holds(w, change->owners.items[i], leaving))
			change->owners.items[n++] = change->owners.items[i];
	if ((n && n == change->owners.n) || (!n && is_elsewhere(w, change)))
		return 0;
	change->owners.n = n;
	if (n)
		return journal_write(w->journal, change, err);
	r = take_back(w, change);
	return r >= 0 && forget(w, change->target) >= 0 ? r : 0;
}

static int settle(
	const struct work *w, const char *name, const char *leaving, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *damage = NULL;
	struct journal_change change;
	int r = journal_read(w->journal, w->a, name, &change, &damage);

	if (r > 0)
		return settle_change(w, &change, leaving, err);
	if (r == NVB_ERR_FORMAT) {
		warn_of_error(w, "take back a change of the machine", &damage);
		r = 0;
	}
	if (r == 0)
		return journal_forget_name(w->journal, name, err);
	if (err)
		*err = TAKE_PTR(damage);
	return r;
}

/* How many were taken back. One that cannot be settled does not keep the others from it. */
static int settle_all(const struct work *w, const char *leaving, struct nvb_error **err)
{
	struct string_list names = { 0 };
	int n = 0, r = journal_list(w->journal, w->a, &names, err);

	if (r < 0)
		return r;
	vec_foreach (const char *, name, &names) {
		_cleanup_error_ struct nvb_error *error = NULL;

		r = settle(w, *name, leaving, &error);
		if (r < 0)
			warn_of_error(w, "settle a change of the machine", &error);
		n += r > 0;
	}
	journal_sweep_owners(w->journal, w->a);
	return n;
}

static bool has_owner(const struct journal_change *change, const char *id)
{
	vec_foreach (const char *, owner, &change->owners)
		if (strcmp(*owner, id) == 0)
			return true;
	return false;
}

/* 1, or an error. */
static int write_ours(
	const struct work *w, const struct journal_change *change, struct nvb_error **err)
{
	int r = journal_write(w->journal, change, err);

	return r < 0 ? r : 1;
}

/* Somebody has changed it: the same is wanted, or the first one has it. */
static int join(const struct work *w, const struct plan_host_change *wish,
	struct journal_change *change, const char *id, struct nvb_error **err)
{
	const char *holder = change->owners.n
				     ? journal_owner_name(w->journal, w->a, change->owners.items[0])
				     : NULL;
	const char *now = NULL;

	if (strcmp(change->wanted, wish->value) != 0) {
		warn(w, "%s: '%s' does not become '%s': it is '%s' for container '%s'", wish->knob,
			wish->target, wish->value, change->wanted, holder ? holder : "?");
		return 0;
	}
	if (host_value_read(w->values, w->a, change->kind, wish->target, &now, NULL) < 0 ||
		(change->after && strcmp(now, change->after) != 0)) {
		warn(w,
			"%s: '%s' does not become '%s': others have changed it since container "
			"'%s' did",
			wish->knob, wish->target, wish->value, holder ? holder : "?");
		return 0;
	}
	if (has_owner(change, id))
		return 1;
	if (string_list_add(w->a, &change->owners, id) < 0)
		return NVB_OOM(err);
	return write_ours(w, change, err);
}

/* A word that the board translates ("max") is not what is read afterwards. */
static bool is_taken(const struct journal_change *change)
{
	return change->kind != HOST_CHANGE_FILE || strcmp(change->after, change->wanted) == 0;
}

/* What was noted as intended. Errors: as host_value_write(). */
static int write_wanted(const struct work *w, struct journal_change *change, struct nvb_error **err)
{
	int r = 0;

	if (strcmp(change->before, change->wanted) != 0)
		r = host_value_write(w->values, change->kind, change->target, change->wanted, err);
	if (r >= 0)
		r = host_value_read(
			w->values, w->a, change->kind, change->target, &change->after, err);
	return r;
}

/* Writes, and notes what came of it. 0: nothing came of it. */
static int carry_out(const struct work *w, struct journal_change *change, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *error = NULL;

	if (write_wanted(w, change, &error) < 0) {
		warn_of_error(w, change->knob, &error);
		/* A write may fail half done. */
		change->after = NULL;
		return take_back(w, change) >= 0 ? forget(w, change->target) : 0;
	}
	if (!is_taken(change))
		warn(w, "%s: '%s' is '%s' now: the kernel did not take '%s'", change->knob,
			change->target, change->after, change->wanted);
	if (!is_taken(change) && strcmp(change->after, change->before) == 0)
		return forget(w, change->target);
	return write_ours(w, change, err);
}

/* 1: it is made and ours; 0: it is not, and a warning says why. */
static int make_change(const struct work *w, const struct plan_host_change *wish, const char *id,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *error = NULL;
	struct journal_change change = {
		.knob = wish->knob,
		.kind = wish->kind,
		.root = own_root(w),
		.target = wish->target,
		.wanted = wish->value,
	};
	int r;

	r = journal_find(w->journal, w->a, wish->target, &change, err);
	if (r != 0)
		return r < 0 ? r : join(w, wish, &change, id, err);
	if (host_value_read(w->values, w->a, wish->kind, wish->target, &change.before, &error) <
		0) {
		warn_of_error(w, wish->knob, &error);
		return 0;
	}
	if (string_list_add(w->a, &change.owners, id) < 0)
		return NVB_OOM(err);
	r = journal_write(w->journal, &change, err);
	return r < 0 ? r : carry_out(w, &change, err);
}

static int make_all(const struct work *w, const struct plan_host_change_list *wishes,
	const char *holder, struct journal_owner *owner, struct nvb_error **err)
{
	int n = 0, r = settle_all(w, NULL, err);

	if (r >= 0)
		r = journal_owner_new(w->journal, holder, owner, err);
	if (r < 0)
		return r;
	vec_foreach (const struct plan_host_change, wish, wishes) {
		_cleanup_error_ struct nvb_error *error = NULL;

		r = make_change(w, wish, owner->id, &error);
		if (r < 0)
			warn_of_error(w, wish->knob, &error);
		/* An error may have come after the change: then it must be taken back, too. */
		n += r != 0;
	}
	if (!n)
		journal_owner_remove(w->journal, owner);
	return n;
}

int host_changes_make(const struct plan_host_change_list *changes, const char *holder,
	const struct host_tree *tree, struct arena *a, struct host_changes **ret,
	struct string_list *ret_warnings, struct nvb_error **err)
{
	struct work w = { .a = a, .warnings = ret_warnings };
	_cleanup_free_ struct host_changes *made = NULL;
	int r;

	*ret = NULL;
	if (!changes->n)
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return NVB_OOM(err);
	made->owner.fd = -1;
	made->journal = (struct journal)JOURNAL_INIT;
	made->values.tree = tree;
	w.journal = &made->journal;
	w.values = &made->values;
	r = journal_open(true, &made->journal, err);
	if (r >= 0)
		r = journal_lock(&made->journal, true, err);
	if (r >= 0)
		r = make_all(&w, changes, holder, &made->owner, err);
	journal_unlock(&made->journal);
	host_values_done(&made->values);
	if (r <= 0) {
		journal_done(&made->journal);
		return r;
	}
	*ret = TAKE_PTR(made);
	return 0;
}

void host_changes_undo(
	struct host_changes *changes, struct arena *a, struct string_list *ret_warnings)
{
	struct work w = { .a = a, .warnings = ret_warnings };
	_cleanup_error_ struct nvb_error *error = NULL;

	if (!changes)
		return;
	w.journal = &changes->journal;
	w.values = &changes->values;
	if (journal_lock(&changes->journal, true, &error) < 0 ||
		settle_all(&w, changes->owner.id, &error) < 0)
		warn_of_error(&w, "take back changes of the machine", &error);
	journal_owner_remove(&changes->journal, &changes->owner);
	host_values_done(&changes->values);
	journal_done(&changes->journal);
	free(changes);
}

int host_changes_recover(const struct host_tree *tree, bool wait, struct arena *a,
	struct string_list *ret_warnings, struct nvb_error **err)
{
	_cleanup_(journal_done) struct journal journal = JOURNAL_INIT;
	_cleanup_(host_values_done) struct host_values values = { .tree = tree };
	const struct work w = {
		.journal = &journal,
		.values = &values,
		.a = a,
		.warnings = ret_warnings,
	};
	int r = journal_open(false, &journal, err);

	if (r <= 0)
		return r;
	r = journal_lock(&journal, wait, err);
	return r < 0 ? r : settle_all(&w, NULL, err);
}

static int list_one(const struct work *w, const char *name, struct host_change_entry_list *list,
	struct nvb_error **err)
{
	struct host_change_entry *entry;
	struct journal_change change;
	int r = journal_read(w->journal, w->a, name, &change, err);

	if (r <= 0)
		return r;
	entry = vec_push(w->a, list);
	if (!entry)
		return NVB_OOM(err);
	*entry = (struct host_change_entry){
		.knob = change.knob,
		.target = change.target,
		.before = change.before,
		.after = change.after,
	};
	vec_foreach (const char *, id, &change.owners) {
		const char *holder;

		if (!journal_owner_lives(w->journal, *id))
			continue;
		holder = journal_owner_name(w->journal, w->a, *id);
		if (string_list_add(w->a, &entry->holders, holder ? holder : "?") < 0)
			return NVB_OOM(err);
	}
	return 0;
}

int host_changes_list(struct arena *a, struct host_change_entry_list *ret,
	struct string_list *ret_warnings, struct nvb_error **err)
{
	_cleanup_(journal_done) struct journal journal = JOURNAL_INIT;
	const struct work w = { .journal = &journal, .a = a, .warnings = ret_warnings };
	struct string_list names = { 0 };
	int r = journal_open(false, &journal, err);

	if (r <= 0)
		return r;
	r = journal_lock(&journal, true, err);
	if (r >= 0)
		r = journal_list(&journal, a, &names, err);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_error_ struct nvb_error *error = NULL;

		if (list_one(&w, names.items[i], ret, &error) < 0)
			warn_of_error(&w, "read a change of the machine", &error);
	}
	return r < 0 ? r : 0;
}
