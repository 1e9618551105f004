/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"
#include "setup/record.h"
#include "setup/version.h"

/* The programs whose place nvbind-runtime takes under their names. */
static const char *const nvidia_names[] = { "nvidia-container-runtime",
	"nvidia-container-runtime-hook", "nvidia-container-cli" };

struct making {
	struct setup_plan *plan;
	struct setup_work work;
	struct setup_records records;
};

static void making_done(struct making *m)
{
	document_edits_done(&m->work.edits);
	setup_records_close(&m->records);
	setup_plan_free(m->plan);
}

void setup_plan_free(struct setup_plan *plan)
{
	if (!plan)
		return;
	vec_foreach (struct setup_change, change, &plan->changes)
		if (change->record)
			setup_record_done(change->record);
	arena_free(plan->arena);
}

static int making_start(struct making *m, const struct setup_engine *engine,
	const struct host_tree *tree, const struct setup_options *options, struct nvb_error **err)
{
	struct arena *a = arena_new();

	m->plan = a ? arena_new_object(a, struct setup_plan) : NULL;
	if (!m->plan) {
		arena_free(a);
		return NVB_OOM(err);
	}
	m->plan->arena = a;
	m->plan->engine = engine;
	m->work = (struct setup_work){ .arena = a, .tree = tree, .options = options };
	m->work.version = setup_version(tree, a, engine->programs);
	return setup_records_open(false, &m->records, err);
}

/* What the engine said while planning becomes the plan's. */
static void making_finish(struct making *m, struct setup_plan **ret)
{
	m->plan->warnings = m->work.warnings;
	m->plan->notes = m->work.notes;
	m->plan->activation = m->work.activation;
	*ret = TAKE_PTR(m->plan);
}

static const char *record_path(const struct making *m, const char *path)
{
	return host_tree_path(m->work.tree, m->plan->arena, path);
}

static struct setup_change *add_change(struct making *m, const char *path, bool remembered)
{
	struct setup_change *change = vec_push(m->plan->arena, &m->plan->changes);

	if (!change)
		return NULL;
	*change = (struct setup_change){ .path = path };
	if (!remembered)
		return change;
	change->record = arena_new_object(m->plan->arena, struct setup_record);
	if (!change->record)
		return NULL;
	change->record->engine = m->plan->engine->name;
	change->record->root = arena_strdup(m->plan->arena, m->work.tree->prefix);
	change->record->path = record_path(m, path);
	return change->record->root && change->record->path ? change : NULL;
}

static int copy_edits(const struct making *m, const struct document_edits *from,
	struct document_edits *to, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; i < from->n && r >= 0; i++)
		r = document_edits_add(to, m->plan->arena, &from->items[i].path,
			json_object_get(from->items[i].value), err);
	return r;
}

/* `text` without our edits, in the arena. */
static int take_back(struct making *m, const char *path, enum document_format format,
	const char *text, const char *original, const struct document_edits *edits,
	struct string_list *kept, const char **ret, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *before = NULL, *now = NULL;
	_cleanup_(document_edits_done) struct document_edits inverse = { 0 };
	_cleanup_free_ char *result = NULL;
	int r = document_parse(format, path, text, &now, err);

	if (r >= 0 && original)
		r = document_parse(format, path, original, &before, err);
	if (r >= 0)
		r = document_invert(edits, before, now, m->plan->arena, &inverse, kept, err);
	if (r >= 0)
		r = document_apply(format, path, text, &inverse, &result, err);
	if (r < 0)
		return r;
	*ret = arena_strdup(m->plan->arena, result);
	return *ret ? 0 : NVB_OOM(err);
}

/*
 * What undoing is to give back: the text of before the first set-up, as long as only we have
 * changed it; else the present one without our edits of last time.
 */
