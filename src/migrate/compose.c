/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/compose.h"

#include <string.h>

#include "format/json.h"
#include "format/yaml.h"
#include "migrate/compose_boltfile.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

struct migration {
	const char *text; /* behind the byte order mark */
	size_t length;
	enum compose_target target;
	const struct compose_files *files;
	struct arena *arena;
	struct json_object *json;
	struct yaml_node *root;
	struct compose_file file;
	struct VEC(struct compose_selection) selections; /* one per service */
	struct VEC(struct migrate_entry) entries;	 /* the same */
	struct compose_edits edits;			 /* the same */
	struct migrate_report *report;
	struct nvb_error **err;
};

static void migration_done(struct migration *m)
{
	json_putp(&m->json);
}

void compose_result_done(struct compose_result *result)
{
	free(result->text);
	result->text = NULL;
}

/* The line of a service's name, rather than that of what follows it. */
static unsigned line_of(struct migration *m, const char *service)
{
	struct yaml_member services, member;

	if (!yaml_node_member(m->root, "services", &services) ||
		!yaml_node_member(
			services.mapping->pairs.items[services.index].value, service, &member))
		return 0;
	return member.mapping->pairs.items[member.index].key->line;
}

static int decide(struct migration *m, struct compose_service *service)
{
	struct compose_selection *selection = vec_push(m->arena, &m->selections);
	struct migrate_entry *entry = vec_push(m->arena, &m->entries);
	struct compose_service_edits *edits = vec_push(m->arena, &m->edits);
	int r;

	if (!selection || !entry || !edits)
		return NVB_OOM(m->err);
	service->line = line_of(m, service->name);
	edits->service = service->name;
	r = compose_select(service, m->target, m->files, m->arena, selection, entry, m->err);
	if (r >= 0 && entry->outcome == MIGRATE_CONVERTED)
		r = compose_decide(selection, m->target, m->arena, &edits->edits, entry, m->err);
	if (r >= 0 && entry->outcome != MIGRATE_CONVERTED)
		edits->edits.n = 0;
	return r;
}

/* What was to become of it does not. */
static void withdraw(struct migrate_entry *entry)
{
	size_t kept = 0;

	for (size_t i = 0; i < entry->remarks.n; i++)
		if (entry->remarks.items[i].kind == MIGRATE_FOUND)
			entry->remarks.items[kept++] = entry->remarks.items[i];
	entry->remarks.n = kept;
	entry->outcome = MIGRATE_NOT_CONVERTED;
}

/* `extends` joins lists: two services that both choose would have the GPUs of both. */
static int hold_back(struct migration *m, size_t i, const char *other)
{
	struct migrate_entry *entry = &m->entries.items[i];

	m->edits.items[i].edits.n = 0;
	if (entry->outcome == MIGRATE_NOT_CONVERTED)
		return 0;
	withdraw(entry);
	return migrate_remark(m->arena, entry, MIGRATE_LOST, 0, m->err,
		"'extends' joins the 'devices' of this service and of '%.128s', and both choose "
		"GPUs: change them by hand",
		other);
}

static size_t find_service(const struct migration *m, const char *name)
{
	size_t i = 0;

	while (i < m->file.services.n && strcmp(m->file.services.items[i].name, name) != 0)
		i++;
	return i;
}

/* Up the chain of one service; each is looked at once, so a circle ends. */
static int check_extends(struct migration *m, size_t i)
{
	const struct compose_service *s = &m->file.services.items[i];
	size_t at = i;
	int r = 0;

	for (size_t n = 0; r >= 0 && n < m->file.services.n; n++) {
		const struct compose_service *base = &m->file.services.items[at];

		if (!base->extends_service || base->extends_file)
			return 0;
		at = find_service(m, base->extends_service);
		if (at == m->file.services.n || at == i)
			return 0;
		if (!m->selections.items[at].asks || !m->selections.items[i].asks)
			continue;
		r = hold_back(m, i, m->file.services.items[at].name);
		if (r >= 0)
			r = hold_back(m, at, s->name);
	}
	return r;
}

static bool has_text(const struct migration *m, const char *word)
{
	return memmem(m->text, m->length, word, strlen(word));
}

static int note_files(struct migration *m)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->file.services.n; i++)
		if (m->file.services.items[i].extends_file)
			r = string_list_printf(m->arena, &m->report->remarks,
				"service '%.128s' extends one of '%.256s': convert that file too",
				m->file.services.items[i].name,
				m->file.services.items[i].extends_file);
	if (r >= 0 && m->file.includes)
		r = string_list_add(m->arena, &m->report->remarks,
			"'include' names other files: convert them too");
	if (r >= 0 && (has_text(m, "!override") || has_text(m, "!reset")))
		r = string_list_add(m->arena, &m->report->remarks,
			"'!override' and '!reset' are for a file that is put over others: convert "
			"those too, and look at what all of them say together");
	return r < 0 ? NVB_OOM(m->err) : 0;
}

