/* SPDX-License-Identifier: Apache-2.0 */
/* A home with games in it, and what is expected of one. */
#pragma once

#include "../host/scratch-tree.h"

#include "game/game.h"

#define HOME  "/home/user"
#define STEAM HOME "/.local/share/Steam"

static inline struct game_place place_of(struct scratch *s)
{
	return (struct game_place){ .arena = s->arena, .tree = &s->tree, .home = HOME };
}

static inline const char *env_of(const struct game *game, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	vec_foreach (const char *, line, &game->env)
		if (strncmp(*line, name, length) == 0 && (*line)[length] == '=')
			found = *line + length + 1;
	return found;
}

/* 'w', 'r', or 0: not mounted. */
static inline char mount_of(const struct game *game, const char *path)
{
	vec_foreach (struct game_mount, mount, &game->mounts)
		if (strcmp(mount->path, path) == 0)
			return mount->read_only ? 'r' : 'w';
	return 0;
}

static inline void expect_command(const struct game *game, const char *words)
{
	_cleanup_(strbuf_done) struct strbuf joined = STRBUF_INIT(65536);

	vec_foreach (const char *, word, &game->command)
		strbuf_printf(&joined, "%s%s", joined.length ? "|" : "", *word);
	assert_string_equal(strbuf_str(&joined), words);
}
