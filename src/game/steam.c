/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steam's own files, below the user's home:
 *
 *	ROOT/steamapps/libraryfolders.vdf           where games are
 *	LIBRARY/steamapps/appmanifest_ID.acf        a game: its name, and its directory below
 *common/ ROOT/config/config.vdf                      CompatToolMapping: which Proton a game was
 *given LIBRARY/steamapps/compatdata/ID             Proton's prefix of the game
 *	ROOT/compatibilitytools.d/DIR/              a Proton that the user installed
 *
 * Source: the files of a Steam client of 2026-07; Proton 10's script `proton` for the variables.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "format/json.h"
#include "format/vdf.h"
#include "game/game.h"

#define LIBRARIES_LIMIT 64
#define TOOLS_LIMIT	256

struct steam {
	const struct game_place *place;
	const char *root;
	struct string_list libraries; /* with the root itself */
	const char *app_id;
	const char *library; /* of the game */
	const char *data;    /* LIBRARY/steamapps/compatdata/ID; NULL: there is none */
	const char *tool;    /* the name of the Proton; NULL: native */
	struct game *game;
};

/* *ret is NULL where there is no such file. */
static int read_vdf(
	const struct steam *s, const char *path, struct json_object **ret, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	errint_t e = host_tree_read(s->place->tree, path, GAME_FILE_LIMIT_BYTES, &text);

	*ret = NULL;
	if (e == -ENOENT || e == -ENOTDIR)
		return 0;
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "read '%s'", path);
	return vdf_parse(path, text, strlen(text), ret, err);
}

static const char *join(const struct steam *s, const char *directory, const char *name)
{
	return arena_printf(s->place->arena, "%s/%s", directory, name);
}

static int find_root(struct steam *s, struct nvb_error **err)
{
	static const char *const places[] = {
		".local/share/Steam",
		".steam/steam",
		".steam/root",
		".steam/debian-installation",
		".var/app/com.valvesoftware.Steam/.local/share/Steam",
		"snap/steam/common/.local/share/Steam",
	};

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		const char *root = join(s, s->place->home, places[i]);
		const char *apps = root ? join(s, root, "steamapps") : NULL;

		if (!apps)
			return NVB_OOM(err);
		if (host_tree_exists(s->place->tree, apps)) {
			s->root = root;
			return 0;
		}
	}
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find Steam below '%s'", s->place->home),
		"install Steam and start it once; 'nvbind game wine PROGRAM' runs a program "
		"without");
}

static int add_library(struct steam *s, const char *path, struct nvb_error **err)
{
	if (!path_is_normal(path) || s->libraries.n == LIBRARIES_LIMIT)
		return 0;
	for (size_t i = 0; i < s->libraries.n; i++)
		if (strcmp(s->libraries.items[i], path) == 0)
			return 0;
	path = arena_strdup(s->place->arena, path);
	if (!path || string_list_add(s->place->arena, &s->libraries, path) < 0)
		return NVB_OOM(err);
	return 0;
}

