/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of TOML, put where a person would put them: a key behind the last one of its table, a table
 * behind the last one of its parent, indented as its neighbours are.
 */
#include <string.h>

#include "format/json.h"
#include "format/text_edit.h"
#include "format/toml.h"
#include "format/toml_write.h"

/* How a table came to be. */
enum table_kind {
	TABLE_ABSENT,
	TABLE_TOP,
	TABLE_HEADER,	/* [a.b] */
	TABLE_IMPLICIT, /* only a part of other headers */
	TABLE_INLINE,	/* { ... } */
	TABLE_DOTTED,	/* a part of dotted keys */
	TABLE_OTHER,	/* no table, or a list of them */
};

struct place {
	size_t begin, end;
};

struct layout {
	const char *eol;
	char *header; /* blanks before a header */
	char *unit;   /* how much deeper its keys are */
	bool blank_line;
};

struct edit {
	const char *text;
	size_t length;
	struct toml_document *doc;
	struct layout layout;
};

static void edit_done(struct edit *e)
{
	toml_free(e->doc);
	free(e->layout.header);
	free(e->layout.unit);
}

static int edit_open(struct edit *e, const char *text, struct nvb_error **err)
{
	e->text = text;
	e->length = strlen(text);
	e->layout.eol = strstr(text, "\r\n") ? "\r\n" : "\n";
	return toml_parse("text", text, e->length, &e->doc, err);
}

static struct document_path up(const struct document_path *path, size_t n)
{
	struct document_path above = *path;

	above.n = n;
	return above;
}

static bool locate(const struct edit *e, const struct document_path *path, struct place *ret)
{
	struct toml_position begin, end;

	if (!toml_locate(e->doc, path->keys, path->n, &begin, &end))
		return false;
	ret->begin = toml_offset(e->doc, begin);
	ret->end = toml_offset(e->doc, end);
	return true;
}

static bool locate_key(const struct edit *e, const struct document_path *path, struct place *ret)
{
	struct toml_position begin, end;

	if (!toml_locate_key(e->doc, path->keys, path->n, &begin, &end))
		return false;
	ret->begin = toml_offset(e->doc, begin);
	ret->end = toml_offset(e->doc, end);
	return true;
}

/* "[a.b]" names a.b itself if nothing is left below it. */
static bool is_own_header(const struct edit *e, const struct document_path *path, struct place at)
{
	_cleanup_(toml_freep) struct toml_document *header = NULL;
	struct json_object *table;

	if (toml_parse("header", e->text + at.begin, at.end - at.begin, &header, NULL) < 0)
		return false;
	table = document_find(toml_root(header), path);
	return table && json_object_is_type(table, json_type_object) &&
	       json_object_object_length(table) == 0;
}

static enum table_kind kind_of(const struct edit *e, const struct document_path *path)
{
	struct json_object *value = document_find(toml_root(e->doc), path);
	struct place at;

	if (path->n == 0)
		return TABLE_TOP;
	if (!value)
		return TABLE_ABSENT;
	if (!json_object_is_type(value, json_type_object) || !locate(e, path, &at))
		return TABLE_OTHER;
	if (e->text[at.begin] == '{')
		return TABLE_INLINE;
	if (e->text[at.begin] != '[')
		return TABLE_DOTTED;
	return is_own_header(e, path, at) ? TABLE_HEADER : TABLE_IMPLICIT;
}

