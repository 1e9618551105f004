/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI specs that name what no longer exists, as they do after a driver update: every container
 * that an engine starts from such a spec fails.
 */
#include "cdi/presence.h"
#include "cdi/registry.h"
#include "doctor/check.h"

static void check_spec(struct doctor *d, const struct cdi_spec *spec)
{
	struct cdi_finding_list findings = { 0 };

	if (cdi_spec_find_missing(spec, d->tree, cdi_spec_driver_version(spec, d->inv), d->arena,
		    &findings, NULL) < 0) {
		d->out_of_memory = true;
		return;
	}
	if (!findings.n) {
		check_note(d, DOCTOR_OK, "'%s' names only what exists", spec->path);
		return;
	}
	check_note(d, DOCTOR_WARNING, "'%s' does not fit this machine (%zu findings): %s",
		spec->path, findings.n, findings.items[0].message);
	check_fix(d, "generate the spec again with the tool that wrote it, or remove it");
}

static void check_registry(struct doctor *d, const struct cdi_registry *registry)
{
	vec_foreach (const struct cdi_problem, problem, &registry->problems) {
		check_note(d, DOCTOR_WARNING, "'%s' cannot be used: %s", problem->path,
			problem->message);
		check_fix(d, "correct the file, or remove it");
	}
	vec_foreach (const struct cdi_conflict, conflict, &registry->conflicts) {
		check_note(d, DOCTOR_WARNING,
			"'%s' is defined twice, in '%s' and in '%s', so nobody can use it",
			conflict->name, conflict->path, conflict->other_path);
		check_fix(d, "remove one of the two files");
	}
	vec_foreach (struct cdi_spec *const, spec, &registry->specs)
		check_spec(d, *spec);
	if (!d->noted)
		check_note(d, DOCTOR_OK, "there are none");
}

void check_cdi_specs(struct doctor *d)
{
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct string_list directories = { 0 };
	int r = cdi_host_directories(d->tree, d->arena, &directories, &problem);

	if (r >= 0)
		r = cdi_registry_read(&directories, &registry, &problem);
	if (r == NVB_ERR_NO_MEMORY)
		d->out_of_memory = true;
	else if (r < 0)
		check_note(d, DOCTOR_SKIPPED, "%s", nvb_error_message(problem));
	else
		check_registry(d, registry);
}
