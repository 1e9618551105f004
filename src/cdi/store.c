/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

#define RECIPE_LIMIT_BYTES ((size_t)64 << 10)
#define RECIPE_NAME_BYTES  (CDI_DIGEST_BYTES + sizeof(".json"))

static int io_error(const char *verb, const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(
		err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s'", verb, path);
}

/* mkdir -p of a path of our own machine, and opens it. */
static int make_directory(const char *path, mode_t mode, int *ret_fd, struct nvb_error **err)
{
	_cleanup_free_ char *copy = strdup(path);
	int fd;

	if (!copy)
		return NVB_OOM(err);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST && errno != EROFS)
			return io_error("create the directory", copy, errno, err);
		*slash = '/';
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return io_error("open the directory", path, errno, err);
	*ret_fd = fd;
	return 0;
}

/* Whoever may write here can make root write a spec of his making. */
static int check_owner(const struct cdi_store *store, struct nvb_error **err)
{
	struct stat st;

	if (fstat(store->dir_fd, &st) < 0)
		return io_error("look at", store->path, errno, err);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may write to '%s'", store->path),
		"it must belong to you alone: see its owner and mode");
}

int cdi_store_open(const char *state_dir, struct cdi_store *ret, struct nvb_error **err)
{
	_cleanup_(cdi_store_done) struct cdi_store store = CDI_STORE_INIT;
	int r;

	if (asprintf(&store.path, "%s/cdi", state_dir) < 0) {
		store.path = NULL;
		return NVB_OOM(err);
	}
	r = make_directory(store.path, 0700, &store.dir_fd, err);
	if (r >= 0)
		r = check_owner(&store, err);
	if (r < 0)
		return r;
	store.lock_fd =
		openat(store.dir_fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store.lock_fd < 0 || flock(store.lock_fd, LOCK_EX) < 0)
		return io_error("lock", store.path, errno, err);
	*ret = store;
	store = (struct cdi_store)CDI_STORE_INIT;
	return 0;
}

void cdi_store_done(struct cdi_store *store)
{
	freep(&store->path);
	closep(&store->dir_fd);
	closep(&store->lock_fd);
}

static void recipe_name(const char *path, char ret[static RECIPE_NAME_BYTES])
{
	char digest[CDI_DIGEST_BYTES];

	cdi_digest(path, strlen(path), digest);
	(void)snprintf(ret, RECIPE_NAME_BYTES, "%s.json", digest);
}

/* Regular files only, through no link. -ENOENT where there is none. */
static errint_t read_file(
	int dir_fd, const char *name, size_t limit, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return file_read_fd(fd, limit, ret, ret_length);
}

