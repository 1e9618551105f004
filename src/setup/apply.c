/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
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

static int raise_write(
	const struct setup_plan *plan, const char *path, errint_t e, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "write '%s'", path);

	if (r == NVB_ERR_PERMISSION)
		NVB_HINT(err, r, "run it as root: sudo nvbind setup %s ...", plan->engine->name);
	return r;
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

/* The first directory on the way to `path` that is missing: it will be made. */
static int find_missing_directory(const struct setup_plan *plan, const struct host_tree *tree,
	const char *path, const char **ret, struct nvb_error **err)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *part = arena_strndup(plan->arena, path, (size_t)(slash - path));
		struct stat st;

		if (!part)
			return NVB_OOM(err);
		if (path_stat_in(tree->root_fd, part, &st) == -ENOENT) {
			*ret = part;
			break;
		}
	}
	return 0;
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

/* Somebody may have written since the plan was made. */
static int check_unchanged(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	const char *now = NULL;
	int r = setup_read(tree, plan->arena, change->path, &now, err);

	if (r < 0)
		return r;
	if (!now == !change->before && (!now || strcmp(now, change->before) == 0))
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
		return file_replace_at(t->dir_fd, t->name, text, strlen(text), 0644);
	if (fstat(t->resolved.fd, &st) < 0)
		return -errno;
	return file_replace_like_at(t->dir_fd, t->name, text, strlen(text), &st);
}

static int apply_file(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = TARGET_INIT;
	errint_t e;
	int r;

	/* Only a record to forget: the file is gone, or is not ours any more. */
	if (!change->before && !change->after)
		return 0;
	r = check_unchanged(plan, tree, change, err);
	if (r < 0)
		return r;
	/* A file of our own is removed itself, were it a link by now. */
	e = target_open(tree, change->path, change->after != NULL, &t);
	if (e == 0)
		e = write_target(&t, change->after);
	return e < 0 ? raise_write(plan, change->path, e, err) : 0;
}

static int apply_link(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_change *change, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = TARGET_INIT;
	errint_t e = target_open(tree, change->path, false, &t);

	if (e == 0 && change->is_made)
		e = symlinkat(change->link, t.dir_fd, t.name) < 0 ? -errno : 0;
	else if (e == 0)
		e = unlinkat(t.dir_fd, t.name, 0) < 0 ? -errno : 0;
	return e < 0 ? raise_write(plan, change->path, e, err) : 0;
}

static int apply_change(const struct setup_plan *plan, const struct host_tree *tree,
	const struct setup_records *records, const struct setup_change *change,
	struct nvb_error **err)
{
	int r = 0;

	if (!plan->undo && !change->record->directory && !change->link)
		r = find_missing_directory(
			plan, tree, change->path, &change->record->directory, err);
	if (r >= 0 && !plan->undo)
		r = setup_record_write(records, change->record, err);
	if (r >= 0)
		r = change->link ? apply_link(plan, tree, change, err)
				 : apply_file(plan, tree, change, err);
	if (r < 0 && !plan->undo && !change->is_known)
		(void)setup_record_drop(
			records, change->record->engine, change->record->path, NULL);
	if (r >= 0 && plan->undo && !change->after)
		remove_directories(plan, tree, change);
	if (r >= 0 && plan->undo)
		r = setup_record_drop(records, change->record->engine, change->record->path, err);
	return r;
}

int setup_plan_apply(
	const struct setup_plan *plan, const struct host_tree *tree, struct nvb_error **err)
{
	_cleanup_(setup_records_close) struct setup_records records = SETUP_RECORDS_INIT;
	int r;

	if (!plan->changes.n)
		return 0;
	r = setup_records_open(true, &records, err);
	if (r == NVB_ERR_PERMISSION)
		NVB_HINT(err, r, "run it as root: sudo nvbind setup %s ...", plan->engine->name);
	vec_foreach (const struct setup_change, change, &plan->changes)
		if (r >= 0)
			r = apply_change(plan, tree, &records, change, err);
	return r;
}