static size_t line_begin(const struct edit *e, size_t at)
{
	while (at > 0 && e->text[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the newline. */
static size_t line_end(const struct edit *e, size_t at)
{
	const char *end = strchr(e->text + at, '\n');

	return end ? (size_t)(end - e->text) + 1 : e->length;
}

/* The blanks before `at` in its line; NULL where the line starts with something else. */
static char *blanks_before(const struct edit *e, size_t at)
{
	size_t begin = line_begin(e, at);

	if (begin + strspn(e->text + begin, " \t") < at)
		return NULL;
	return strndup(e->text + begin, at - begin);
}

static bool is_list_of_tables(const struct edit *e, struct json_object *value, size_t begin)
{
	return json_object_is_type(value, json_type_array) && json_object_array_length(value) &&
	       json_object_is_type(json_object_array_get_idx(value, 0), json_type_object) &&
	       e->text[begin] == '[' && e->text[begin + 1] == '[';
}

/*
 * The end of what belongs to the table at `path`: of the values under its own header, or of all
 * tables below it too.
 */
static void find_end(const struct edit *e, const struct document_path *path, bool all, size_t *end)
{
	struct json_object *value = document_find(toml_root(e->doc), path);
	struct place at;

	if (path->n && locate(e, path, &at) && at.end > *end)
		*end = at.end;
	if (json_object_is_type(value, json_type_array) && all) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			char index[24];
			struct document_path item;

			(void)snprintf(index, sizeof(index), "%zu", i);
			item = document_path_below(path, index);
			if (item.n <= DOCUMENT_PATH_LIMIT)
				find_end(e, &item, all, end);
		}
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, key, member)
	{
		struct document_path below = document_path_below(path, key);
		bool is_table;

		if (below.n > DOCUMENT_PATH_LIMIT || !locate(e, &below, &at))
			continue;
		is_table = json_object_is_type(member, json_type_object)
				   ? e->text[at.begin] == '['
				   : is_list_of_tables(e, member, at.begin);
		if (all || !is_table)
			find_end(e, &below, all, end);
	}
}

/* The parts of a header as the file writes them, where it has them already. */
static void add_header_path(
	const struct edit *e, const struct document_path *path, struct strbuf *out)
{
	for (size_t i = 1; i <= path->n; i++) {
		struct document_path part = up(path, i);
		struct place at;

		strbuf_str_add(out, i > 1 ? "." : "");
		if (e->doc && locate_key(e, &part, &at))
			strbuf_add(out, e->text + at.begin, at.end - at.begin);
		else
			toml_write_key(path->keys[i - 1], out);
	}
}

static void add_table(const struct edit *e, const struct document_path *path,
	struct json_object *table, const char *indent, unsigned depth, struct strbuf *out)
{
	const struct layout *l = &e->layout;

	strbuf_str_add(out, indent);
	for (unsigned i = 0; i < depth; i++)
		strbuf_str_add(out, l->unit);
	strbuf_char_add(out, '[');
	add_header_path(e, path, out);
	strbuf_printf(out, "]%s", l->eol);
	json_object_object_foreach(table, key, value)
	{
		if (json_object_is_type(value, json_type_object))
			continue;
		strbuf_str_add(out, indent);
		for (unsigned i = 0; i < depth + 1; i++)
			strbuf_str_add(out, l->unit);
		toml_write_key(key, out);
		strbuf_str_add(out, " = ");
		toml_write_value(value, out);
		strbuf_str_add(out, l->eol);
	}
	json_object_object_foreach(table, name, below)
	{
		struct document_path deeper = document_path_below(path, name);

		if (!json_object_is_type(below, json_type_object) || deeper.n > DOCUMENT_PATH_LIMIT)
			continue;
		if (l->blank_line)
			strbuf_str_add(out, l->eol);
		add_table(e, &deeper, below, indent, depth + 1, out);
	}
}

void toml_edit_describe(
	const struct document_path *path, struct json_object *value, struct strbuf *out)
{
	char none[] = "";
	struct edit e = { .text = "", .layout = { .eol = "\n", .header = none, .unit = none } };
	struct document_path table = up(path, path->n ? path->n - 1 : 0);

	if (value && json_object_is_type(value, json_type_object)) {
		add_table(&e, path, value, "", 0, out);
		return;
	}
	if (table.n) {
		strbuf_char_add(out, '[');
		add_header_path(&e, &table, out);
		strbuf_str_add(out, "]\n");
	}
	toml_write_key(path->keys[path->n - 1], out);
	strbuf_str_add(out, " = ");
	if (value)
		toml_write_value(value, out);
	strbuf_char_add(out, '\n');
}

/* The line before the one of `at` is empty. */
static bool follows_blank_line(const struct edit *e, size_t at)
{
	size_t begin = line_begin(e, at);
	size_t before = begin ? line_begin(e, begin - 1) : 0;

	return begin > before && before + strspn(e->text + before, " \t\r\n") >= begin;
}

/* The first own key of a table, for its indentation. */
static char *key_blanks(const struct edit *e, const struct document_path *table)
{
	struct json_object *value = document_find(toml_root(e->doc), table);

	json_object_object_foreach(value, key, member)
	{
		struct document_path below = document_path_below(table, key);
		struct place at;

		if (json_object_is_type(member, json_type_object) ||
			below.n > DOCUMENT_PATH_LIMIT || !locate_key(e, &below, &at))
			continue;
		return blanks_before(e, at.begin);
	}
	return NULL;
}

/* Learns how tables are written from the one at `path`. */
static int learn(struct edit *e, const struct document_path *path, struct nvb_error **err)
{
	_cleanup_free_ char *keys = NULL;
	struct place at;
	size_t length;

	if (!locate(e, path, &at))
		return 0;
	free(e->layout.header);
	free(e->layout.unit);
	e->layout.header = blanks_before(e, at.begin);
	if (!e->layout.header)
		e->layout.header = strdup("");
	length = e->layout.header ? strlen(e->layout.header) : 0;
	keys = key_blanks(e, path);
	e->layout.unit = strdup(keys && strlen(keys) > length ? keys + length : "");
	e->layout.blank_line = follows_blank_line(e, at.begin);
	return e->layout.header && e->layout.unit ? 0 : NVB_OOM(err);
}

/* From a table beside the new one, else from the one above it. */
static int find_layout(struct edit *e, const struct document_path *above, struct nvb_error **err)
{
	struct json_object *value = document_find(toml_root(e->doc), above);
	int r = 0;

	e->layout.header = strdup("");
	e->layout.unit = strdup("");
	e->layout.blank_line = e->length > 0;
	if (!e->layout.header || !e->layout.unit)
		return NVB_OOM(err);
	json_object_object_foreach(value, key, member)
	{
		struct document_path beside = document_path_below(above, key);

		if (json_object_is_type(member, json_type_object) &&
			beside.n <= DOCUMENT_PATH_LIMIT && kind_of(e, &beside) == TABLE_HEADER)
			return learn(e, &beside, err);
	}
	if (kind_of(e, above) == TABLE_HEADER)
		r = learn(e, above, err);
	return r;
}

/* Puts whole lines at `at`, which is the start of a line or the end of the text. */
static void splice_lines(const struct edit *e, size_t at, const char *lines, struct strbuf *out)
{
	strbuf_add(out, e->text, at);
	if (at > 0 && e->text[at - 1] != '\n')
		strbuf_str_add(out, e->layout.eol);
	strbuf_str_add(out, lines);
	strbuf_str_add(out, e->text + at);
}

static void splice(const struct edit *e, struct place at, const char *middle, struct strbuf *out)
{
	strbuf_add(out, e->text, at.begin);
	strbuf_str_add(out, middle);
	strbuf_str_add(out, e->text + at.end);
}

/* `value` in objects for the keys of `path` from `first` on. */
static struct json_object *wrap(
	const struct document_path *path, size_t first, struct json_object *value)
{
	struct json_object *inner = json_object_get(value);

	for (size_t i = path->n; inner && i > first; i--) {
		struct json_object *outer = json_object_new_object();

		if (!outer || json_object_object_add(outer, path->keys[i - 1], inner) < 0) {
			json_object_put(outer);
			json_object_put(inner);
			return NULL;
		}
		inner = outer;
	}
	return inner;
}

/* A table of its own, behind all that belongs to the one above it. */
static int insert_table(struct edit *e, const struct document_path *above,
	const struct document_path *path, struct json_object *table, struct strbuf *out,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf lines = STRBUF_INIT(out->limit_bytes);
	size_t end = 0;
	int r = find_layout(e, above, err);

	if (r < 0)
		return r;
	if (above->n)
		find_end(e, above, true, &end);
	end = above->n ? line_end(e, end) : e->length;
	if (e->layout.blank_line)
		strbuf_str_add(&lines, e->layout.eol);
	add_table(e, path, table, e->layout.header, 0, &lines);
	splice_lines(e, end, strbuf_str(&lines), out);
	return 0;
}

/* "a.b = value" behind the last key of a table, or behind its header. */
static void insert_key(const struct edit *e, const struct document_path *table, size_t end,
	const struct document_path *path, struct json_object *value, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(out->limit_bytes);
	_cleanup_free_ char *blanks = key_blanks(e, table);

	strbuf_str_add(&line, blanks ? blanks : "");
	for (size_t i = table->n; i < path->n; i++) {
		strbuf_str_add(&line, i > table->n ? "." : "");
		toml_write_key(path->keys[i], &line);
	}
	strbuf_str_add(&line, " = ");
	toml_write_value(value, &line);
	strbuf_str_add(&line, e->layout.eol);
	splice_lines(e, end ? line_end(e, end) : 0, strbuf_str(&line), out);
}

static void insert_inline(const struct edit *e, const struct document_path *table,
	const struct document_path *path, struct json_object *value, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf middle = STRBUF_INIT(out->limit_bytes);
	bool is_empty = json_object_object_length(document_find(toml_root(e->doc), table)) == 0;
	struct place at;
	size_t end;

	if (!locate(e, table, &at))
		return;
	end = at.end - 1;
	while (end > at.begin + 1 && (e->text[end - 1] == ' ' || e->text[end - 1] == '\t'))
		end--;
	strbuf_str_add(&middle, is_empty ? " " : ", ");
	toml_write_key(path->keys[table->n], &middle);
	strbuf_str_add(&middle, " = ");
	toml_write_value(value, &middle);
	strbuf_str_add(&middle, e->text[end] == '}' ? " " : "");
	splice(e, (struct place){ end, end }, strbuf_str(&middle), out);
}

/* Headers of what is only the way to something else are left out. */
static int insert_missing(struct edit *e, const struct document_path *above,
	const struct document_path *path, struct json_object *value, struct strbuf *out,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *own = NULL;
	struct document_path table = up(path, path->n - 1);

	if (json_object_is_type(value, json_type_object))
		return insert_table(e, above, path, value, out, err);
	own = wrap(path, table.n, value);
	return own ? insert_table(e, above, &table, own, out, err) : NVB_OOM(err);
}

/* Nothing of `path` below `above` exists. */
static int insert(struct edit *e, const struct document_path *above,
	const struct document_path *path, struct json_object *value, struct strbuf *out,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *wrapped = wrap(path, above->n + 1, value);
	struct document_path next = up(path, above->n + 1), table = *above;
	enum table_kind kind = kind_of(e, above);
	size_t end = 0;

	if (!wrapped)
		return NVB_OOM(err);
	switch (kind) {
	case TABLE_INLINE:
		insert_inline(e, above, &next, wrapped, out);
		return 0;
	case TABLE_DOTTED:
		while (kind_of(e, &table) == TABLE_DOTTED)
			table.n--;
		find_end(e, above, true, &end);
		insert_key(e, &table, end, &next, wrapped, out);
		return 0;
	case TABLE_TOP:
	case TABLE_HEADER:
		if (json_object_is_type(wrapped, json_type_object))
			break;
		find_end(e, above, false, &end);
		insert_key(e, above, end, &next, wrapped, out);
		return 0;
	case TABLE_IMPLICIT:
		break;
	case TABLE_ABSENT:
	case TABLE_OTHER:
		return 1;
	}
	return insert_missing(e, above, path, value, out, err);
}

int toml_edit_set(const char *text, const struct document_path *path, struct json_object *value,
	struct strbuf *out, struct nvb_error **err)
{
	_cleanup_(edit_done) struct edit e = { 0 };
	_cleanup_(strbuf_done) struct strbuf middle = STRBUF_INIT(out->limit_bytes);
	struct document_path above = *path;
	struct place at;
	int r = path->n ? edit_open(&e, text, err) : 1;

	if (r != 0)
		return r;
	if (document_find(toml_root(e.doc), path)) {
		if (!locate(&e, path, &at))
			return 1;
		toml_write_value(value, &middle);
		splice(&e, at, strbuf_str(&middle), out);
		return 0;
	}
	while (above.n && !document_find(toml_root(e.doc), &above))
		above.n--;
	return insert(&e, &above, path, value, out, err);
}

static bool only_blanks_before(const struct edit *e, size_t at)
{
	size_t begin = line_begin(e, at);

	return begin + strspn(e->text + begin, " \t") >= at;
}

/* A header's line, and the blank one before it if another one follows, or the end. */
static void remove_header(const struct edit *e, struct place at, struct strbuf *out)
{
	size_t begin = line_begin(e, at.begin), end = line_end(e, at.end);

	if (follows_blank_line(e, begin) && (end == e->length || strspn(e->text + end, "\r\n") > 0))
		begin = line_begin(e, begin - 1);
	splice(e, (struct place){ begin, end }, "", out);
}

/* In { a = 1, b = 2 }, with one of the commas. */
static int remove_inline(
	const struct edit *e, struct place key, struct place at, struct strbuf *out)
{
	size_t begin = key.begin, end = at.end;

	while (begin > 0 && (e->text[begin - 1] == ' ' || e->text[begin - 1] == '\t'))
		begin--;
	end += strspn(e->text + end, " \t");
	if (begin == 0 || (e->text[begin - 1] != ',' && e->text[begin - 1] != '{'))
		return 1;
	if (e->text[begin - 1] == ',')
		splice(e, (struct place){ begin - 1, at.end }, "", out);
	else if (e->text[end] == ',')
		splice(e, (struct place){ begin, end + 1 }, "", out);
	else
		splice(e, (struct place){ begin, end }, "", out);
	return 0;
}

static int remove_value(const struct edit *e, const struct document_path *path, struct strbuf *out)
{
	struct document_path above = up(path, path->n - 1);
	struct place key, at;

	if (!locate(e, path, &at) || !locate_key(e, path, &key))
		return 1;
	if (kind_of(e, &above) == TABLE_INLINE)
		return remove_inline(e, key, at, out);
	while (kind_of(e, &above) == TABLE_DOTTED)
		above.n--;
	if (kind_of(e, &above) == TABLE_INLINE)
		return 1;
	splice(e, (struct place){ line_begin(e, key.begin), line_end(e, at.end) }, "", out);
	return 0;
}

int toml_edit_remove(const char *text, const struct document_path *path, struct strbuf *out,
	struct nvb_error **err)
{
	_cleanup_(edit_done) struct edit e = { 0 };
	struct place at;
	int r = path->n ? edit_open(&e, text, err) : 1;

	if (r != 0)
		return r;
	switch (kind_of(&e, path)) {
	case TABLE_HEADER:
		if (json_object_object_length(document_find(toml_root(e.doc), path)) ||
			!locate(&e, path, &at) || !only_blanks_before(&e, at.begin))
			return 1;
		remove_header(&e, at, out);
		return 0;
	case TABLE_INLINE:
	case TABLE_OTHER:
		return remove_value(&e, path, out);
	case TABLE_ABSENT:
	case TABLE_TOP:
	case TABLE_IMPLICIT:
	case TABLE_DOTTED:
		break;
	}
	return 1;
}