/*
 * Source: Docker Compose 2.30 release notes (devices of CDI names); Docker Engine 25 and 28.2
 * release notes (the feature "cdi", and its becoming the default).
 */
static const char *const needs[] = {
	[COMPOSE_TO_CDI] =
		"CDI devices need Docker Compose 2.30 and Docker 25, before 28.2 with the feature "
		"'cdi' "
		"('nvbind setup docker --cdi'), or podman-compose; and specifications: 'nvbind cdi "
		"generate'",
	[COMPOSE_TO_RUNTIME] = "the engine must know the runtime '" COMPOSE_RUNTIME_NAME
			       "': 'nvbind setup docker'",
	[COMPOSE_TO_BOLTFILE] = NULL,
};

static int collect(struct migration *m)
{
	bool converted = false;

	for (size_t i = 0; i < m->entries.n; i++) {
		struct migrate_entry *entry;

		converted = converted || m->entries.items[i].outcome == MIGRATE_CONVERTED;
		if (!m->entries.items[i].remarks.n && !m->selections.items[i].asks &&
			m->target != COMPOSE_TO_BOLTFILE)
			continue;
		entry = vec_push(m->arena, &m->report->entries);
		if (!entry)
			return NVB_OOM(m->err);
		*entry = m->entries.items[i];
	}
	if (!m->report->entries.n &&
		string_list_add(m->arena, &m->report->remarks, "no service asks for a GPU") < 0)
		return NVB_OOM(m->err);
	if (converted && needs[m->target] &&
		string_list_add(m->arena, &m->report->remarks, needs[m->target]) < 0)
		return NVB_OOM(m->err);
	return note_files(m);
}

static int take_refusals(struct migration *m)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->edits.n; i++) {
		const struct compose_service_edits *edits = &m->edits.items[i];

		if (!edits->refused)
			continue;
		withdraw(&m->entries.items[i]);
		r = migrate_remark(m->arena, &m->entries.items[i], MIGRATE_LOST,
			edits->refused_line, m->err, "%s", edits->refused);
	}
	return r;
}

/* The mark is no part of what is parsed, and stays where it was. */
static int put_mark(struct compose_result *ret, size_t mark, struct nvb_error **err)
{
	char *text;

	if (!mark)
		return 0;
	text = malloc(ret->length + mark + 1);
	if (!text)
		return NVB_OOM(err);
	memcpy(text, byte_order_mark, mark);
	memcpy(text + mark, ret->text, ret->length + 1);
	free(ret->text);
	ret->text = text;
	ret->length += mark;
	return 0;
}

static int convert(struct migration *m, struct compose_result *ret, size_t mark)
{
	int r;

	if (m->target == COMPOSE_TO_BOLTFILE) {
		r = compose_format_boltfile(&m->file, m->selections.items, m->entries.items,
			m->arena, m->report, &ret->text, m->err);
		ret->length = r < 0 ? 0 : strlen(ret->text);
		ret->changed = true;
		return r;
	}
	r = compose_edit_text(m->text, m->length, m->json, m->root, m->arena, &m->edits, &ret->text,
		&ret->length, m->err);
	if (r < 0)
		return r;
	ret->changed = ret->length != m->length || memcmp(ret->text, m->text, m->length) != 0;
	r = put_mark(ret, mark, m->err);
	return r < 0 ? r : take_refusals(m);
}

static int run(struct migration *m, struct compose_result *ret, size_t mark)
{
	int r = yaml_parse_as_written(m->text, m->length, &m->json, m->err);

	if (r >= 0)
		r = yaml_locate(m->text, m->length, m->arena, &m->root, m->err);
	if (r >= 0)
		r = compose_read(m->json, m->arena, &m->file, m->err);
	for (size_t i = 0; r >= 0 && i < m->file.services.n; i++)
		r = decide(m, &m->file.services.items[i]);
	for (size_t i = 0; r >= 0 && i < m->file.services.n; i++)
		if (m->target == COMPOSE_TO_CDI)
			r = check_extends(m, i);
	if (r >= 0)
		r = convert(m, ret, mark);
	return r < 0 ? r : collect(m);
}

int compose_migrate(const char *name, const char *text, size_t length, enum compose_target target,
	const struct compose_files *files, struct arena *a, struct compose_result *ret,
	struct nvb_error **err)
{
	static const struct compose_files none = { 0 };
	const size_t mark_bytes = sizeof(byte_order_mark) - 1;
	const size_t mark = length >= mark_bytes && memcmp(text, byte_order_mark, mark_bytes) == 0
				    ? mark_bytes
				    : 0;
	struct compose_result result = { .report = { .source = name, .what = "service" } };
	_cleanup_(migration_done) struct migration m = {
		.text = text + mark,
		.length = length - mark,
		.target = target,
		.files = files ? files : &none,
		.arena = a,
		.report = &result.report,
		.err = err,
	};
	int r = run(&m, &result, mark);

	if (r < 0) {
		compose_result_done(&result);
		return NVB_CONTEXT(err, r, "read '%s'", name);
	}
	*ret = result;
	return 0;
}