static int find_original(struct making *m, struct setup_change *change, struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record old = { 0 };
	struct setup_work *w = &m->work;
	struct setup_record *record = change->record;
	int r = setup_record_read(&m->records, w->arena, record->engine, record->path, &old, err);

	record->original = change->before;
	change->is_known = r > 0;
	if (r <= 0 || !change->before || !old.written)
		return r < 0 ? r : copy_edits(m, &w->edits, &record->edits, err);
	record->directory = old.directory;
	r = copy_edits(m, &old.edits, &record->edits, err);
	if (r >= 0)
		r = copy_edits(m, &w->edits, &record->edits, err);
	if (r >= 0 && strcmp(old.written, change->before) == 0)
		record->original = old.original;
	else if (r >= 0 &&
		 take_back(m, w->path, w->format, change->before, old.original, &old.edits,
			 &(struct string_list){ 0 }, &record->original, NULL) < 0)
		record->original = change->before;
	return r;
}

static int plan_file(struct making *m, struct nvb_error **err)
{
	_cleanup_free_ char *after = NULL;
	struct setup_work *w = &m->work;
	struct setup_change *change;
	const char *before = NULL;
	int r = setup_read(w->tree, w->arena, w->path, &before, err);

	if (r >= 0)
		r = document_apply(w->format, w->path,
			before	      ? before
			: w->new_text ? w->new_text
				      : "",
			&w->edits, &after, err);
	if (r < 0 || (before && strcmp(before, after) == 0))
		return r;
	change = add_change(m, w->path, true);
	if (!change)
		return NVB_OOM(err);
	change->before = before;
	change->after = change->record->written = arena_strdup(w->arena, after);
	return change->after ? find_original(m, change, err) : NVB_OOM(err);
}

/* 1 if `path` is our link, 0 if nothing is there, FAILED if it is somebody else's. */
static int look_at_link(
	const struct making *m, const char *path, const char *target, struct nvb_error **err)
{
	const char *name = path_base_name(path);
	const char *directory = arena_strndup(m->plan->arena, path, (size_t)(name - path) - 1);
	_cleanup_close_ int fd = -1;
	char now[256];
	ssize_t n;

	if (!directory)
		return NVB_OOM(err);
	fd = path_open_in(m->work.tree->root_fd, directory, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return 0;
	n = readlinkat(fd, name, now, sizeof(now) - 1);
	if (n < 0 && errno == ENOENT)
		return 0;
	now[n < 0 ? 0 : n] = '\0';
	if (strcmp(now, target) == 0)
		return 1;
	return NVB_HINT(err,
		NVB_RAISE(
			err, NVB_ERR_FAILED, 0, "make the link '%s': there is another file", path),
		"remove the package that it belongs to first, or leave --nvidia-names out");
}

static int plan_links(struct making *m, struct nvb_error **err)
{
	const char *runtime = m->work.options->runtime_path;
	const char *target = path_base_name(runtime);

	for (size_t i = 0; i < ELEMENTS(nvidia_names); i++) {
		struct setup_change *change;
		const char *path = arena_printf(m->plan->arena, "%.*s%s", (int)(target - runtime),
			runtime, nvidia_names[i]);
		int r = path ? look_at_link(m, path, target, err) : NVB_OOM(err);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		change = add_change(m, path, true);
		if (!change)
			return NVB_OOM(err);
		change->link = change->record->link = target;
		change->is_made = true;
	}
	return 0;
}

static int check_runtime(struct making *m, struct nvb_error **err)
{
	const char *path = m->work.options->runtime_path;

	if (host_tree_exists(m->work.tree, path))
		return 0;
	return setup_warn(&m->work, err,
		"'%s' does not exist: containers with this runtime do not start until it does",
		path);
}

int setup_plan_make(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_plan **ret, struct nvb_error **err)
{
	_cleanup_(making_done) struct making m = { .records = SETUP_RECORDS_INIT };
	int r = making_start(&m, engine, tree, options, err);

	if (r >= 0)
		r = engine->plan(&m.work, err);
	if (r >= 0)
		r = plan_file(&m, err);
	if (r >= 0 && options->stand_in)
		r = plan_links(&m, err);
	if (r >= 0)
		r = check_runtime(&m, err);
	if (r < 0)
		return r;
	making_finish(&m, ret);
	return 0;
}

static int note_kept(
	struct making *m, const char *path, const struct string_list *kept, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const char *, name, kept)
		if (r >= 0)
			r = setup_warn(&m->work, err, "'%s': '%s' has been changed since: it stays",
				path, *name);
	return r;
}

