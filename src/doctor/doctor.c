/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/doctor.h"

#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "doctor/check.h"

#define REASON_LIMIT_BYTES 8192
#define MAX_REASONS	   4
#define MAX_GROUPS	   65536 /* NGROUPS_MAX of Linux */

enum check_scope { MACHINE, RUNNING };

static const struct check {
	const char *name;
	void (*function)(struct doctor *d);
	enum check_scope scope;
} checks[] = {
#define CHECK(name, function, scope) { name, function, scope },
#include "doctor/checks.def"
#undef CHECK
};

/* What a check quotes may come from anyone's file: only printable ASCII goes into a report. */
static const char *printable(struct arena *a, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(4 * REASON_LIMIT_BYTES);

	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			strbuf_printf(&b, "\\x%02x", (unsigned char)*p);
		else
			strbuf_char_add(&b, *p);
	}
	return strbuf_failed(&b) ? NULL : arena_strdup(a, strbuf_str(&b));
}

void check_note(struct doctor *d, enum doctor_result result, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int length;

	d->fix_is_taken = false;
	if (d->noted && result < d->result)
		return;
	if (!d->noted || result > d->result) {
		strbuf_truncate(&d->reason, 0);
		d->n_reasons = 0;
		d->fix = NULL;
	}
	d->noted = true;
	d->result = result;
	d->fix_is_taken = !d->fix;
	if (++d->n_reasons > MAX_REASONS)
		return;
	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	if (length < 0) {
		text = NULL;
		d->out_of_memory = true;
		return;
	}
	if (d->n_reasons > 1)
		strbuf_str_add(&d->reason, "; ");
	/* A text that is too long is cut, it must not fill the limit. */
	strbuf_escaped_add(&d->reason, text, REASON_LIMIT_BYTES / (8 * MAX_REASONS));
}

void check_fix(struct doctor *d, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int length;

	if (!d->fix_is_taken)
		return;
	va_start(ap, format);
	length = vasprintf(&text, format, ap);
	va_end(ap);
	if (length < 0)
		text = NULL;
	d->fix = text ? printable(d->arena, text) : NULL;
	d->out_of_memory |= !d->fix;
}

static int run_check(struct doctor *d, const struct check *check, struct doctor_report *report,
	struct nvb_error **err)
{
	struct doctor_finding *finding = vec_push(report->arena, &report->findings);

	if (!finding)
		return NVB_OOM(err);
	d->noted = false;
	d->n_reasons = 0;
	d->fix = NULL;
	strbuf_truncate(&d->reason, 0);

	if (check->scope == RUNNING && !host_tree_is_live(d->tree))
		check_note(d, DOCTOR_SKIPPED, "says nothing about a machine below a host root");
	else
		check->function(d);
	if (!d->noted)
		check_note(d, DOCTOR_SKIPPED, "there is nothing to check");
	if (d->n_reasons > MAX_REASONS)
		strbuf_printf(&d->reason, "; and %zu more", d->n_reasons - MAX_REASONS);

	*finding = (struct doctor_finding){
		.name = check->name,
		.result = d->result,
		.reason = printable(report->arena, strbuf_str(&d->reason)),
		.fix = d->fix,
	};
	report->counts[d->result]++;
	if (!finding->reason || d->out_of_memory || strbuf_failed(&d->reason))
		return NVB_OOM(err);
	return 0;
}

int doctor_run(const struct host_tree *tree, const struct inventory *inv,
	const struct doctor_user *user, struct doctor_report **ret_report, struct nvb_error **err)
{
	struct arena *arena = arena_new();
	_cleanup_(doctor_report_freep) struct doctor_report *report = NULL;
	struct doctor d = {
		.tree = tree,
		.inv = inv,
		.user = user,
		.arena = arena,
		.reason = STRBUF_INIT(REASON_LIMIT_BYTES),
	};
	int r = 0;

	report = arena ? arena_new_object(arena, struct doctor_report) : NULL;
	if (!report) {
		arena_free(arena);
		return NVB_OOM(err);
	}
	report->arena = arena;
	for (size_t i = 0; r >= 0 && i < ELEMENTS(checks); i++)
		r = run_check(&d, &checks[i], report, err);
	strbuf_done(&d.reason);
	if (r < 0)
		return r;
	*ret_report = TAKE_PTR(report);
	return 0;
}

void doctor_report_free(struct doctor_report *report)
{
	/* The report lives in its own arena. */
	if (report)
		arena_free(report->arena);
}

int doctor_user_read(struct arena *a, struct doctor_user *ret_user, struct nvb_error **err)
{
	struct doctor_user user = { .uid = geteuid(), .gid = getegid() };
	int n = getgroups(0, NULL);
	const struct passwd *entry;

	if (n < 0 || n > MAX_GROUPS)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "read this process's groups");
	if (n > 0) {
		gid_t *groups = arena_alloc(a, (size_t)n * sizeof(*groups));

		if (!groups)
			return NVB_OOM(err);
		n = getgroups(n, groups);
		if (n < 0)
			return NVB_RAISE(err, NVB_ERR_FAILED, errno, "read this process's groups");
		user.groups = groups;
		user.n_groups = (size_t)n;
	}
	entry = getpwuid(user.uid);
	if (entry) {
		user.name = arena_strdup(a, entry->pw_name);
		if (!user.name)
			return NVB_OOM(err);
	}
	*ret_user = user;
	return 0;
}
