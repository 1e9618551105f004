/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/state_dir.h"
#include "setup/engine.h"
#include "setup/record.h"

/* A file that may be a link: what it finally names is what is replaced. */
struct target {
	struct path_resolved resolved;
	int dir_fd;
	const char *name; /* in dir_fd */
};

#define TARGET_INIT                                                                                \
	{                                                                                          \
		.resolved = PATH_RESOLVED_INIT, .dir_fd = -1                                       \
	}

static void target_done(struct target *t)
{
	path_resolved_done(&t->resolved);
	closep(&t->dir_fd);
}

static int hint_root(const struct setup_plan *plan, int r, struct nvb_error **err)
{
	if (r != NVB_ERR_PERMISSION || state_dir_is_root() || !err || nvb_error_get_hint(*err))
		return r;
	return NVB_HINT(err, r, "run it as root: sudo nvbind setup %s ...", plan->engine->name);
}

static int raise_write(
	const struct setup_plan *plan, const char *path, errint_t e, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "write '%s'", path);

	if (e == -EBUSY)
		return NVB_HINT(err, r,
			"a file that is mounted by itself cannot be replaced: change it where it "
			"comes from");
	return hint_root(plan, r, err);
}

/* Directories on the way are made. */
static errint_t target_open(
	const struct host_tree *tree, const char *path, bool follow, struct target *ret)
{
	_cleanup_free_ char *directory = NULL;
	const char *whole = path;
	errint_t e;

	if (follow) {
		e = path_resolve_in(tree->root_fd, path, &ret->resolved);
		if (e < 0)
			return e;
		whole = ret->resolved.path;
	}
	ret->name = path_base_name(whole);
	directory = strndup(whole, (size_t)(ret->name - whole));
	if (!directory)
		return -ENOMEM;
	if (follow) {
		ret->dir_fd = path_mkdir_all_in(tree->root_fd, directory, 0755);
	} else {
		ret->dir_fd = path_open_in(tree->root_fd, directory, O_PATH | O_DIRECTORY, 0);
	}
	return ret->dir_fd < 0 ? ret->dir_fd : 0;
}

/* The first directory on the way to the file that is missing: it will be made. */
static int note_directory(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	const char *missing = NULL;
	int r = setup_find_missing(tree, plan->arena, change->path, &missing, err);

	if (r > 0 && strcmp(missing, change->path) != 0)
		change->record->directory = missing;
	return r < 0 ? r : 0;
}

/* What was made for our file alone goes with it, as long as nobody else put something there. */
static void remove_directories(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change)
{
	const char *first = change->record->directory;
	char *path = first ? arena_strdup(plan->arena, change->path) : NULL;

	while (path && strlen(path) > strlen(first)) {
		_cleanup_close_ int fd = -1;
		char *slash = strrchr(path, '/'), *above;

		*slash = '\0';
		above = strrchr(path, '/');
		*above = '\0';
		fd = path_open_in(tree->root_fd, path, O_PATH | O_DIRECTORY, 0);
		if (fd < 0 || unlinkat(fd, above + 1, AT_REMOVEDIR) < 0)
			return;
		*above = '/';
	}
}

/* Somebody may have written since the plan was made, before we had the lock or without it. */
static int check_unchanged(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	const char *now = NULL;
	bool is_link;
	int r;

	/* Only a record to forget: the file is gone, or is not ours any more. */
	if (!change->before && !change->after)
		return 0;
	r = setup_read(tree, plan->arena, change->path, &now, err);
	if (r < 0)
		return r;
	is_link = !change->after && setup_is_link(tree, plan->arena, change->path);
	if (!now == !change->before && (!now || strcmp(now, change->before) == 0) && !is_link)
		return 0;
	return NVB_RAISE(err, NVB_ERR_FAILED, 0, "write '%s': it has just been changed by another",
		change->path);
}

static errint_t write_target(const struct target *t, const char *text)
{
	struct stat st;

	if (!text)
		return unlinkat(t->dir_fd, t->name, 0) < 0 ? -errno : 0;
	if (!t->resolved.exists)
		return file_replace_synced_at(t->dir_fd, t->name, text, strlen(text), 0644, NULL);
	if (fstat(t->resolved.fd, &st) < 0)
		return -errno;
	return file_replace_synced_at(t->dir_fd, t->name, text, strlen(text), 0, &st);
}

