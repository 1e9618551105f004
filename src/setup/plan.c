/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"
#include "setup/record.h"
#include "setup/version.h"

/* The programs whose place nvbind-runtime takes under their names. */
static const char *const nvidia_names[] = { SETUP_STAND_IN_PROGRAM, "nvidia-container-runtime-hook",
	"nvidia-container-cli" };

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

/* Who made the link had a file in mind that he has not made, or that is not there at the moment. */
static int check_dangling(struct making *m, const char *path, struct nvb_error **err)
{
	const char *missing = NULL;
	int r = setup_find_missing(m->work.tree, m->plan->arena, path, &missing, err);

	if (r <= 0 || !setup_is_link(m->work.tree, m->plan->arena, missing))
		return r < 0 ? r : 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_FAILED, 0, "write '%s': '%s' is a link to nothing", path,
			missing),
		"make what it leads to, or remove the link");
}

static int plan_file(struct making *m, struct nvb_error **err)
{
	_cleanup_free_ char *after = NULL;
	struct setup_work *w = &m->work;
	struct setup_change *change;
	const char *before = NULL;
	int r = setup_read(w->tree, w->arena, w->path, &before, err);

	if (r >= 0 && !before)
		r = check_dangling(m, w->path, err);
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

/* True where another engine's set-up asked for `path` too; or may have: its record is damaged. */
static bool is_of_another_engine(struct making *m, const char *outside)
{
	const struct setup_engine *engine;

	for (size_t i = 0; (engine = setup_engine_at(i)); i++) {
		_cleanup_(setup_record_done) struct setup_record record = { 0 };

		if (engine != m->plan->engine && setup_record_read(&m->records, m->plan->arena,
							 engine->name, outside, &record, NULL) != 0)
			return true;
	}
	return false;
}

/* 1 if the link is there because of other engines alone: it is to be remembered of this one too. */
static int is_shared_link(struct making *m, const char *path, struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record record = { 0 };
	const char *outside = record_path(m, path);
	int r;

	if (!outside)
		return NVB_OOM(err);
	r = setup_record_read(
		&m->records, m->plan->arena, m->plan->engine->name, outside, &record, err);
	return r != 0 ? (r < 0 ? r : 0) : is_of_another_engine(m, outside);
}

static int plan_link(struct making *m, const char *path, const char *target, struct nvb_error **err)
{
	struct setup_change *change;
	bool is_there;
	int r = setup_look_at_link(m->work.tree, m->plan->arena, path, target, err);

	is_there = r > 0;
	if (is_there)
		r = is_shared_link(m, path, err);
	if (r < 0 || (is_there && !r))
		return r;
	change = add_change(m, path, true);
	if (!change)
		return NVB_OOM(err);
	change->link = change->record->link = target;
	change->is_made = true;
	change->is_shared = is_there;
	return 0;
}

static int plan_links(struct making *m, struct nvb_error **err)
{
	const char *runtime = m->work.options->runtime_path;
	const char *target = path_base_name(runtime);
	const char *directory = arena_strndup(m->plan->arena, runtime, (size_t)(target - runtime));

	if (!directory)
		return NVB_OOM(err);
	if (!host_tree_exists(m->work.tree, directory))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_FAILED, 0,
				"make links beside '%s': there is no such directory", runtime),
			"install nvbind-runtime first, or leave --nvidia-names out");
	for (size_t i = 0; i < ELEMENTS(nvidia_names); i++) {
		const char *path = setup_beside(&m->work, nvidia_names[i]);
		int r = path ? plan_link(m, path, target, err) : NVB_OOM(err);

		if (r < 0)
			return r;
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

/* An earlier set-up with --default is more than this one: that would not be seen. */
static int note_default(struct making *m, struct nvb_error **err)
{
	const struct setup_engine *engine = m->plan->engine;
	struct setup_work look = m->work;
	struct setup_status status = { 0 };

	look.edits = (struct document_edits){ 0 };
	if (engine->inspect(&look, &status, NULL) < 0 || !status.default_runtime ||
		strcmp(status.default_runtime, SETUP_RUNTIME_NAME) != 0)
		return 0;
	return setup_note(&m->work, err,
		"nvbind stays the default runtime; 'nvbind setup %s --undo' takes that back",
		engine->name);
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
	if (r >= 0 && !options->set_default)
		r = note_default(&m, err);
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
		is_left_over(format, change->path, change->after)) {
		if (!setup_is_link(m->work.tree, m->plan->arena, change->path))
			change->after = NULL;
		else
			r = setup_warn(&m->work, err, "'%s' is a link now: it stays", change->path);
	}
	return r < 0 ? r : note_kept(m, change->path, &kept, err);
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
	if (record->written && strcmp(change->before, record->written) == 0 &&
		(record->original || !setup_is_link(m->work.tree, m->plan->arena, path))) {
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
	r = setup_look_at_link(m->work.tree, m->plan->arena, path, record->link, &taken);
	if (r < 0)
		return setup_warn(&m->work, err, "'%s' is another file now: it stays", path);
	if (r > 0 && !is_of_another_engine(m, record->path))
		change->link = record->link;
	return 0;
}

/* Everything that is remembered of the engine on this machine; of --config, that file alone. */
static int undo_records(struct making *m, struct nvb_error **err)
{
	struct string_list paths = { 0 };
	const struct host_tree *tree = m->work.tree;
	const char *own = m->work.path ? record_path(m, m->work.path) : NULL;
	int r = setup_record_list(&m->records, m->plan->arena, m->plan->engine->name, own, &paths,
		&m->work.warnings, err);

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
 * another program is somebody else's. What was there before us is not known.
 */
static int undo_unrecorded(struct making *m, struct nvb_error **err)
{
	const struct setup_record none = { .edits = m->work.edits };
	struct string_list warnings = m->work.warnings;
	struct setup_change *change;
	bool is_of_others;
	int r;

	m->work.warnings = (struct string_list){ 0 };
	r = undo_file(m, m->work.path, &none, m->work.format, err);
	is_of_others = m->work.warnings.n;
	m->work.warnings = warnings;
	if (r < 0)
		return r;
	change = &m->plan->changes.items[m->plan->changes.n - 1];
	if (!change->before || is_of_others || strcmp(change->before, change->after) == 0) {
		m->plan->changes.n--;
		return 0;
	}
	return setup_warn(&m->work, err,
		"'%s': what it was before is not remembered: a default runtime that it had does "
		"not come back, and a setting of CDI stays",
		m->work.path);
}

int setup_plan_undo(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_plan **ret, struct nvb_error **err)
{
	_cleanup_(making_done) struct making m = { .records = SETUP_RECORDS_INIT };
	_cleanup_error_ struct nvb_error *unplanned = NULL;
	struct setup_options all = *options;
	int r, planned;

	all.set_default = all.stand_in = true;
	all.cdi = false;
	r = making_start(&m, engine, tree, &all, err);
	if (r < 0)
		return r;
	m.plan->undo = m.work.undo = true;
	/* Of no account for what is remembered: the file that cannot be read may be another one. */
	planned = engine->plan(&m.work, &unplanned);
	m.work.warnings = m.work.notes = (struct string_list){ 0 };
	r = undo_records(&m, err);
	if (r >= 0 && !m.plan->changes.n && planned < 0) {
		if (err)
			*err = TAKE_PTR(unplanned);
		return planned;
	}
	if (r >= 0 && !m.plan->changes.n)
		r = undo_unrecorded(&m, err);
	if (r < 0)
		return r;
	making_finish(&m, ret);
	return 0;
}