/* A file of our own in which nobody has set anything goes; a version alone says nothing. */
static bool is_left_over(enum document_format format, const char *path, const char *text)
{
	_cleanup_(json_putp) struct json_object *root = NULL;

	if (document_parse(format, path, text, &root, NULL) < 0)
		return false;
	json_object_object_del(root, "version");
	return json_object_object_length(root) == 0;
}

static int undo_edits(struct making *m, struct setup_change *change,
	const struct setup_record *record, enum document_format format, struct nvb_error **err)
{
	struct string_list kept = { 0 };
	int r = take_back(m, change->path, format, change->before, record->original, &record->edits,
		&kept, &change->after, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "take our lines out of '%s'", change->path);
	if (record->written && !record->original &&
		is_left_over(format, change->path, change->after))
		change->after = NULL;
	return note_kept(m, change->path, &kept, err);
}

static int undo_file(struct making *m, const char *path, const struct setup_record *record,
	enum document_format format, struct nvb_error **err)
{
	struct setup_change *change = add_change(m, path, true);
	int r;

	if (!change)
		return NVB_OOM(err);
	change->record->directory = record->directory;
	r = setup_read(m->work.tree, m->plan->arena, path, &change->before, err);
	if (r < 0)
		return r;
	if (!change->before)
		return 0;
	if (record->written && strcmp(change->before, record->written) == 0) {
		change->after = record->original;
		return 0;
	}
	return undo_edits(m, change, record, format, err);
}

static int undo_link(struct making *m, const char *path, const struct setup_record *record,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *taken = NULL;
	struct setup_change *change = add_change(m, path, true);
	int r;

	if (!change)
		return NVB_OOM(err);
	r = look_at_link(m, path, record->link, &taken);
	if (r < 0)
		return setup_warn(&m->work, err, "'%s' is another file now: it stays", path);
	if (r > 0)
		change->link = record->link;
	return 0;
}

/* Everything that is remembered of the engine on this machine; of --config, that file alone. */
static int undo_records(struct making *m, struct nvb_error **err)
{
	struct string_list paths = { 0 };
	const struct host_tree *tree = m->work.tree;
	int r = setup_record_list(&m->records, m->plan->arena, m->plan->engine->name, &paths, err);

	vec_foreach (const char *, outside, &paths) {
		_cleanup_(setup_record_done) struct setup_record record = { 0 };
		const char *path;

		if (r < 0)
			return r;
		r = setup_record_read(
			&m->records, m->plan->arena, m->plan->engine->name, *outside, &record, err);
		if (r <= 0 || strcmp(record.root, tree->prefix) != 0)
			continue;
		path = *outside + strlen(tree->prefix);
		if (m->work.options->config && strcmp(m->work.options->config, path) != 0)
			continue;
		r = record.link ? undo_link(m, path, &record, err)
				: undo_file(m, path, &record, m->work.format, err);
	}
	return r;
}

/*
 * Set up by hand, or the record is lost: exactly what we would have written goes. What names
 * another program is somebody else's.
 */
static int undo_unrecorded(struct making *m, struct nvb_error **err)
{
	const struct setup_record none = { .edits = m->work.edits };
	struct setup_change *change;
	int r = undo_file(m, m->work.path, &none, m->work.format, err);

	if (r < 0)
		return r;
	change = &m->plan->changes.items[m->plan->changes.n - 1];
	if (!change->before || m->work.warnings.n || strcmp(change->before, change->after) == 0)
		m->plan->changes.n--;
	m->work.warnings = (struct string_list){ 0 };
	return 0;
}

int setup_plan_undo(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_plan **ret, struct nvb_error **err)
{
	_cleanup_(making_done) struct making m = { .records = SETUP_RECORDS_INIT };
	struct setup_options all = *options;
	int r;

	all.set_default = true;
	all.cdi = false;
	r = making_start(&m, engine, tree, &all, err);
	if (r < 0)
		return r;
	m.plan->undo = true;
	r = engine->plan(&m.work, err);
	if (r < 0)
		return r;
	m.work.warnings = m.work.notes = (struct string_list){ 0 };
	r = undo_records(&m, err);
	if (r >= 0 && !m.plan->changes.n)
		r = undo_unrecorded(&m, err);
	if (r < 0)
		return r;
	making_finish(&m, ret);
	return 0;
}
