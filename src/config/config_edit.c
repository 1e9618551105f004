/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_edit.h"

#include <string.h>

#include "config/config_output.h"
#include "format/document.h"
#include "format/json.h"

struct document_path_list VEC(struct document_path);

struct key_edit {
	struct arena *arena;
	const char *name; /* of the file */
	const char *text;
	const struct knob *knob;
	struct document_path_list places; /* where the file has it */
	struct document_path exact;	  /* n 0: the key is a flat name */
};

static int find_key(struct key_edit *e, const char *key, struct nvb_error **err)
{
	const char *nearest = NULL;
	char *path, *part;
	int r;

	e->knob = knob_find(key, &nearest);
	if (!e->knob) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown key '%.128s'", key);
		return nearest ? NVB_HINT(err, r, "did you mean '%s'?", nearest) : r;
	}
	if (!strchr(key, '.'))
		return 0;
	path = arena_strdup(e->arena, key);
	if (!path)
		return NVB_OOM(err);
	while ((part = strsep(&path, ".")))
		e->exact = document_path_below(&e->exact, part);
	return 0;
}

/* The places of the knob that count for all containers. */
static int find_places(struct key_edit *e, const struct document_path *above,
	struct json_object *table, struct nvb_error **err)
{
	json_object_object_foreach(table, key, value)
	{
		struct document_path below = document_path_below(above, key);
		struct document_path *slot;
		struct knob_place place;
		enum knob_path what;
		int r = 0;

		if (below.n > DOCUMENT_PATH_LIMIT)
			return 0;
		what = knob_place_find(below.keys, below.n, &place);
		if (place.section != KNOB_SECTION_ALL)
			continue;
		if (what == KNOB_PATH_KNOB && place.knob == e->knob) {
			slot = vec_push(e->arena, &e->places);
			if (!slot)
				return NVB_OOM(err);
			*slot = below;
		} else if (what == KNOB_PATH_TABLE &&
			   json_object_is_type(value, json_type_object)) {
			r = find_places(e, &below, value, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* `root` lives as long as the places, whose keys it holds. */
static int open_edit(
	struct key_edit *e, const char *key, struct json_object **ret_root, struct nvb_error **err)
{
	struct document_path top = { 0 };
	int r = find_key(e, key, err);

	if (r >= 0)
		r = document_parse(DOCUMENT_TOML, e->name, e->text, ret_root, err);
	if (r < 0)
		return r;
	if (!e->exact.n)
		return find_places(e, &top, *ret_root, err);
	if (document_find(*ret_root, &e->exact)) {
		struct document_path *slot = vec_push(e->arena, &e->places);

		if (!slot)
			return NVB_OOM(err);
		*slot = e->exact;
	}
	return 0;
}

static int find_home(struct key_edit *e, struct document_path *ret, struct nvb_error **err)
{
	const char *table, *key;
	char *path, *part;

	if (e->exact.n) {
		*ret = e->exact;
		return 0;
	}
	if (!knob_place_home(e->knob, &table, &key))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' belongs to profiles alone",
				e->knob->name),
			"as in 'profiles.NAME.%s'", e->knob->name);
	path = arena_strdup(e->arena, table);
	if (!path)
		return NVB_OOM(err);
	while ((part = strsep(&path, ".")))
		*ret = document_path_below(ret, part);
	*ret = document_path_below(ret, key);
	return 0;
}

static int apply(const struct key_edit *e, const struct document_edits *edits, char **ret_text,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	struct config_file *file;
	int r = document_apply(DOCUMENT_TOML, e->name, e->text, edits, &text, err);

	if (r >= 0)
		r = config_file_parse(e->arena, e->name, text, strlen(text), &file, err);
	if (r >= 0)
		r = config_file_check(file, false, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "change '%s'", e->name);
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int set_places(struct key_edit *e, const struct setting *value, struct document_edits *edits,
	struct nvb_error **err)
{
	struct document_path home = { 0 };
	int r = 0;

	if (!e->places.n) {
		r = find_home(e, &home, err);
		return r < 0 ? r
			     : document_edits_add(
				       edits, e->arena, &home, config_value(e->knob, value), err);
	}
	vec_foreach (struct document_path, place, &e->places)
		if (r >= 0)
			r = document_edits_add(
				edits, e->arena, place, config_value(e->knob, value), err);
	return r;
}

int config_edit_set(struct arena *a, const char *name, const char *text, const char *key,
	const char *value, char **ret_text, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(document_edits_done) struct document_edits edits = { 0 };
	struct key_edit e = { .arena = a, .name = name, .text = text };
	struct settings parsed = { .arena = a };
	int r = open_edit(&e, key, &root, err);

	if (r < 0)
		return r;
	r = settings_set(&parsed, e.knob, value, SOURCE_COMMAND_LINE, "the command line", err);
	if (r >= 0)
		r = set_places(&e, &parsed.of[e.knob->id], &edits, err);
	return r < 0 ? r : apply(&e, &edits, ret_text, err);
}

int config_edit_unset(struct arena *a, const char *name, const char *text, const char *key,
	char **ret_text, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(document_edits_done) struct document_edits edits = { 0 };
	struct key_edit e = { .arena = a, .name = name, .text = text };
	int r = open_edit(&e, key, &root, err);

	if (r >= 0 && !e.places.n)
		r = NVB_RAISE(
			err, NVB_ERR_NOT_FOUND, 0, "remove '%s': '%s' does not have it", key, name);
	vec_foreach (struct document_path, place, &e.places)
		if (r >= 0)
			r = document_edits_add(&edits, a, place, NULL, err);
	return r < 0 ? r : apply(&e, &edits, ret_text, err);
}
