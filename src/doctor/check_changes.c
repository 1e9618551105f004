/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the machine that killed containers left. */
#include "doctor/check.h"
#include "limit/host_change.h"

static unsigned count_left(const struct host_change_entry_list *entries)
{
	unsigned n = 0;

	vec_foreach (const struct host_change_entry, entry, entries)
		n += !entry->holders.n;
	return n;
}

void check_changes(struct doctor *d)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct host_change_entry_list entries = { 0 };
	struct string_list warnings = { 0 };
	int r = host_changes_list(d->arena, &entries, &warnings, &problem);
	unsigned n_left = count_left(&entries);

	if (r == NVB_ERR_NO_MEMORY) {
		d->out_of_memory = true;
		return;
	}
	/* A user without a place for a journal cannot have changed anything. */
	if (r < 0 && r != NVB_ERR_NOT_FOUND) {
		check_note(d, DOCTOR_WARNING, "%s", nvb_error_message(problem));
		return;
	}
	vec_foreach (const char *, warning, &warnings) {
		check_note(d, DOCTOR_WARNING, "%s", *warning);
		check_fix(d, "'nvbind gc' removes it; set what it was by hand");
	}
	if (n_left) {
		check_note(d, DOCTOR_WARNING,
			"a container that was killed left %u setting%s of the machine changed",
			n_left, n_left == 1 ? "" : "s");
		check_fix(d, "'nvbind gc' takes it back, and the next 'nvbind run' does");
	} else {
		check_note(d, DOCTOR_OK, "%zu setting%s of the machine changed for containers",
			entries.n, entries.n == 1 ? "" : "s");
	}
}
