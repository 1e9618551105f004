/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "game/game.h"

static int add_directory_of(const struct game_place *place, struct game *game, const char *program,
	struct nvb_error **err)
{
	const char *name = path_base_name(program);
	const char *directory = arena_strndup(
		place->arena, program, name > program + 1 ? (size_t)(name - program) - 1 : 1);

	if (!directory)
		return NVB_OOM(err);
	game->directory = directory;
	return game_add_mount(place, game, directory, false, "the program", err);
}

static int add_prefix(const struct game_place *place, struct game *game, const char *prefix,
	struct nvb_error **err)
{
	int r;

	if (!prefix)
		prefix = arena_printf(place->arena, "%s/.wine", place->home);
	if (!prefix)
		return NVB_OOM(err);
	game->prefix = prefix;
	if (!host_tree_exists(place->tree, prefix))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find the prefix '%s'", prefix),
			"make it by 'WINEPREFIX=%s wineboot', or name another by --prefix", prefix);
	r = game_add_mount(place, game, prefix, false, "the prefix", err);
	if (r >= 0)
		r = game_add_env(place, game, err, "WINEPREFIX", prefix);
	return r;
}

int wine_find_game(const struct game_place *place, const char *program, const char *prefix,
	const char *wine, const struct string_list *arguments, struct game *ret,
	struct nvb_error **err)
{
	struct game game = { .kind = "wine", .id = program, .runner_name = wine ? wine : "wine" };
	int r;

	if (!path_is_normal(program) || (prefix && !path_is_normal(prefix)))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.256s' is no absolute path",
			path_is_normal(program) ? prefix : program);
	if (!host_tree_exists(place->tree, program))
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find the program '%s'", program);
	r = add_prefix(place, &game, prefix, err);
	if (r >= 0)
		r = add_directory_of(place, &game, program, err);
	if (r >= 0)
		r = game_add_env(place, &game, err, "HOME", place->home);
	if (r < 0)
		return r;
	if (string_list_add(place->arena, &game.command, game.runner_name) < 0 ||
		string_list_add(place->arena, &game.command, program) < 0)
		return NVB_OOM(err);
	for (size_t i = 0; i < arguments->n; i++)
		if (string_list_add(place->arena, &game.command, arguments->items[i]) < 0)
			return NVB_OOM(err);
	game.workdir = game.directory;
	*ret = game;
	return 0;
}