/* A file half written by a set-up that was killed may be one that the engine reads. */
static void sweep(const struct host_tree *tree, const char *path)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_free_ char *directory = NULL;
	_cleanup_close_ int fd = -1;
	const char *name;

	if (path_resolve_in(tree->root_fd, path, &resolved) < 0)
		return;
	name = path_base_name(resolved.path);
	directory = strndup(resolved.path, (size_t)(name - resolved.path));
	fd = directory ? path_open_in(tree->root_fd, directory, O_PATH | O_DIRECTORY, 0) : -1;
	if (fd >= 0)
		file_sweep_at(fd, name);
}

static int apply_file(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = TARGET_INIT;
	errint_t e;

	sweep(tree, change->path);
	if (!change->before && !change->after)
		return 0;
	e = target_open(tree, change->path, change->after != NULL, &t);
	if (e == 0)
		e = write_target(&t, change->after);
	return e < 0 ? raise_write(plan, change->path, e, err) : 0;
}

static int apply_link(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, bool is_there, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = TARGET_INIT;
	errint_t e;

	if (change->is_made == is_there)
		return 0;
	e = target_open(tree, change->path, false, &t);
	if (e == 0 && change->is_made)
		e = symlinkat(change->link, t.dir_fd, t.name) < 0 ? -errno : 0;
	else if (e == 0)
		e = unlinkat(t.dir_fd, t.name, 0) < 0 ? -errno : 0;
	return e < 0 ? raise_write(plan, change->path, e, err) : 0;
}

/* Of a link: 1 if it is there. Nothing is remembered before what stands there is known. */
static int check_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	return change->link ? setup_look_at_link(tree, plan->arena, change->path, change->link, err)
			    : check_unchanged(plan, tree, change, err);
}

static int do_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, bool is_there, struct nvb_error **err)
{
	return change->link ? apply_link(plan, tree, change, is_there, err)
			    : apply_file(plan, tree, change, err);
}

/* Where it fails, what was remembered before is remembered again. */
static int set_up_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_records *records, const struct setup_change *change, bool is_there,
	struct nvb_error **err)
{
	_cleanup_(setup_record_done) struct setup_record old = { 0 };
	const struct setup_record *record = change->record;
	int r, known = setup_record_read(
		       records, plan->arena, record->engine, record->path, &old, err);

	if (known < 0)
		return known;
	r = setup_record_write(records, record, err);
	if (r >= 0)
		r = do_change(plan, tree, change, is_there, err);
	if (r < 0 && known)
		(void)setup_record_write(records, &old, NULL);
	else if (r < 0)
		(void)setup_record_drop(records, record->engine, record->path, NULL);
	return r;
}

static int undo_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_records *records, const struct setup_change *change, bool is_there,
	struct nvb_error **err)
{
	int r = do_change(plan, tree, change, is_there, err);

	if (r < 0)
		return r;
	if (!change->after)
		remove_directories(plan, tree, change);
	return setup_record_drop(records, change->record->engine, change->record->path, err);
}

static int apply_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_records *records, const struct setup_change *change,
	struct nvb_error **err)
{
	int r = check_change(plan, tree, change, err);
	bool is_there = r > 0;

	if (r >= 0 && !plan->undo && !change->record->directory && !change->link)
		r = note_directory(plan, tree, change, err);
	if (r < 0)
		return r;
	return plan->undo ? undo_change(plan, tree, records, change, is_there, err)
			  : set_up_change(plan, tree, records, change, is_there, err);
}

int setup_plan_apply(
	const struct setup_plan *plan, const struct host_tree *tree, struct nvb_error **err)
{
	_cleanup_(setup_records_close) struct setup_records records = SETUP_RECORDS_INIT;
	int r;

	if (!plan->changes.n)
		return 0;
	r = hint_root(plan, setup_records_open(true, &records, err), err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->changes.n; i++) {
		r = apply_change(plan, tree, &records, &plan->changes.items[i], err);
		if (r < 0 && i > 0)
			return NVB_CONTEXT(err, r,
				"'%s' is changed already ('nvbind setup %s --undo' takes it back), "
				"but then",
				plan->changes.items[0].path, plan->engine->name);
		if (r < 0)
			return r;
	}
	return 0;
}
