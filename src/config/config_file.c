/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_file.h"

#include <inttypes.h>
#include <string.h>

#include "format/json.h"
#include "format/toml.h"

/* Deeper than any place that is known. */
#define KEYS_LIMIT     16
#define FINDINGS_LIMIT 100
#define PARTS_LIMIT    1000
#define SHOWN_BYTES    64
#define MESSAGE_BYTES  4096

struct reader {
	struct arena *arena;
	struct toml_document *doc;
	struct config_file *file;
	const char *keys[KEYS_LIMIT];
	size_t n;
};

static struct toml_position where(const struct reader *r)
{
	struct toml_position begin = { 0 }, end;

	if (!toml_locate_key(r->doc, r->keys, r->n, &begin, &end))
		(void)toml_locate(r->doc, r->keys, r->n, &begin, &end);
	return begin;
}

static const char *origin_of(const struct reader *r)
{
	struct toml_position at = where(r);

	return arena_printf(r->arena, "%s:%u:%u", r->file->name, at.line, at.column);
}

/* "services.web.gpu": keys are the user's text. */
static void add_path(const struct reader *r, struct strbuf *out)
{
	for (size_t i = 0; i < r->n; i++) {
		strbuf_str_add(out, i ? "." : "");
		strbuf_escaped_add(out, r->keys[i], SHOWN_BYTES);
	}
}

static int add_finding(struct reader *r, struct toml_position at, bool is_error, const char *text,
	const char *hint, struct nvb_error **err)
{
	struct config_finding *finding;

	/* A file with more says nothing new by them. */
	if (r->file->findings.n == FINDINGS_LIMIT)
		return 0;
	finding = vec_push(r->arena, &r->file->findings);
	if (!finding)
		return NVB_OOM(err);
	finding->is_error = is_error;
	finding->line = at.line;
	finding->column = at.column;
	finding->text = arena_strdup(r->arena, text);
	finding->hint = hint && *hint ? arena_strdup(r->arena, hint) : NULL;
	return finding->text && (!hint || !*hint || finding->hint) ? 0 : NVB_OOM(err);
}

/* "FILE:LINE:COLUMN: 'PATH' WHAT" */
static int find(
	struct reader *r, bool is_error, const char *what, const char *hint, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(MESSAGE_BYTES);
	struct toml_position at = where(r);

	strbuf_printf(&text, "%s:%u:%u: %s'", r->file->name, at.line, at.column,
		is_error ? "" : "unknown key ");
	add_path(r, &text);
	strbuf_printf(&text, "'%s", what);
	return add_finding(r, at, is_error, strbuf_str(&text), hint, err);
}

static int find_unknown(struct reader *r, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf hint = STRBUF_INIT(MESSAGE_BYTES);

	knob_place_hint(r->keys, r->n, &hint);
	return find(r, false, "", strbuf_str(&hint), err);
}

static const char *type_name(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		return "true or false";
	case json_type_int:
		return "a whole number";
	case json_type_double:
		return "a fraction";
	case json_type_object:
		return "a table";
	case json_type_array:
		return "a list";
	case json_type_string:
		return "text";
	case json_type_null:
		break;
	}
	return "nothing";
}

static int find_wrong_type(
	struct reader *r, const char *expected, struct json_object *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf what = STRBUF_INIT(MESSAGE_BYTES);

	strbuf_printf(&what, " must be %s, not %s", expected, type_name(value));
	return find(r, true, strbuf_str(&what), NULL, err);
}

static const char *expected_type(const struct knob *knob)
{
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		return "true or false, without quotes";
	case KNOB_TYPE_SIZE:
		return "a size in quotes, as \"8GiB\", or bytes";
	case KNOB_TYPE_PERCENT:
		return "a percentage in quotes, as \"50%\", or a whole number";
	case KNOB_TYPE_NUMBER:
		return "a whole number, without quotes";
	case KNOB_TYPE_LIST:
		return "a list of texts, as [\"gpu:0\"]";
	case KNOB_TYPE_WORD:
	case KNOB_TYPE_TEXT:
		break;
	}
	return "text in quotes";
}

