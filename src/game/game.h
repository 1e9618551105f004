/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An installed game, as its launcher's files describe it: what a container needs to run it.
 *
 * The files are the user's own, but their content came from elsewhere (an installer, a download),
 * so a path of theirs is mounted only if it is one that a game may have: see game_add_mount().
 */
#pragma once

#include "base/strbuf.h"
#include "host/tree.h"

#define GAME_FILE_LIMIT_BYTES ((size_t)4 << 20)

/* A directory that is at the same place in the container. */
struct game_mount {
	const char *path;
	const char *source; /* on this machine, without links */
	bool read_only;
	const char *why;
};

struct game_mount_list VEC(struct game_mount);

struct game {
	const char *kind;	 /* "steam", "lutris", "wine" */
	const char *id;		 /* as it was asked for */
	const char *title;	 /* NULL: the files have none */
	const char *directory;	 /* where the game is installed; NULL: unknown */
	const char *prefix;	 /* Wine's; NULL: a native game, or not made yet */
	const char *runner;	 /* the directory or program of Proton or Wine; NULL: the image's */
	const char *runner_name; /* "Proton - Experimental"; NULL: native */
	struct game_mount_list mounts;
	struct string_list env; /* NAME=VALUE */
	struct string_list command;
	const char *workdir;	  /* NULL: the image's */
	struct string_list notes; /* what was decided, and by which file */
};

/* Where a user's files are looked for. */
struct game_place {
	struct arena *arena;
	const struct host_tree *tree;
	const char *home; /* absolute, normal */
};

/*
 * Raises NVB_ERR_UNSUPPORTED for what is no game's: the root, a directory of the system, the home
 * itself or what is above it, a path that cannot be written as a volume. A path that does not
 * exist is NVB_ERR_NOT_FOUND. One that another mount of the list holds already is not added.
 */
int game_add_mount(const struct game_place *place, struct game *game, const char *path,
	bool read_only, const char *why, struct nvb_error **err);

/* game.c: for the readers of launchers' files. 0 or out of memory. */
int game_add_env(const struct game_place *place, struct game *game, struct nvb_error **err,
	const char *name, const char *value);
int game_note(const struct game_place *place, struct game *game, struct nvb_error **err,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * steam.c: an application by its number. `command` empty: the client starts it, which must be in
 * the image. Errors: NVB_ERR_NOT_FOUND (no Steam, no such game: with the libraries searched),
 * NVB_ERR_FORMAT, NVB_ERR_UNSUPPORTED, NVB_ERR_USAGE (no number).
 */
int steam_find_game(const struct game_place *place, const char *app_id,
	const struct string_list *command, struct game *ret, struct nvb_error **err);

/* lutris.c: by its name or slug. Errors: as above. */
int lutris_find_game(const struct game_place *place, const char *name,
	const struct string_list *arguments, struct game *ret, struct nvb_error **err);

/* wine.c: a Windows program in a prefix. `prefix` NULL: ~/.wine; `wine` NULL: the image's. */
int wine_find_game(const struct game_place *place, const char *program, const char *prefix,
	const char *wine, const struct string_list *arguments, struct game *ret,
	struct nvb_error **err);
