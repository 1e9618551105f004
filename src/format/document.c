/* SPDX-License-Identifier: Apache-2.0 */
#include "format/document.h"

#include <string.h>

#include "format/json.h"
#include "format/text_edit.h"
#include "format/toml.h"

#define TEXT_LIMIT_BYTES ((size_t)8 << 20)
#define BYTE_ORDER_MARK	 "\xEF\xBB\xBF"

struct format {
	int (*set)(const char *text, const struct document_path *path, struct json_object *value,
		struct strbuf *out, struct nvb_error **err);
	int (*remove)(const char *text, const struct document_path *path, struct strbuf *out,
		struct nvb_error **err);
	const char *empty; /* the text of a file that is empty */
};

static const struct format formats[] = {
	[DOCUMENT_JSON] = { json_edit_set, json_edit_remove, "{}\n" },
	[DOCUMENT_TOML] = { toml_edit_set, toml_edit_remove, "" },
};

/* A text that is being changed. */
struct draft {
	enum document_format format;
	const char *name;
	char *text;
};

struct document_path document_path_below(const struct document_path *path, const char *key)
{
	struct document_path below = *path;

	if (below.n < DOCUMENT_PATH_LIMIT)
		below.keys[below.n] = key;
	below.n++;
	return below;
}

void document_path_add(const struct document_path *path, struct strbuf *out)
{
	for (size_t i = 0; i < path->n; i++) {
		bool plain = !strpbrk(path->keys[i], ".\" \t");

		strbuf_printf(out, plain ? "%s%s" : "%s\"%s\"", i ? "." : "", path->keys[i]);
	}
}

void document_edits_done(struct document_edits *edits)
{
	for (size_t i = 0; i < edits->n; i++)
		json_object_put(edits->items[i].value);
	edits->n = 0;
}