static bool takes_text(const struct knob *knob)
{
	return knob->type != KNOB_TYPE_BOOL && knob->type != KNOB_TYPE_NUMBER;
}

static bool takes_integer(const struct knob *knob)
{
	return knob->type == KNOB_TYPE_SIZE || knob->type == KNOB_TYPE_PERCENT ||
	       knob->type == KNOB_TYPE_NUMBER;
}

/* A text that would end early is none. */
static bool add_string(struct json_object *value, struct strbuf *out)
{
	const char *text = json_object_get_string(value);

	if (strlen(text) != (size_t)json_object_get_string_len(value))
		return false;
	strbuf_str_add(out, text);
	return true;
}

static bool add_items(struct json_object *array, struct strbuf *out)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		strbuf_str_add(out, i ? "," : "");
		if (!json_object_is_type(item, json_type_string) || !add_string(item, out))
			return false;
	}
	return true;
}

/* The value as it would be written behind --config NAME=; false: not of the knob's type. */
static bool add_value(const struct knob *knob, struct json_object *value, struct strbuf *out)
{
	if (json_object_is_type(value, json_type_string) && takes_text(knob))
		return add_string(value, out);
	if (json_object_is_type(value, json_type_array) && knob->type == KNOB_TYPE_LIST)
		return add_items(value, out);
	if (json_object_is_type(value, json_type_int) && takes_integer(knob))
		strbuf_printf(out, "%" PRId64, json_object_get_int64(value));
	else if (json_object_is_type(value, json_type_boolean) && knob->type == KNOB_TYPE_BOOL)
		strbuf_str_add(out, json_object_get_boolean(value) ? "true" : "false");
	else
		return false;
	return true;
}

static enum request_source source_of(enum knob_section section)
{
	switch (section) {
	case KNOB_SECTION_ALL:
		return SOURCE_CONFIG;
	case KNOB_SECTION_SERVICE:
		return SOURCE_BOLTFILE;
	case KNOB_SECTION_PROFILE:
	case KNOB_SECTION_GAMING_PROFILE:
	case KNOB_SECTION_OLLAMA_PROFILE:
		break;
	}
	return SOURCE_PROFILE;
}

static int read_knob(struct reader *r, struct config_part *part, const struct knob *knob,
	struct json_object *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(CONFIG_TEXT_LIMIT_BYTES);
	_cleanup_(strbuf_done) struct strbuf message = STRBUF_INIT(MESSAGE_BYTES);
	_cleanup_error_ struct nvb_error *problem = NULL;
	const char *origin = origin_of(r);
	int e;

	if (!add_value(knob, value, &text))
		return find_wrong_type(r, expected_type(knob), value, err);
	if (!origin || strbuf_failed(&text))
		return NVB_OOM(err);
	e = settings_set(&part->settings, knob, strbuf_str(&text), source_of(part->section), origin,
		&problem);
	if (e == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (e >= 0)
		return 0;
	strbuf_printf(&message, ": %s", nvb_error_message(problem));
	return find(r, true, strbuf_str(&message), nvb_error_get_hint(problem), err);
}

static struct config_part *add_part(
	struct reader *r, enum knob_section section, const char *name, const char *origin)
{
	struct config_part **slot = vec_push(r->arena, &r->file->parts);
	struct config_part *part = arena_new_object(r->arena, struct config_part);

	if (!slot || !part)
		return NULL;
	*part = (struct config_part){
		.section = section,
		.name = name ? arena_strdup(r->arena, name) : NULL,
		.origin = origin,
		.settings = { .arena = r->arena },
	};
	*slot = part;
	return origin && (!name || part->name) ? part : NULL;
}

static int read_parent(struct reader *r, struct config_part *part, struct json_object *value,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf name = STRBUF_INIT(MESSAGE_BYTES);

	if (!json_object_is_type(value, json_type_string) || !add_string(value, &name))
		return find_wrong_type(r, "a profile's name", value, err);
	part->inherits = strbuf_failed(&name) ? NULL : arena_strdup(r->arena, strbuf_str(&name));
	return part->inherits ? 0 : NVB_OOM(err);
}

static int read_table(struct reader *r, struct config_part *part, struct json_object *table,
	struct nvb_error **err);

/* A part begins with the table that has its name. */
static int enter_table(struct reader *r, struct config_part *part, const struct knob_place *place,
	struct json_object *value, struct nvb_error **err)
{
	if (!json_object_is_type(value, json_type_object))
		return find_wrong_type(r, "a table", value, err);
	if (place->section != KNOB_SECTION_ALL && place->name_at == r->n - 1) {
		if (r->file->parts.n > PARTS_LIMIT)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"read '%s': more than %d services and profiles", r->file->name,
				PARTS_LIMIT);
		part = add_part(r, place->section, r->keys[r->n - 1], origin_of(r));
		if (!part)
			return NVB_OOM(err);
	}
	return read_table(r, part, value, err);
}

