/* SPDX-License-Identifier: Apache-2.0 */
/* A doctor's report as text and as JSON. */
#include "base/strbuf.h"
#include "doctor/doctor.h"
#include "format/json.h"

#define TEXT_LIMIT_BYTES (1 << 20)

/* Summaries count the good before the bad. */
static const enum doctor_result summary_order[] = {
	DOCTOR_OK,
	DOCTOR_WARNING,
	DOCTOR_FAILED,
	DOCTOR_SKIPPED,
};

const char *doctor_result_name(enum doctor_result result)
{
	static const char *const names[DOCTOR_RESULT_COUNT] = {
		[DOCTOR_SKIPPED] = "skipped",
		[DOCTOR_OK] = "ok",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_FAILED] = "failed",
	};

	return names[result];
}

int doctor_format_text(
	const struct doctor_report *report, bool detailed, char **ret_text, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(TEXT_LIMIT_BYTES);
	const char *separator = "";

	vec_foreach (const struct doctor_finding, finding, &report->findings) {
		if (!detailed && finding->result < DOCTOR_WARNING)
			continue;
		strbuf_printf(&out, "%-8s %-16s %s\n", doctor_result_name(finding->result),
			finding->name, finding->reason);
		if (finding->fix)
			strbuf_printf(&out, "%-8s %-16s fix: %s\n", "", "", finding->fix);
	}
	if (out.length)
		strbuf_char_add(&out, '\n');
	for (size_t i = 0; i < ELEMENTS(summary_order); i++) {
		size_t n = report->counts[summary_order[i]];
		bool plural = summary_order[i] == DOCTOR_WARNING && n != 1;

		strbuf_printf(&out, "%s%zu %s%s", separator, n,
			doctor_result_name(summary_order[i]), plural ? "s" : "");
		separator = ", ";
	}
	strbuf_char_add(&out, '\n');
	*ret_text = strbuf_take(&out);
	return *ret_text ? 0 : NVB_OOM(err);
}

int doctor_format_json(const struct doctor_report *report, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *checks = json_add_array(&b, root, "checks");
	struct json_object *summary;
	int r;

	vec_foreach (const struct doctor_finding, finding, &report->findings) {
		struct json_object *check = json_append_object(&b, checks);

		json_add_string(&b, check, "name", finding->name);
		json_add_string(&b, check, "result", doctor_result_name(finding->result));
		json_add_string(&b, check, "reason", finding->reason);
		json_add_string(&b, check, "fix", finding->fix);
	}
	summary = json_add_object(&b, root, "summary");
	for (size_t i = 0; i < ELEMENTS(summary_order); i++)
		json_add_uint(&b, summary, doctor_result_name(summary_order[i]),
			report->counts[summary_order[i]]);
	r = json_builder_check(&b, err);
	if (r < 0)
		return r;
	return json_format(root, JSON_PRETTY, ret_text, NULL, err);
}
