/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check works with.
 *
 * A check says what it sees with check_note(), as often as it likes. The worst note decides the
 * result; notes of that level are joined to the reason, lesser ones are dropped. check_fix()
 * directly behind a note says what to do about it; the first fix of the deciding level is kept.
 */
#pragma once

#include "base/strbuf.h"
#include "doctor/doctor.h"

struct doctor {
	const struct host_tree *tree;
	const struct inventory *inv;
	const struct doctor_user *user;
	struct arena *arena; /* of the report */
	bool out_of_memory;

	/* The check that runs. */
	bool noted;
	enum doctor_result result;
	struct strbuf reason;
	size_t n_reasons;
	const char *fix;
	bool fix_is_taken; /* check_fix() applies to the last note */
};

void check_note(struct doctor *d, enum doctor_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_fix(struct doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "runc version 1.1.5", in the arena; NULL if the program does not answer. */
const char *check_version_of(struct doctor *d, const char *program);
/* True for a runc that keeps no rule of a device without a link in /dev/char. */
bool check_runc_needs_links(const char *version);

#define CHECK(name, function, scope) void function(struct doctor *d);
#include "doctor/checks.def"
#undef CHECK
