/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between engines: which file, what is set in it, how it is read again. */
#pragma once

#include "format/document.h"
#include "setup/setup.h"
#include "setup/status.h"

#define SETUP_RUNTIME_NAME "nvbind"
/* The runtime that compose files and scripts name, and the link that it is. */
#define SETUP_STAND_IN_NAME    "nvidia"
#define SETUP_STAND_IN_PROGRAM "nvidia-container-runtime"
/* The first line of files of our own. */
#define SETUP_NEW_TEXT "# Written by 'nvbind setup', which takes it away again with --undo.\n"

/* Handed to an engine's functions. The first part is given, the second is filled in. */
struct setup_work {
	struct arena *arena;
	const struct host_tree *tree;
	const struct setup_options *options;
	const char *version; /* "26.1.5"; NULL: unknown */
	bool undo;	     /* the edits are what is to be taken back */

	const char *path; /* the file, as the machine sees it */
	enum document_format format;
	const char *new_text; /* what a new file starts with */
	struct document_edits edits;
	struct string_list warnings, notes;
	const char *activation;
};

struct setup_engine {
	const char *name;
	const char *programs; /* any of these, by blanks, says that it is installed */
	int (*plan)(struct setup_work *w, struct nvb_error **err);
	int (*inspect)(struct setup_work *w, struct setup_status *status, struct nvb_error **err);
};

extern const struct setup_engine setup_docker, setup_podman, setup_containerd, setup_crio;

/* The text of a file of the machine, in the arena; NULL: none. Errors: PERMISSION, IO, LIMIT. */
int setup_read(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret_text, struct nvb_error **err);
/* True if `path` itself is a symbolic link, whatever it leads to. */
bool setup_is_link(const struct host_tree *tree, struct arena *a, const char *path);
/* 1 if `path` is a link to `target`, 0 if nothing is there, FAILED if it is somebody else's. */
int setup_look_at_link(const struct host_tree *tree, struct arena *a, const char *path,
	const char *target, struct nvb_error **err);
/* 1 and the first part of `path`, a directory or itself, that leads to nothing; or 0. */
int setup_find_missing(const struct host_tree *tree, struct arena *a, const char *path,
	const char **ret, struct nvb_error **err);
/* Its tree, owned by the caller; an empty one where there is no file. */
int setup_read_tree(const struct setup_work *w, const char *path, enum document_format format,
	struct json_object **ret_root, struct nvb_error **err);
/* Names in `directory` that end in `suffix`, as whole paths in order. */
int setup_list(const struct setup_work *w, const char *directory, const char *suffix,
	struct string_list *ret, struct nvb_error **err);

/* True if the version is known and lies below. */
bool setup_is_older(const char *version, unsigned major, unsigned minor);

int setup_warn(struct setup_work *w, struct nvb_error **err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int setup_note(struct setup_work *w, struct nvb_error **err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The path of `name` beside nvbind-runtime; NULL: out of memory. */
const char *setup_beside(const struct setup_work *w, const char *name);
/*
 * 1 and its path if the runtime SETUP_STAND_IN_NAME is to be set, or taken back. `now` is what that
 * name starts at present: NULL is nothing, and another path is somebody else's, which stays.
 */
int setup_wants_stand_in(
	struct setup_work *w, const char *now, const char **ret_path, struct nvb_error **err);

/* Warns where `file`, which makes `name` the default, is read behind w->path; NULL: no such file.
 */
int setup_check_later(
	struct setup_work *w, const char *file, const char *name, struct nvb_error **err);

/* Edits of w->edits. `take_value` NULL: out of memory. */
int setup_set(struct setup_work *w, const struct document_path *path,
	struct json_object *take_value, struct nvb_error **err);