static int read_member(struct reader *r, struct config_part *part, struct json_object *value,
	struct nvb_error **err)
{
	struct knob_place place;

	switch (knob_place_find(r->keys, r->n, &place)) {
	case KNOB_PATH_KNOB:
		return read_knob(r, part, place.knob, value, err);
	case KNOB_PATH_TABLE:
		return enter_table(r, part, &place, value, err);
	case KNOB_PATH_OTHER:
		if (strcmp(r->keys[r->n - 1], "inherits") == 0)
			return read_parent(r, part, value, err);
		return 0;
	case KNOB_PATH_UNKNOWN:
		break;
	}
	return find_unknown(r, err);
}

/* No known place is as deep as the limit, so nothing is entered beyond it. */
static int read_table(struct reader *r, struct config_part *part, struct json_object *table,
	struct nvb_error **err)
{
	json_object_object_foreach(table, key, value)
	{
		int e;

		if (r->n == KEYS_LIMIT)
			return 0;
		r->keys[r->n++] = key;
		e = read_member(r, part, value, err);
		r->n--;
		if (e < 0)
			return e;
	}
	return 0;
}

static int compare_findings(const void *one, const void *two)
{
	const struct config_finding *a = one, *b = two;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

int config_file_parse(struct arena *a, const char *name, const char *text, size_t length,
	struct config_file **ret, struct nvb_error **err)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	struct reader reader = { .arena = a };
	struct config_part *all;
	int r;

	if (length > CONFIG_TEXT_LIMIT_BYTES)
		return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "read '%s': it is larger than %zu bytes",
			name, CONFIG_TEXT_LIMIT_BYTES);
	r = toml_parse(name, text, length, &doc, err);
	if (r < 0)
		return r;
	reader.doc = doc;
	reader.file = arena_new_object(a, struct config_file);
	if (!reader.file)
		return NVB_OOM(err);
	reader.file->name = arena_strdup(a, name);
	all = add_part(&reader, KNOB_SECTION_ALL, NULL, reader.file->name);
	if (!all)
		return NVB_OOM(err);
	r = read_table(&reader, all, toml_root(doc), err);
	if (r < 0)
		return r;
	if (reader.file->findings.n)
		qsort(reader.file->findings.items, reader.file->findings.n,
			sizeof(*reader.file->findings.items), compare_findings);
	*ret = reader.file;
	return 0;
}

int config_file_check(const struct config_file *file, bool strict, struct nvb_error **err)
{
	vec_foreach (struct config_finding, finding, &file->findings) {
		int r;

		if (!finding->is_error && !strict)
			continue;
		r = NVB_RAISE(err, NVB_ERR_FORMAT, 0, "%s", finding->text);
		return finding->hint ? NVB_HINT(err, r, "%s", finding->hint) : r;
	}
	return 0;
}
