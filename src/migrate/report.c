/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/report.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "format/json.h"

#define TEXT_LIMIT_BYTES ((size_t)8 << 20)
#define NAME_BYTES	 256

static const char *const outcomes[] = {
	[MIGRATE_CONVERTED] = "converted",
	[MIGRATE_NOTHING_TO_DO] = "nothing to do",
	[MIGRATE_NOT_CONVERTED] = "not converted",
};

static const char *const kinds[] = {
	[MIGRATE_FOUND] = "found",
	[MIGRATE_BECOMES] = "becomes",
	[MIGRATE_NOTE] = "note",
	[MIGRATE_LOST] = "no equivalent",
};

int migrate_remark(struct arena *a, struct migrate_entry *entry, enum migrate_remark_kind kind,
	unsigned line, struct nvb_error **err, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	struct migrate_remark *remark;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return NVB_OOM(err);
	}
	remark = vec_push(a, &entry->remarks);
	if (!remark)
		return NVB_OOM(err);
	*remark = (struct migrate_remark){
		.kind = kind,
		.line = line,
		.text = arena_strdup(a, text),
	};
	return remark->text ? 0 : NVB_OOM(err);
}

bool migrate_report_complete(const struct migrate_report *report)
{
	if (report->lossy)
		return false;
	for (size_t i = 0; i < report->entries.n; i++) {
		const struct migrate_entry *entry = &report->entries.items[i];

		if (entry->outcome == MIGRATE_NOT_CONVERTED)
			return false;
		for (size_t j = 0; j < entry->remarks.n; j++)
			if (entry->remarks.items[j].kind == MIGRATE_LOST)
				return false;
	}
	return true;
}

static void add_entry(
	struct strbuf *b, const struct migrate_report *report, const struct migrate_entry *entry)
{
	strbuf_printf(b, "%s '", report->what);
	strbuf_escaped_add(b, entry->name, NAME_BYTES);
	strbuf_char_add(b, '\'');
	if (entry->line)
		strbuf_printf(b, " (line %u)", entry->line);
	strbuf_printf(b, ": %s\n", outcomes[entry->outcome]);
	for (size_t i = 0; i < entry->remarks.n; i++) {
		const struct migrate_remark *remark = &entry->remarks.items[i];

		strbuf_printf(b, "  %s: ", kinds[remark->kind]);
		if (remark->line)
			strbuf_printf(b, "line %u: ", remark->line);
		strbuf_escaped_add(b, remark->text, TEXT_LIMIT_BYTES);
		strbuf_char_add(b, '\n');
	}
}

int migrate_report_format(
	const struct migrate_report *report, char **ret_text, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(TEXT_LIMIT_BYTES);

	for (size_t i = 0; i < report->entries.n; i++)
		add_entry(&b, report, &report->entries.items[i]);
	vec_foreach (const char *, remark, &report->remarks)
		strbuf_printf(&b, "%s\n", *remark);
	if (strbuf_failed(&b))
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "write the report on '%s'", report->source);
	*ret_text = strbuf_take(&b);
	return *ret_text ? 0 : NVB_OOM(err);
}

static void add_line(struct json_builder *b, struct json_object *object, unsigned line)
{
	if (line)
		json_add_uint(b, object, "line", line);
	else
		json_add_null(b, object, "line");
}

static void add_json_entry(
	struct json_builder *b, struct json_object *entries, const struct migrate_entry *entry)
{
	struct json_object *object = json_append_object(b, entries), *remarks;

	json_add_string(b, object, "name", entry->name);
	add_line(b, object, entry->line);
	json_add_string(b, object, "outcome", outcomes[entry->outcome]);
	remarks = json_add_array(b, object, "remarks");
	for (size_t i = 0; i < entry->remarks.n; i++) {
		struct json_object *remark = json_append_object(b, remarks);

		json_add_string(b, remark, "kind", kinds[entry->remarks.items[i].kind]);
		add_line(b, remark, entry->remarks.items[i].line);
		json_add_string(b, remark, "text", entry->remarks.items[i].text);
	}
}

int migrate_report_format_json(
	const struct migrate_report *report, char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *entries, *remarks;
	int r;

	json_add_string(&b, root, "source", report->source);
	json_add_bool(&b, root, "complete", migrate_report_complete(report));
	entries = json_add_array(&b, root, "entries");
	for (size_t i = 0; i < report->entries.n; i++)
		add_json_entry(&b, entries, &report->entries.items[i]);
	remarks = json_add_array(&b, root, "remarks");
	vec_foreach (const char *, remark, &report->remarks)
		json_append_string(&b, remarks, *remark);
	r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret_text, NULL, err);
}