/* 1, or 0 if there is none of this name. */
static int read_recipe(const struct cdi_store *store, const char *name, struct arena *a,
	struct cdi_recipe *ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	errint_t e = read_file(store->dir_fd, name, RECIPE_LIMIT_BYTES, &text, &length);
	int r;

	if (e == -ENOENT)
		return 0;
	if (e < 0)
		r = NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read it");
	else
		r = cdi_recipe_parse(text, length, a, ret, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read the recipe '%s/%s'", store->path, name) : 1;
}

static int find_recipe(const struct cdi_store *store, const char *path, struct arena *a,
	struct cdi_recipe *ret, struct nvb_error **err)
{
	char name[RECIPE_NAME_BYTES];
	int r;

	recipe_name(path, name);
	r = read_recipe(store, name, a, ret, err);
	return r > 0 && strcmp(ret->path, path) != 0 ? 0 : r;
}

static int compare_recipes(const void *a, const void *b)
{
	return strcmp(((const struct cdi_recipe *)a)->path, ((const struct cdi_recipe *)b)->path);
}

static bool is_recipe_name(const char *name)
{
	return strlen(name) == CDI_DIGEST_BYTES - 1 + strlen(".json") &&
	       strspn(name, "0123456789abcdef") == CDI_DIGEST_BYTES - 1 &&
	       strcmp(name + CDI_DIGEST_BYTES - 1, ".json") == 0;
}

static int add_recipe(const struct cdi_store *store, const char *name, struct arena *a,
	struct cdi_recipe_list *list, struct string_list *problems, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct cdi_recipe recipe, *slot;
	int r = read_recipe(store, name, a, &recipe, &problem);

	if (r == 0)
		return 0;
	if (r < 0)
		return string_list_printf(a, problems, "%s", nvb_error_message(problem)) < 0
			       ? NVB_OOM(err)
			       : 0;
	slot = vec_push(a, list);
	if (!slot)
		return NVB_OOM(err);
	*slot = recipe;
	return 0;
}

/* Of all files that may be recipes. */
static int list_names(const struct cdi_store *store, struct arena *a, struct string_list *names,
	struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = io_error("list", store->path, errno, err);
		closep(&fd);
		return r;
	}
	for (const struct dirent *entry; (entry = readdir(dir));) {
		const char *name;

		if (!is_recipe_name(entry->d_name))
			continue;
		name = arena_strdup(a, entry->d_name);
		if (!name || string_list_add(a, names, name) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

int cdi_store_recipes(const struct cdi_store *store, struct arena *a, struct cdi_recipe_list *ret,
	struct string_list *ret_problems, struct nvb_error **err)
{
	struct string_list names = { 0 };
	int r = list_names(store, a, &names, err);

	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = add_recipe(store, names.items[i], a, ret, ret_problems, err);
	if (r >= 0 && ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare_recipes);
	return r;
}

const char *cdi_change_name(enum cdi_change change)
{
	static const char *const names[] = {
		[CDI_UNCHANGED] = "unchanged",
		[CDI_CREATED] = "created",
		[CDI_REWRITTEN] = "rewritten",
		[CDI_REMOVED] = "removed",
		[CDI_ABSENT] = "absent",
	};

	return names[change];
}

/* Only what cannot be understood: after an I/O error it may be understood again. */
static int forget_damaged(const struct cdi_store *store, const char *name, struct arena *a,
	size_t *count, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct cdi_recipe recipe;

	if (read_recipe(store, name, a, &recipe, &problem) != NVB_ERR_FORMAT)
		return 0;
	if (unlinkat(store->dir_fd, name, 0) < 0)
		return io_error("forget the recipe", name, errno, err);
	log_warning("%s; it is forgotten", nvb_error_message(problem));
	++*count;
	return 0;
}

int cdi_store_forget_damaged(
	const struct cdi_store *store, const char *path, size_t *ret_count, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list names = { 0 };
	size_t count = 0;
	int r = 0;

	if (!a)
		return NVB_OOM(err);
	if (path) {
		char name[RECIPE_NAME_BYTES];

		recipe_name(path, name);
		r = string_list_add(a, &names, arena_strdup(a, name)) < 0 ? NVB_OOM(err) : 0;
	} else {
		r = list_names(store, a, &names, err);
	}
	for (size_t i = 0; i < names.n && r >= 0; i++)
		r = forget_damaged(store, names.items[i], a, &count, err);
	if (r < 0)
		return r;
	*ret_count = count;
	return 0;
}

/* A spec's file: what is there, and whether we put it there. */
struct target {
	struct arena *a;
	int dir_fd;
	const char *name;
	bool exists, is_ours;
	char *text; /* NULL: it does not exist, or is no regular file */
	size_t length;
	char digest[CDI_DIGEST_BYTES]; /* of text */
	struct cdi_recipe recipe;      /* of last time; path NULL: none */
};

static void target_done(struct target *t)
{
	arena_free(t->a);
	closep(&t->dir_fd);
	freep(&t->text);
}

static bool is_digest(const char *digest, const struct target *t)
{
	return digest && t->text && strcmp(digest, t->digest) == 0;
}

/* 1 or 0: there is none, or one that means nothing and that `force` lets us forget. */
static int find_old_recipe(const struct cdi_store *store, const char *path, bool force,
	struct target *t, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r = find_recipe(store, path, t->a, &t->recipe, &problem);

	if (r == NVB_ERR_FORMAT && force) {
		log_warning("%s; it is replaced", nvb_error_message(problem));
		return 0;
	}
	if (r >= 0)
		return r;
	if (err)
		*err = TAKE_PTR(problem);
	if (r == NVB_ERR_FORMAT)
		return NVB_HINT(err, r,
			"'nvbind cdi generate --force' makes it again, 'nvbind cdi remove' "
			"forgets it");
	return r;
}

static int look_at(const struct cdi_store *store, const char *path, bool force, struct target *t,
	struct nvb_error **err)
{
	errint_t e = 0;
	int r;

	t->a = arena_new();
	if (!t->a)
		return NVB_OOM(err);
	r = find_old_recipe(store, path, force, t, err);
	if (r == 0)
		t->recipe.path = NULL;
	if (r < 0)
		return r;
	t->name = path_base_name(path);
	if (t->dir_fd >= 0)
		e = read_file(t->dir_fd, t->name, CDI_DOCUMENT_LIMIT_BYTES, &t->text, &t->length);
	if (e == -EACCES || e == -EPERM || e == -EIO || e == -ENOMEM)
		return io_error("read", path, -e, err);
	t->exists = t->dir_fd >= 0 && e != -ENOENT;
	if (t->text)
		cdi_digest(t->text, t->length, t->digest);
	t->is_ours = t->recipe.path &&
		     (is_digest(t->recipe.digest, t) || is_digest(t->recipe.previous, t));
	return 0;
}

static int open_target(const struct cdi_store *store, const char *path, bool make, bool force,
	struct target *t, struct nvb_error **err)
{
	size_t length = (size_t)(path_base_name(path) - path);
	_cleanup_free_ char *dir = strndup(path, length > 1 ? length - 1 : 1);
	int r = 0;

	if (!dir)
		return NVB_OOM(err);
	if (make)
		r = make_directory(dir, 0755, &t->dir_fd, err);
	else
		t->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r >= 0 && t->dir_fd < 0 && errno != ENOENT)
		r = io_error("open the directory", dir, errno, err);
	return r < 0 ? r : look_at(store, path, force, t, err);
}

/* `command` takes the file all the same with --force. */
static int raise_foreign(const char *verb, const char *command, const char *path,
	const struct target *t, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_FAILED, 0, "%s '%s': %s", verb, path,
		t->recipe.path ? "someone changed it since nvbind wrote it" : "it is not nvbind's");

	return NVB_HINT(err, r, "look at the file; 'nvbind cdi %s --force' %ss it all the same",
		command, verb);
}

static int write_recipe(
	const struct cdi_store *store, const struct cdi_recipe *recipe, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL, *before = NULL;
	size_t length, before_length = 0;
	char name[RECIPE_NAME_BYTES];
	errint_t e;
	int r = cdi_recipe_format(recipe, &text, &length, err);

	if (r < 0)
		return r;
	recipe_name(recipe->path, name);
	e = read_file(store->dir_fd, name, RECIPE_LIMIT_BYTES, &before, &before_length);
	if (e == 0 && before_length == length && memcmp(before, text, length) == 0)
		return 0;
	e = file_replace_synced_at(store->dir_fd, name, text, length, 0600, NULL);
	return e < 0 ? io_error("write the recipe of", recipe->path, -e, err) : 0;
}

/* The recipe with the digests of what was and what will be. */
static struct cdi_recipe next_recipe(
	const struct cdi_recipe *recipe, const struct target *t, const char *digest)
{
	struct cdi_recipe next = *recipe;

	next.digest = digest;
	next.previous = t->recipe.path ? t->recipe.digest : NULL;
	if (t->recipe.path && digest && t->recipe.digest && strcmp(digest, t->recipe.digest) == 0)
		next.previous = t->recipe.previous;
	/* What lies there stays ours, however often writing the next one fails. */
	if (t->is_ours && !(digest && is_digest(digest, t)))
		next.previous = t->digest;
	return next;
}

static int replace(struct target *t, const char *path, const char *text, size_t length,
	enum cdi_change *ret_change, struct nvb_error **err)
{
	enum cdi_change change = t->exists ? CDI_REWRITTEN : CDI_CREATED;
	errint_t e = 0;

	if (!text) {
		change = t->exists ? CDI_REMOVED : CDI_ABSENT;
		if (t->exists && unlinkat(t->dir_fd, t->name, 0) < 0)
			return io_error("remove", path, errno, err);
	} else if (t->text && t->length == length && memcmp(t->text, text, length) == 0) {
		change = CDI_UNCHANGED;
	} else {
		e = file_replace_synced_at(t->dir_fd, t->name, text, length, 0644, NULL);
	}
	if (e < 0)
		return io_error("write", path, -e, err);
	*ret_change = change;
	return 0;
}

static int forget(const struct cdi_store *store, const char *path, struct nvb_error **err)
{
	char name[RECIPE_NAME_BYTES];

	recipe_name(path, name);
	if (unlinkat(store->dir_fd, name, 0) < 0 && errno != ENOENT)
		return io_error("forget the recipe of", path, errno, err);
	return 0;
}

int cdi_store_put(const struct cdi_store *store, const struct cdi_recipe *recipe, const char *text,
	size_t length, bool force, enum cdi_change *ret_change, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = { .dir_fd = -1 };
	char digest[CDI_DIGEST_BYTES];
	struct cdi_recipe next;
	bool same;
	int r = open_target(store, recipe->path, text != NULL, force, &t, err);

	if (r < 0)
		return r;
	same = text && t.text && t.length == length && memcmp(t.text, text, length) == 0;
	/* Nothing to write and nothing of ours to take away: what is there is none of our
	 * business, and no force makes it so. */
	if (!text && t.exists && !t.is_ours) {
		*ret_change = CDI_ABSENT;
		return 0;
	}
	if (t.exists && !t.is_ours && !same && !force)
		return raise_foreign("replace", "generate", recipe->path, &t, err);
	if (text)
		cdi_digest(text, length, digest);
	next = next_recipe(recipe, &t, text ? digest : NULL);
	r = write_recipe(store, &next, err);
	if (r < 0)
		return r;
	r = replace(&t, recipe->path, text, length, ret_change, err);
	/* What was never written is nothing to refresh. */
	if (r < 0 && !t.recipe.path)
		(void)forget(store, recipe->path, NULL);
	return r;
}

int cdi_store_drop(const struct cdi_store *store, const struct cdi_recipe *recipe, bool force,
	enum cdi_change *ret_change, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = { .dir_fd = -1 };
	int r = open_target(store, recipe->path, false, force, &t, err);

	/* A kind that the machine never had: nothing here was ever ours, whatever the force. */
	if (r >= 0 && t.recipe.path && !t.recipe.digest && !t.recipe.previous) {
		*ret_change = CDI_ABSENT;
		return forget(store, recipe->path, err);
	}
	if (r >= 0 && t.exists && !t.is_ours && !force)
		return raise_foreign("remove", "remove", recipe->path, &t, err);
	if (r >= 0)
		r = replace(&t, recipe->path, NULL, 0, ret_change, err);
	return r < 0 ? r : forget(store, recipe->path, err);
}

int cdi_store_owns(const struct cdi_store *store, const char *path, struct nvb_error **err)
{
	_cleanup_(target_done) struct target t = { .dir_fd = -1 };
	int r = open_target(store, path, false, false, &t, err);

	return r < 0 ? r : t.is_ours;
}

/* True if we can make files in it, or make it. */
static bool is_writable(const char *path)
{
	_cleanup_close_ int fd = -1;

	if (make_directory(path, 0755, &fd, NULL) < 0)
		return false;
	return faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

int cdi_store_default_directory(const struct string_list *directories, struct arena *a,
	const char **ret_path, const char **ret_note, struct nvb_error **err)
{
	for (size_t i = 0; i < directories->n; i++) {
		if (!is_writable(directories->items[i]))
			continue;
		*ret_path = directories->items[i];
		*ret_note = i ? arena_printf(a, "'%s' cannot be written to: specs go to '%s'",
					directories->items[0], directories->items[i])
			      : NULL;
		return i && !*ret_note ? NVB_OOM(err) : 0;
	}
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "find a directory for CDI specifications"),
		"run as root, or name one with --output DIR");
}

const char *cdi_store_path(
	struct arena *a, const char *directory, const char *kind, enum cdi_format format)
{
	const char *slash = strchr(kind, '/');
	int vendor_length = slash ? (int)(slash - kind) : 0;

	return arena_printf(a, "%s/%.*s_%s.%s", directory, vendor_length, kind,
		slash ? slash + 1 : kind, format == CDI_FORMAT_YAML ? "yaml" : "json");
}

const struct cdi_spec *cdi_store_rival(const struct cdi_registry *registry,
	const struct cdi_spec *spec, const char *path, const char *old, const char **ret_device)
{
	vec_foreach (struct cdi_spec *, other, &registry->specs) {
		const char *there = (*other)->path;

		if (strcmp((*other)->kind, spec->kind) != 0)
			continue;
		if (there && (strcmp(there, path) == 0 || (old && strcmp(there, old) == 0)))
			continue;
		vec_foreach (const struct cdi_device, device, &spec->devices) {
			if (!cdi_spec_device(*other, device->name))
				continue;
			*ret_device = device->name;
			return *other;
		}
	}
	return NULL;
}
