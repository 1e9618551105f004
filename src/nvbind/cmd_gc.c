/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind gc: takes back what killed containers left changed. */
#include <stdio.h>

#include "base/log.h"
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

static int show(struct arena *a, struct string_list *warnings, struct nvb_error **err)
{
	struct host_change_entry_list entries = { 0 };
	int r = host_changes_list(a, &entries, warnings, err);

	if (r < 0)
		return r;
	vec_foreach (const struct host_change_entry, entry, &entries)
		print_entry(entry);
	return 0;
}

static int take_back(const struct command_context *context, struct arena *a,
	struct string_list *warnings, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	int n = host_tree_open(context->host_root, &tree, err);

	if (n >= 0)
		n = host_changes_recover(&tree, true, a, warnings, err);
	if (n < 0)
		return n;
	printf("%d change%s of the machine taken back\n", n, n == 1 ? "" : "s");
	return 0;
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
	return warnings.n ? 1 : 0;
}
