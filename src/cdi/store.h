/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec files that nvbind writes.
 *
 * A file is ours if a recipe in our state names its path and it holds what we wrote last, to the
 * byte. Nothing else is replaced or removed: a file that someone edited, or that another tool
 * put there, stays. A recipe without a file is a wish: the machine has no such GPU now, and
 * `refresh` writes the file when it has.
 *
 *	<state>/cdi/.lock	held while files are written
 *	<state>/cdi/<digest of the path>.json
 */
#pragma once

#include "cdi/recipe.h"
#include "cdi/registry.h"

struct cdi_store {
	char *path;
	int dir_fd, lock_fd;
};

#define CDI_STORE_INIT                                                                             \
	{                                                                                          \
		.dir_fd = -1, .lock_fd = -1                                                        \
	}

/* Makes what is missing and takes the lock. Errors: PERMISSION (others may write there), IO. */
int cdi_store_open(const char *state_dir, struct cdi_store *ret, struct nvb_error **err);
void cdi_store_done(struct cdi_store *store);

/* By path. A recipe that cannot be read is one of *ret_problems. Strings lie in `a`. */
int cdi_store_recipes(const struct cdi_store *store, struct arena *a, struct cdi_recipe_list *ret,
	struct string_list *ret_problems, struct nvb_error **err);

/*
 * Forgets the recipes that cannot be understood, that of the file at `path` or all (NULL), with a
 * warning for each. The files that they were for stay, as files that are not ours.
 */
int cdi_store_forget_damaged(
	const struct cdi_store *store, const char *path, size_t *ret_count, struct nvb_error **err);

enum cdi_change {
	CDI_UNCHANGED,
	CDI_CREATED,
	CDI_REWRITTEN,
	CDI_REMOVED,
	CDI_ABSENT, /* no file before and after */
};

const char *cdi_change_name(enum cdi_change change);

/*
 * Makes recipe->path hold `text` (NULL: not exist), by rename, readable for all, and remembers
 * the recipe; its digests are not read. A file of the same bytes is not touched. `force` replaces
 * a file that is not ours, and a recipe that cannot be understood; it removes nothing.
 * Errors: FAILED (not ours), FORMAT (the recipe of last time), PERMISSION, IO.
 */
int cdi_store_put(const struct cdi_store *store, const struct cdi_recipe *recipe, const char *text,
	size_t length, bool force, enum cdi_change *ret_change, struct nvb_error **err);

/* Removes the file and forgets the recipe. A file that is no longer ours is FAILED. */
int cdi_store_drop(const struct cdi_store *store, const struct cdi_recipe *recipe, bool force,
	enum cdi_change *ret_change, struct nvb_error **err);

/* 1 if a recipe names `path` and the file is as we left it. */
int cdi_store_owns(const struct cdi_store *store, const char *path, struct nvb_error **err);

/*
 * Where specs go by default: the first of the engines' directories that can be written to; it is
 * made if missing. *ret_note says why it is not the first one; NULL: it is.
 */
int cdi_store_default_directory(const struct string_list *directories, struct arena *a,
	const char **ret_path, const char **ret_note, struct nvb_error **err);

/* "/etc/cdi" and a kind give "/etc/cdi/VENDOR_CLASS.json". NULL: out of memory. */
const char *cdi_store_path(
	struct arena *a, const char *directory, const char *kind, enum cdi_format format);

/*
 * The spec in the registry, other than the files at `path` and `old` (NULL: none), that defines a
 * device of `spec` too; NULL if none does. Engines refuse a device that two files of a directory
 * define, and see only one of two in different directories.
 */
const struct cdi_spec *cdi_store_rival(const struct cdi_registry *registry,
	const struct cdi_spec *spec, const char *path, const char *old, const char **ret_device);
