/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of daemons without which the GPUs of some machines do not work. */
#include <fnmatch.h>
#include <string.h>

#include "doctor/advice.h"
#include "doctor/check.h"

static bool is_needed(struct doctor *d, const struct advice_daemon *daemon)
{
	struct string_list names = { 0 };

	if (host_tree_list(d->tree, d->arena, daemon->node_directory, &names) < 0)
		return false;
	vec_foreach (const char *, name, &names) {
		if (fnmatch(daemon->nodes, *name, 0) == 0)
			return true;
	}
	return false;
}

/* The daemon may run without a socket, or in a container that has its own /run. */
static bool has_process(struct doctor *d, const char *wanted)
{
	struct string_list names = { 0 };

	if (host_tree_list(d->tree, d->arena, "/proc", &names) < 0)
		return false;
	vec_foreach (const char *, name, &names) {
		const char *command = NULL;
		char path[64];

		if (strspn(*name, "0123456789") != strlen(*name) ||
			(size_t)snprintf(path, sizeof(path), "/proc/%s/comm", *name) >=
				sizeof(path))
			continue;
		if (host_tree_read_line(d->tree, d->arena, path, &command) == 0 &&
			strcmp(command, wanted) == 0)
			return true;
	}
	return false;
}

void check_daemons(struct doctor *d)
{
	vec_foreach (const struct gpu_driver, driver, &d->inv->drivers) {
		const struct advice_daemon *daemon =
			advice_for(driver->vendor, driver->name)->daemon;

		if (!daemon || !is_needed(d, daemon))
			continue;
		if (host_tree_exists(d->tree, daemon->socket) || has_process(d, daemon->process)) {
			check_note(d, DOCTOR_OK, "'%s' runs", daemon->name);
			continue;
		}
		check_note(
			d, DOCTOR_WARNING, "'%s' does not run: %s", daemon->name, daemon->without);
		check_fix(d, "%s", daemon->fix);
	}
	if (!d->noted)
		check_note(d, DOCTOR_SKIPPED, "no GPU here needs one");
}