/* An entry is a table with "path", or the path itself in files of before 2021. */
static int find_libraries(struct steam *s, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *file = NULL;
	const char *path = join(s, s->root, "steamapps/libraryfolders.vdf");
	struct json_object *list;
	int r = path ? add_library(s, s->root, err) : NVB_OOM(err);

	if (r >= 0)
		r = read_vdf(s, path, &file, err);
	list = vdf_find(file, "libraryfolders");
	if (r < 0 || !json_object_is_type(list, json_type_object))
		return r;
	json_object_object_foreach(list, key, value)
	{
		const char *library = vdf_find_string(value, "path");

		if (!library && strspn(key, "0123456789") == strlen(key) &&
			json_object_is_type(value, json_type_string))
			library = json_object_get_string(value);
		r = library ? add_library(s, library, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int raise_no_game(const struct steam *s, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf searched = STRBUF_INIT(16384);
	int r;

	vec_foreach (const char *, library, &s->libraries) {
		strbuf_str_add(&searched, searched.length ? ", '" : "'");
		strbuf_escaped_add(&searched, *library, 256);
		strbuf_char_add(&searched, '\'');
	}
	r = NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "find application %s in the libraries %s",
		s->app_id, strbuf_str(&searched));
	return NVB_HINT(
		err, r, "install it in Steam; its number is in the address of its store page");
}

/* A single name: it must not lead out of common/. */
static bool is_name(const char *text)
{
	return *text && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static int take_manifest(
	struct steam *s, const char *path, struct json_object *file, struct nvb_error **err)
{
	struct json_object *state = vdf_find(file, "AppState");
	const char *directory = vdf_find_string(state, "installdir");
	const char *title = vdf_find_string(state, "name");

	if (!directory || !is_name(directory))
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"%s: 'AppState.installdir' is no name of a "
			"directory",
			path);
	s->game->directory =
		arena_printf(s->place->arena, "%s/steamapps/common/%s", s->library, directory);
	s->game->title = title ? arena_strdup(s->place->arena, title) : NULL;
	if (!s->game->directory || (title && !s->game->title))
		return NVB_OOM(err);
	return game_note(
		s->place, s->game, err, "the game is in '%s', by '%s'", s->game->directory, path);
}

static int find_manifest(struct steam *s, struct nvb_error **err)
{
	vec_foreach (const char *, library, &s->libraries) {
		_cleanup_(json_putp) struct json_object *file = NULL;
		const char *path = arena_printf(
			s->place->arena, "%s/steamapps/appmanifest_%s.acf", *library, s->app_id);
		int r = path ? read_vdf(s, path, &file, err) : NVB_OOM(err);

		if (r < 0)
			return r;
		if (!file)
			continue;
		s->library = *library;
		return take_manifest(s, path, file, err);
	}
	return raise_no_game(s, err);
}

/* The Proton that the user chose for the game. NULL: none. */
static int read_choice(struct steam *s, const char **ret, struct nvb_error **err)
{
	static const char *const path[] = { "InstallConfigStore", "Software", "Valve", "Steam",
		"CompatToolMapping" };
	_cleanup_(json_putp) struct json_object *file = NULL;
	const char *name = join(s, s->root, "config/config.vdf"), *chosen;
	struct json_object *at;
	int r = name ? read_vdf(s, name, &file, err) : NVB_OOM(err);

	if (r < 0)
		return r;
	at = file;
	for (size_t i = 0; i < ELEMENTS(path); i++)
		at = vdf_find(at, path[i]);
	chosen = vdf_find_string(vdf_find(at, s->app_id), "name");
	/* What all games get that have no choice of their own: only those that run by Proton. */
	if ((!chosen || !*chosen) && s->data)
		chosen = vdf_find_string(vdf_find(at, "0"), "name");
	if (!chosen || !*chosen)
		return 0;
	*ret = arena_strdup(s->place->arena, chosen);
	if (!*ret)
		return NVB_OOM(err);
	return game_note(s->place, s->game, err, "'%s' is chosen by '%s'", *ret, name);
}

/*
 * The Proton that made the prefix. Of its lines, those behind the first are paths in its
 * directory: "LIBRARY/steamapps/common/Proton 9.0/files/share/fonts/".
 */
static int read_last_used(struct steam *s, const char **ret_directory, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const char *path = join(s, s->data, "config_info");
	char *line, *end;

	if (!path)
		return NVB_OOM(err);
	if (host_tree_read(s->place->tree, path, GAME_FILE_LIMIT_BYTES, &text) < 0)
		return 0;
	line = strchr(text, '\n');
	if (!line)
		return 0;
	line++;
	end = line + strcspn(line, "\n");
	*end = '\0';
	for (const char *part = line; (part = strchr(part, '/')); part++)
		if (strncmp(part, "/files/", 7) == 0 || strncmp(part, "/dist/", 6) == 0)
			end = line + (part - line);
	*end = '\0';
	if (!path_is_normal(line))
		return 0;
	*ret_directory = arena_strdup(s->place->arena, line);
	if (!*ret_directory)
		return NVB_OOM(err);
	return game_note(
		s->place, s->game, err, "'%s' made its prefix, by '%s'", *ret_directory, path);
}

/* "proton_experimental" is "Proton - Experimental", "proton_9" is "Proton 9.0 (Beta)". */
static bool is_proton(const char *directory, const char *tool)
{
	char word[32];
	size_t n = 0, length;
	const char *p = directory;

	if (strncasecmp(tool, "proton_", 7) != 0 || strncasecmp(p, "Proton ", 7) != 0)
		return false;
	tool += 7;
	for (p += 7; *p == ' ' || *p == '-'; p++)
		;
	length = strcspn(p, " ");
	for (size_t i = 0; i < length && n < sizeof(word) - 1; i++)
		if (p[i] != '.')
			word[n++] = p[i];
	word[n] = '\0';
	if (strcasecmp(word, tool) == 0)
		return true;
	/* "90" is "9", but "63" is not "6". */
	return n > 1 && word[n - 1] == '0' && strlen(tool) == n - 1 &&
	       strncmp(word, tool, n - 1) == 0;
}

static int find_official(struct steam *s, const char **ret, struct nvb_error **err)
{
	vec_foreach (const char *, library, &s->libraries) {
		const char *common = join(s, *library, "steamapps/common");
		struct string_list names = { 0 };

		if (!common)
			return NVB_OOM(err);
		if (host_tree_list(s->place->tree, s->place->arena, common, &names) < 0)
			continue;
		vec_foreach (const char *, name, &names) {
			if (!is_proton(*name, s->tool))
				continue;
			*ret = join(s, common, *name);
			return *ret ? 0 : NVB_OOM(err);
		}
	}
	return 0;
}

static bool defines(struct json_object *file, const char *tool)
{
	struct json_object *tools = vdf_find(vdf_find(file, "compatibilitytools"), "compat_tools");

	return vdf_find(tools, tool) != NULL;
}

/* A tool that lies elsewhere ("install_path") is not one that a user unpacks here. */
static int find_custom(struct steam *s, const char **ret, struct nvb_error **err)
{
	const char *place = join(s, s->root, "compatibilitytools.d");
	struct string_list names = { 0 };

	if (!place)
		return NVB_OOM(err);
	if (host_tree_list(s->place->tree, s->place->arena, place, &names) < 0)
		return 0;
	for (size_t i = 0; i < names.n && i < TOOLS_LIMIT && !*ret; i++) {
		_cleanup_(json_putp) struct json_object *file = NULL;
		const char *directory = join(s, place, names.items[i]);
		const char *path = directory ? join(s, directory, "compatibilitytool.vdf") : NULL;

		if (!path)
			return NVB_OOM(err);
		/* One that cannot be read is Steam's matter. */
		if (read_vdf(s, path, &file, NULL) >= 0 && defines(file, s->tool))
			*ret = directory;
	}
	return 0;
}

static int find_data(struct steam *s, struct nvb_error **err)
{
	const char *data =
		arena_printf(s->place->arena, "%s/steamapps/compatdata/%s", s->library, s->app_id);

	if (!data)
		return NVB_OOM(err);
	if (!host_tree_exists(s->place->tree, data))
		return 0;
	s->data = data;
	s->game->prefix = join(s, data, "pfx");
	return s->game->prefix ? 0 : NVB_OOM(err);
}

static int find_proton(struct steam *s, struct nvb_error **err)
{
	struct game *game = s->game;
	int r = find_data(s, err);

	if (r >= 0)
		r = read_choice(s, &s->tool, err);
	if (r >= 0 && s->tool)
		r = find_custom(s, &game->runner, err);
	if (r >= 0 && s->tool && !game->runner)
		r = find_official(s, &game->runner, err);
	if (r >= 0 && !game->runner && s->data)
		r = read_last_used(s, &game->runner, err);
	if (r < 0)
		return r;
	if (game->runner)
		game->runner_name = path_base_name(game->runner);
	else if (s->tool)
		return game_note(s->place, game, err, "'%s' is in no library", s->tool);
	else
		return game_note(s->place, game, err, "no Proton is chosen: it is a native game");
	return 0;
}

/* Source: Proton 10, script `proton`: what it reads of the environment. */
static int add_variables(struct steam *s, struct nvb_error **err)
{
	const struct game_place *place = s->place;
	struct game *game = s->game;
	int r = game_add_env(place, game, err, "HOME", place->home);

	if (r >= 0)
		r = game_add_env(place, game, err, "SteamAppId", s->app_id);
	if (r >= 0)
		r = game_add_env(place, game, err, "SteamGameId", s->app_id);
	if (r >= 0)
		r = game_add_env(place, game, err, "STEAM_COMPAT_CLIENT_INSTALL_PATH", s->root);
	if (r < 0 || !game->runner || !s->data)
		return r;
	r = game_add_env(place, game, err, "STEAM_COMPAT_DATA_PATH", s->data);
	if (r >= 0)
		r = game_add_env(place, game, err, "STEAM_COMPAT_INSTALL_PATH", game->directory);
	if (r >= 0)
		r = game_add_env(place, game, err, "WINEPREFIX", game->prefix);
	return r;
}

/* The client starts the game: it needs all that is its own. */
static int add_client(struct steam *s, struct nvb_error **err)
{
	struct game *game = s->game;
	const char *const words[] = { "steam", "-applaunch", s->app_id };
	const char *apps = join(s, s->library, "steamapps");
	int r = apps ? game_add_mount(s->place, game, s->root, false, "Steam itself", err)
		     : NVB_OOM(err);

	if (r >= 0)
		r = game_add_mount(s->place, game, apps, false, "the game's library", err);
	if (r >= 0 && game->runner)
		r = game_add_mount(s->place, game, game->runner, true, "Proton", err);
	for (size_t i = 0; i < ELEMENTS(words) && r >= 0; i++)
		if (string_list_add(s->place->arena, &game->command, words[i]) < 0)
			r = NVB_OOM(err);
	return r;
}

static int raise_no_proton(const struct steam *s, struct nvb_error **err)
{
	int r = s->game->runner ? NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
					  "find the prefix of application %s", s->app_id)
				: NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
					  "find '%s' in Steam's libraries", s->tool);

	return NVB_HINT(err, r, "start the game once by Steam, which makes it");
}

