/* SPDX-License-Identifier: Apache-2.0 */
/* A text through compose_migrate(), for tests. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate/compose.h"

struct converting {
	struct arena *arena;
	struct compose_result result;
	struct nvb_error *error;
	int status;
};

static inline void convert_bytes(
	struct converting *c, const char *text, size_t length, enum compose_target target)
{
	*c = (struct converting){ .arena = arena_new() };
	assert_non_null(c->arena);
	c->status = compose_migrate(
		"compose.yml", text, length, target, NULL, c->arena, &c->result, &c->error);
	if (c->status < 0)
		assert_non_null(c->error);
}

static inline void convert(struct converting *c, const char *text, enum compose_target target)
{
	convert_bytes(c, text, strlen(text), target);
}

static inline void converting_done(struct converting *c)
{
	compose_result_done(&c->result);
	nvb_error_free(c->error);
	arena_free(c->arena);
}

/* NULL: the report does not speak of it. */
static inline const struct migrate_entry *entry_of(const struct converting *c, const char *name)
{
	vec_foreach (const struct migrate_entry, entry, &c->result.report.entries)
		if (strcmp(entry->name, name) == 0)
			return entry;
	return NULL;
}

static inline bool says(const struct converting *c, const char *name, const char *part)
{
	const struct migrate_entry *entry = entry_of(c, name);

	for (size_t i = 0; entry && i < entry->remarks.n; i++)
		if (strstr(entry->remarks.items[i].text, part))
			return true;
	return false;
}

/* The text of a report, or the error. */
static inline char *report_text(const struct converting *c)
{
	char *text = NULL;

	if (c->status < 0)
		return strdup(nvb_error_message(c->error));
	assert_int_equal(migrate_report_format(&c->result.report, &text, NULL), 0);
	return text;
}
