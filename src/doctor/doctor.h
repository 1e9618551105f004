/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor: is this machine fit to put GPUs into containers, and if not, what to do.
 *
 * Every check has a name, a result, a reason and, where one is known, a fix: an action. A check
 * looks, it never changes anything. checks.def is the list.
 */
#pragma once

#include <sys/types.h>

#include "gpu/inventory.h"

enum doctor_result { /* from harmless to bad */
	DOCTOR_SKIPPED,
	DOCTOR_OK,
	DOCTOR_WARNING,
	DOCTOR_FAILED,
	DOCTOR_RESULT_COUNT,
};

struct doctor_finding {
	const char *name;
	enum doctor_result result;
	const char *reason; /* printable ASCII */
	const char *fix;    /* NULL: nothing to do, or nothing known */
};

struct doctor_finding_list VEC(struct doctor_finding);

struct doctor_report {
	struct arena *arena;
	struct doctor_finding_list findings;
	size_t counts[DOCTOR_RESULT_COUNT];
};

/* Whose containers are meant. */
struct doctor_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	const char *name; /* NULL: unknown */
};

/* The user of this process. */
int doctor_user_read(struct arena *a, struct doctor_user *ret_user, struct nvb_error **err);

/* Runs every check. What a check finds is never an error; running out of memory is. */
int doctor_run(const struct host_tree *tree, const struct inventory *inv,
	const struct doctor_user *user, struct doctor_report **ret_report, struct nvb_error **err);
void doctor_report_free(struct doctor_report *report);
DEFINE_FREEP(struct doctor_report, doctor_report_free)

const char *doctor_result_name(enum doctor_result result);

/* Text for people, malloc'd: what needs attention, or with `detailed` every check. */
int doctor_format_text(
	const struct doctor_report *report, bool detailed, char **ret_text, struct nvb_error **err);
/* {"checks":[{"name","result","reason","fix"}],"summary":{"ok","warning","failed","skipped"}} */
int doctor_format_json(const struct doctor_report *report, char **ret_text, struct nvb_error **err);
