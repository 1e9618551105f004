/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a migration found, what it becomes, and what has no equivalent: for people as text, for
 * programs as JSON. Strings live in the arena that the report is made with.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

enum migrate_outcome {
	MIGRATE_CONVERTED,
	MIGRATE_NOTHING_TO_DO,
	MIGRATE_NOT_CONVERTED, /* it stays as it is, and the reason is said */
};

enum migrate_remark_kind {
	MIGRATE_FOUND,
	MIGRATE_BECOMES,
	MIGRATE_NOTE,
	MIGRATE_LOST, /* it has no equivalent */
};

struct migrate_remark {
	enum migrate_remark_kind kind;
	unsigned line; /* of the input, from 1; 0: of no line */
	const char *text;
};

/* A service of a compose file, a key of a configuration. */
struct migrate_entry {
	const char *name;
	unsigned line;
	enum migrate_outcome outcome;
	struct VEC(struct migrate_remark) remarks;
};

struct migrate_report {
	const char *source; /* the input, as the user named it */
	const char *what;   /* an entry: "service", "key" */
	struct VEC(struct migrate_entry) entries;
	struct string_list remarks; /* about all of it */
	bool lossy;		    /* a remark tells of what has no equivalent */
};

int migrate_remark(struct arena *a, struct migrate_entry *entry, enum migrate_remark_kind kind,
	unsigned line, struct nvb_error **err, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* False: something was not converted, or has no equivalent. */
bool migrate_report_complete(const struct migrate_report *report);

/* malloc'd text. */
int migrate_report_format(
	const struct migrate_report *report, char **ret_text, struct nvb_error **err);
int migrate_report_format_json(
	const struct migrate_report *report, char **ret_text, struct nvb_error **err);