/* The game's own program, by Proton if it has one. */
static int add_program(struct steam *s, const struct string_list *command, struct nvb_error **err)
{
	struct game *game = s->game;
	struct arena *a = s->place->arena;
	int r;

	if ((s->tool || s->data) && (!game->runner || !s->data))
		return raise_no_proton(s, err);
	r = game_add_mount(s->place, game, game->directory, false, "the game", err);
	if (r >= 0 && game->runner) {
		r = game_add_mount(s->place, game, s->data, false, "its prefix", err);
		if (r >= 0)
			r = game_add_mount(s->place, game, game->runner, true, "Proton", err);
		if (r >= 0)
			r = game_add_mount(
				s->place, game, s->root, true, "what Proton takes of Steam", err);
		if (r >= 0 &&
			(string_list_printf(a, &game->command, "%s/proton", game->runner) < 0 ||
				string_list_add(a, &game->command, "waitforexitandrun") < 0))
			r = NVB_OOM(err);
	}
	for (size_t i = 0; i < command->n && r >= 0; i++)
		if (string_list_add(a, &game->command, command->items[i]) < 0)
			r = NVB_OOM(err);
	game->workdir = game->directory;
	return r;
}

int steam_find_game(const struct game_place *place, const char *app_id,
	const struct string_list *command, struct game *ret, struct nvb_error **err)
{
	struct game game = { .kind = "steam", .id = app_id };
	struct steam s = { .place = place, .app_id = app_id, .game = &game };
	uint64_t number;
	int r;

	if (!number_parse(app_id, UINT32_MAX, &number) || !number)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.32s' is no number of an application",
				app_id),
			"it is in the address of the game's store page, as 620 is for Portal 2");
	r = find_root(&s, err);
	if (r >= 0)
		r = find_libraries(&s, err);
	if (r >= 0)
		r = find_manifest(&s, err);
	if (r >= 0)
		r = find_proton(&s, err);
	if (r >= 0)
		r = add_variables(&s, err);
	if (r >= 0)
		r = command->n ? add_program(&s, command, err) : add_client(&s, err);
	if (r >= 0)
		*ret = game;
	return r < 0 ? r : 0;
}