int document_edits_add(struct document_edits *edits, struct arena *a,
	const struct document_path *path, struct json_object *take_value, struct nvb_error **err)
{
	struct document_edit *slot = vec_push(a, edits);

	if (!slot) {
		json_object_put(take_value);
		return NVB_OOM(err);
	}
	*slot = (struct document_edit){ .path = { .n = path->n }, .value = take_value };
	for (size_t i = 0; i < path->n && i < DOCUMENT_PATH_LIMIT; i++) {
		slot->path.keys[i] = arena_strdup(a, path->keys[i]);
		if (!slot->path.keys[i])
			return NVB_OOM(err);
	}
	return 0;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static int parse_toml(
	const char *name, const char *text, struct json_object **ret_root, struct nvb_error **err)
{
	_cleanup_(toml_freep) struct toml_document *doc = NULL;
	int r = toml_parse(name, text, strlen(text), &doc, err);

	if (r >= 0)
		*ret_root = json_object_get(toml_root(doc));
	return r;
}

static int parse_json(
	const char *name, const char *text, struct json_object **ret_root, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	int r = json_parse(text, strlen(text), &root, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "read '%s'", name);
	if (!json_object_is_type(root, json_type_object))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read '%s': it is not an object", name);
	*ret_root = TAKE_PTR(root);
	return 0;
}

/*
 * How many bytes a byte order mark takes; the TOML parser knows it itself. Source: dockerd passes
 * over one in daemon.json since 23.0 (moby, pull request 44777).
 */
static size_t mark_length(enum document_format format, const char *text)
{
	return format == DOCUMENT_JSON && strncmp(text, BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
}

int document_parse(enum document_format format, const char *name, const char *text,
	struct json_object **ret_root, struct nvb_error **err)
{
	text += mark_length(format, text);
	if (is_blank(text))
		text = formats[format].empty;
	return format == DOCUMENT_JSON ? parse_json(name, text, ret_root, err)
				       : parse_toml(name, text, ret_root, err);
}

struct json_object *document_find(struct json_object *root, const struct document_path *path)
{
	for (size_t i = 0; i < path->n; i++) {
		if (!json_object_is_type(root, json_type_object) ||
			!json_object_object_get_ex(root, path->keys[i], &root))
			return NULL;
	}
	return root;
}

static bool is_object(struct json_object *o)
{
	return json_object_is_type(o, json_type_object);
}

/* The edits on the tree: what the new text has to say. */
static int set_in_tree(struct json_object *root, const struct document_path *path,
	struct json_object *value, struct nvb_error **err)
{
	struct json_object *at = root, *next;
	int r = 0;

	for (size_t i = 0; i + 1 < path->n; i++, at = next) {
		if (json_object_object_get_ex(at, path->keys[i], &next) && is_object(next))
			continue;
		next = json_object_new_object();
		if (!next || json_object_object_add(at, path->keys[i], next) < 0)
			return NVB_OOM(err);
	}
	if (is_object(value) && json_object_object_get_ex(at, path->keys[path->n - 1], &next) &&
		is_object(next)) {
		json_object_object_foreach(value, key, member)
		{
			r = set_in_tree(next, &DOCUMENT_PATH(key), member, err);
			if (r < 0)
				return r;
		}
		return 0;
	}
	next = NULL;
	if (json_object_deep_copy(value, &next, NULL) < 0 ||
		json_object_object_add(at, path->keys[path->n - 1], next) < 0)
		return NVB_OOM(err);
	return 0;
}

static void remove_in_tree(struct json_object *root, const struct document_path *path)
{
	struct document_path above = *path;
	struct json_object *table;

	above.n--;
	table = document_find(root, &above);
	if (is_object(table))
		json_object_object_del(table, path->keys[above.n]);
}

/* Runs one edit. Returns 1 where the format knows no way. */
static int step(struct draft *d, const struct document_path *path, struct json_object *value,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(TEXT_LIMIT_BYTES);
	const struct format *f = &formats[d->format];
	int r = value ? f->set(d->text, path, value, &out, err)
		      : f->remove(d->text, path, &out, err);

	if (r != 0)
		return r;
	if (strbuf_failed(&out))
		return NVB_OOM(err);
	free(d->text);
	d->text = out.data ? strbuf_take(&out) : strdup("");
	return d->text ? 0 : NVB_OOM(err);
}

static int find_in_text(struct draft *d, const struct document_path *path,
	struct json_object **ret_root, struct json_object **ret, struct nvb_error **err)
{
	int r = document_parse(d->format, d->name, d->text, ret_root, err);

	if (r >= 0)
		*ret = document_find(*ret_root, path);
	return r;
}

static int set(struct draft *d, const struct document_path *path, struct json_object *value,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *now = NULL;
	int r = path->n > DOCUMENT_PATH_LIMIT ? 1 : find_in_text(d, path, &root, &now, err);

	if (r != 0 || (now && json_object_equal(now, value)))
		return r;
	if (now && is_object(now) != is_object(value))
		return 1;
	if (!now || !is_object(now))
		return step(d, path, value, err);
	json_object_object_foreach(value, key, member)
	{
		struct document_path below = document_path_below(path, key);

		r = set(d, &below, member, err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Of a table of TOML the text can only lose one value after the other. */
static int unset(struct draft *d, const struct document_path *path, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL, *later = NULL;
	struct json_object *now = NULL;
	int r = path->n > DOCUMENT_PATH_LIMIT ? 1 : find_in_text(d, path, &root, &now, err);

	if (r != 0 || !now)
		return r;
	r = step(d, path, NULL, err);
	if (r <= 0 || !is_object(now) || json_object_object_length(now) == 0)
		return r;
	json_object_object_foreach(now, key, member)
	{
		struct document_path below = document_path_below(path, key);

		(void)member;
		r = unset(d, &below, err);
		if (r != 0)
			return r;
	}
	r = find_in_text(d, path, &later, &now, err);
	return r < 0 || !now ? r : step(d, path, NULL, err);
}

static int raise_by_hand(
	const struct draft *d, const struct document_edits *edits, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf lines = STRBUF_INIT(TEXT_LIMIT_BYTES);
	int r = NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
		"edit '%s': its layout is one that cannot be changed safely", d->name);

	document_describe(d->format, edits, &lines);
	return NVB_HINT(err, r, "change it by hand, to say:\n%s", strbuf_str(&lines));
}

static int check(const struct draft *d, struct json_object *expected,
	const struct document_edits *edits, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *got = NULL;

	if (document_parse(d->format, d->name, d->text, &got, NULL) < 0 ||
		!json_object_equal(got, expected))
		return raise_by_hand(d, edits, err);
	return 0;
}

static int apply_one(struct draft *d, struct json_object *expected,
	const struct document_edit *edit, const struct document_edits *edits,
	struct nvb_error **err)
{
	int r = edit->value ? set(d, &edit->path, edit->value, err) : unset(d, &edit->path, err);

	if (r > 0)
		return raise_by_hand(d, edits, err);
	if (r < 0)
		return r;
	if (edit->value)
		return set_in_tree(expected, &edit->path, edit->value, err);
	remove_in_tree(expected, &edit->path);
	return 0;
}

static int apply_all(enum document_format format, const char *name, const char *text,
	const struct document_edits *edits, char **ret_text, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL, *expected = NULL;
	_cleanup_free_ char *owner = NULL;
	struct draft d = { .format = format, .name = name };
	int r = document_parse(format, name, text, &root, err);

	if (r < 0)
		return r;
	if (json_object_deep_copy(root, &expected, NULL) < 0)
		return NVB_OOM(err);
	d.text = strdup(is_blank(text) && edits->n ? formats[format].empty : text);
	if (!d.text)
		return NVB_OOM(err);
	for (size_t i = 0; i < edits->n && r >= 0; i++)
		r = apply_one(&d, expected, &edits->items[i], edits, err);
	owner = d.text;
	/* A difference in layout alone is none. */
	if (r >= 0 && json_object_equal(root, expected)) {
		free(owner);
		owner = d.text = strdup(text);
		if (!owner)
			return NVB_OOM(err);
	} else if (r >= 0) {
		r = check(&d, expected, edits, err);
	}
	if (r < 0)
		return r;
	*ret_text = TAKE_PTR(owner);
	return 0;
}

int document_apply(enum document_format format, const char *name, const char *text,
	const struct document_edits *edits, char **ret_text, struct nvb_error **err)
{
	_cleanup_free_ char *result = NULL;
	size_t mark = mark_length(format, text);
	int r = apply_all(format, name, text + mark, edits, &result, err);

	if (r < 0)
		return r;
	if (mark) {
		char *marked = NULL;

		if (asprintf(&marked, BYTE_ORDER_MARK "%s", result) < 0)
			return NVB_OOM(err);
		free(result);
		result = marked;
	}
	*ret_text = TAKE_PTR(result);
	return 0;
}

void document_describe(
	enum document_format format, const struct document_edits *edits, struct strbuf *out)
{
	_cleanup_(json_putp) struct json_object *root = json_object_new_object();
	_cleanup_free_ char *text = NULL;

	for (size_t i = 0; i < edits->n; i++) {
		const struct document_edit *edit = &edits->items[i];

		if (!edit->value) {
			strbuf_str_add(out, "without ");
			document_path_add(&edit->path, out);
			strbuf_char_add(out, '\n');
		} else if (format == DOCUMENT_TOML) {
			toml_edit_describe(&edit->path, edit->value, out);
		} else if (root) {
			(void)set_in_tree(root, &edit->path, edit->value, NULL);
		}
	}
	if (format == DOCUMENT_JSON && root && json_object_object_length(root) &&
		json_format(root, JSON_PRETTY, &text, NULL, NULL) == 0)
		strbuf_str_add(out, text);
}

struct inversion {
	struct json_object *original, *current;
	struct arena *arena;
	struct document_edits *edits;
	struct string_list *kept;
};

static int add_copy(struct inversion *v, const struct document_path *path,
	struct json_object *value, struct nvb_error **err)
{
	struct json_object *copy = NULL;

	if (value && json_object_deep_copy(value, &copy, NULL) < 0)
		return NVB_OOM(err);
	return document_edits_add(v->edits, v->arena, path, copy, err);
}

static int keep(struct inversion *v, const struct document_path *path, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf name = STRBUF_INIT(4096);

	document_path_add(path, &name);
	return string_list_add(v->arena, v->kept, strbuf_str(&name)) < 0 ? NVB_OOM(err) : 0;
}

/* True if nothing in the object is somebody else's. */
static bool would_be_empty(struct json_object *now, struct json_object *ours)
{
	json_object_object_foreach(now, key, member)
	{
		struct json_object *mine;

		if (!json_object_object_get_ex(ours, key, &mine))
			return false;
		if (is_object(member) && is_object(mine) ? !would_be_empty(member, mine)
							 : !json_object_equal(member, mine))
			return false;
	}
	return true;
}

static int invert_value(struct inversion *v, const struct document_path *path,
	struct json_object *ours, struct nvb_error **err)
{
	struct json_object *now = document_find(v->current, path);
	struct json_object *before = v->original ? document_find(v->original, path) : NULL;
	int r = 0;

	if (!now || path->n > DOCUMENT_PATH_LIMIT)
		return 0;
	if (is_object(ours) && is_object(now) &&
		(path->n == 0 || before || !json_object_object_length(now) ||
			!would_be_empty(now, ours))) {
		json_object_object_foreach(ours, key, member)
		{
			struct document_path below = document_path_below(path, key);

			if (r >= 0)
				r = invert_value(v, &below, member, err);
		}
		return r;
	}
	if (is_object(ours) != is_object(now) ||
		(!is_object(ours) && !json_object_equal(now, ours)))
		return keep(v, path, err);
	if (before && json_object_equal(before, now))
		return 0;
	return add_copy(v, path, before, err);
}

int document_invert(const struct document_edits *edits, struct json_object *original,
	struct json_object *current, struct arena *a, struct document_edits *ret,
	struct string_list *kept, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *ours = json_object_new_object();
	struct inversion v = { original, current, a, ret, kept };
	int r = ours ? 0 : NVB_OOM(err);

	for (size_t i = 0; i < edits->n && r >= 0; i++)
		if (edits->items[i].value)
			r = set_in_tree(ours, &edits->items[i].path, edits->items[i].value, err);
	return r < 0 ? r : invert_value(&v, &(struct document_path){ 0 }, ours, err);
}
