/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind gc: takes back what killed containers left, on the machine and in our directories. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/state_dir.h"
#include "engine/bolt/state.h"
#include "lease/lease.h"
#include "limit/host_change.h"
#include "nvbind/command.h"

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	bool *dry_run = target;

	(void)value;
	(void)err;
	*dry_run |= id == OPTION_GC_DRY_RUN;
	return 0;
}

static void print_entry(const struct host_change_entry *entry)
{
	if (entry->holders.n)
		printf("%s: '%s' is '%s' for container '%s', was '%s'\n", entry->knob,
			entry->target, entry->after ? entry->after : "?", entry->holders.items[0],
			entry->before);
	else
		printf("%s: '%s' would get back '%s'\n", entry->knob, entry->target, entry->before);
}

/* 1, or 0 where the built-in engine has never been: nothing is made to be looked at. */
static int has_capsules(struct nvb_error **err)
{
	_cleanup_free_ char *state = NULL, *path = NULL;
	int r = state_dir_path(&state, err);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/capsules", state) < 0) {
		path = NULL;
		return NVB_OOM(err);
	}
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

static int sweep_capsules(bool dry_run, struct bolt_sweep *ret, struct nvb_error **err)
{
	_cleanup_(bolt_state_done) struct bolt_state state = BOLT_STATE_INIT;
	int r = has_capsules(err);

	if (r > 0)
		r = bolt_state_open(&state, err);
	else
		return r;
	return r < 0 ? r : bolt_state_sweep(&state, dry_run, ret, err);
}

static int forget_leases(struct arena *a, struct string_list *warnings, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	int r = lease_dir_open_existing(&dir, err);

	return r > 0 ? lease_gc(&dir, a, warnings, err) : r;
}

static int show(struct arena *a, struct string_list *warnings, struct nvb_error **err)
{
	struct host_change_entry_list entries = { 0 };
	struct bolt_sweep met = { 0 };
	int r = host_changes_list(a, &entries, warnings, err);

	if (r >= 0)
		r = sweep_capsules(true, &met, err);
	if (r < 0)
		return r;
	vec_foreach (const struct host_change_entry, entry, &entries)
		print_entry(entry);
	if (met.dead)
		printf("what %u killed container%s left would be removed\n", met.dead,
			met.dead == 1 ? "" : "s");
	return 0;
}

static int take_back(const struct command_context *context, struct arena *a,
	struct string_list *warnings, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct bolt_sweep met = { 0 };
	int changes = 0, leases = 0;
	int r = host_tree_open(context->host_root, &tree, err);

	/* First: it waits for the last processes of a cgroup, which others may ask about. */
	if (r >= 0)
		r = sweep_capsules(false, &met, err);
	if (r >= 0)
		r = changes = host_changes_recover(&tree, true, a, warnings, err);
	if (r >= 0)
		r = leases = forget_leases(a, warnings, err);
	if (r < 0)
		return r;
	printf("%d change%s of the machine taken back\n", changes, changes == 1 ? "" : "s");
	if (met.dead > met.kept)
		printf("what %u killed container%s left is removed\n", met.dead - met.kept,
			met.dead - met.kept == 1 ? "" : "s");
	if (leases)
		printf("%d lease%s of ended containers removed\n", leases, leases == 1 ? "" : "s");
	return met.kept > 0;
}

int cmd_gc(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct command_context own = *context;
	struct string_list warnings = { 0 };
	bool dry_run = false;
	int r = command_parse(COMMAND_GC, &own, argc, argv, set_option, &dry_run, NULL, err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_GC, r, argc, argv, err);
	if (r >= 0 && !arena)
		r = NVB_OOM(err);
	if (r >= 0)
		r = dry_run ? show(arena, &warnings, err) : take_back(&own, arena, &warnings, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &warnings)
		log_warning("%s", *warning);
	return warnings.n ? 1 : r;
}
