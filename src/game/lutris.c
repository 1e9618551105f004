/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lutris's own files. A game is one YAML file, SLUG-TIME.yml, and its Wine a directory:
 *
 *	~/.local/share/lutris/games/, before 0.5.14 ~/.config/lutris/games/
 *	~/.local/share/lutris/runners/wine/VERSION/bin/wine
 *
 * Source: Lutris, docs/installers.rst, "Game configuration directives", 2026-08.
 */
#include <string.h>
#include <strings.h>

#include "format/json.h"
#include "format/yaml.h"
#include "game/game.h"

#define FILES_LIMIT 4096
#define ENV_LIMIT   256
#define WORDS_BYTES 4096

struct lutris {
	const struct game_place *place;
	const char *wanted;
	struct string_list directories;
	struct string_list known; /* slugs that were seen, for the error */
	const char *data;	  /* ~/.local/share/lutris, or that of a Flatpak */
	const char *path;	  /* of the game's file */
	struct json_object *root; /* owned: its content */
	struct game *game;
};

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, key, &value);
	return value;
}

/* NULL: it is no text, or an empty one. */
static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);
	const char *text =
		json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

	return text && *text ? text : NULL;
}

/* "overwatch" of "overwatch-1693499999.yml". */
static char *slug_of(struct arena *a, const char *file)
{
	size_t length = strlen(file), end;

	if (length < 5 || strcmp(file + length - 4, ".yml") != 0)
		return NULL;
	end = length - 4;
	while (end && strchr("0123456789", file[end - 1]))
		end--;
	if (!end || file[end - 1] != '-')
		end = length - 3;
	return arena_strndup(a, file, end - 1);
}

static bool is_wanted(const struct lutris *l, const char *text)
{
	return text && strcasecmp(text, l->wanted) == 0;
}

/* 1: it is the game. A file that cannot be read is another game's, as far as we know. */
static int try_file(struct lutris *l, const char *directory, const char *name, const char *slug,
	struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_free_ char *text = NULL;
	const char *path = arena_printf(l->place->arena, "%s/%s", directory, name);
	_cleanup_error_ struct nvb_error *problem = NULL;
	errint_t e;
	int r;

	if (!path)
		return NVB_OOM(err);
	e = host_tree_read(l->place->tree, path, GAME_FILE_LIMIT_BYTES, &text);
	r = e < 0 ? NVB_RAISE(&problem, NVB_ERR_IO, -e, "read")
		  : yaml_parse(text, strlen(text), &root, &problem);
	if (r < 0) {
		if (!is_wanted(l, slug))
			return 0;
		return NVB_RAISE(err, r, 0, "read '%s': %s", path, nvb_error_message(problem));
	}
	if (!is_wanted(l, slug) && !is_wanted(l, text_of(root, "slug")) &&
		!is_wanted(l, text_of(root, "game_slug")) && !is_wanted(l, text_of(root, "name")))
		return 0;
	l->path = path;
	l->root = TAKE_PTR(root);
	return 1;
}

static int raise_no_game(const struct lutris *l, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf message = STRBUF_INIT(16384);
	const char *separator = "";
	int r;

	strbuf_str_add(&message, "find the game '");
	strbuf_escaped_add(&message, l->wanted, 128);
	strbuf_str_add(&message, "' in ");
	vec_foreach (const char *, directory, &l->directories) {
		strbuf_printf(&message, "%s'%s'", separator, *directory);
		separator = ", ";
	}
	r = NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "%s", strbuf_str(&message));
	if (!l->known.n)
		return NVB_HINT(err, r, "install it by Lutris, for this user");
	strbuf_truncate(&message, 0);
	for (size_t i = 0; i < l->known.n && i < 20; i++) {
		strbuf_str_add(&message, i ? ", " : "");
		strbuf_escaped_add(&message, l->known.items[i], 64);
	}
	return NVB_HINT(
		err, r, "there are: %s%s", strbuf_str(&message), l->known.n > 20 ? ", ..." : "");
}

static int search_directory(struct lutris *l, const char *directory, struct nvb_error **err)
{
	struct string_list names = { 0 };

	if (host_tree_list(l->place->tree, l->place->arena, directory, &names) < 0)
		return 0;
	for (size_t i = 0; i < names.n && i < FILES_LIMIT; i++) {
		const char *slug = slug_of(l->place->arena, names.items[i]);
		int r;

		if (!slug)
			continue;
		if (string_list_add(l->place->arena, &l->known, slug) < 0)
			return NVB_OOM(err);
		r = try_file(l, directory, names.items[i], slug, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static int find_file(struct lutris *l, struct nvb_error **err)
{
	static const char *const places[][2] = {
		{ ".local/share/lutris/games", ".local/share/lutris" },
		{ ".config/lutris/games", ".local/share/lutris" },
		{ ".var/app/net.lutris.Lutris/data/lutris/games",
			".var/app/net.lutris.Lutris/data/lutris" },
		{ ".var/app/net.lutris.Lutris/config/lutris/games",
			".var/app/net.lutris.Lutris/data/lutris" },
	};
	struct arena *a = l->place->arena;

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		const char *directory = arena_printf(a, "%s/%s", l->place->home, places[i][0]);
		int r;

		l->data = arena_printf(a, "%s/%s", l->place->home, places[i][1]);
		if (!directory || !l->data || string_list_add(a, &l->directories, directory) < 0)
			return NVB_OOM(err);
		r = search_directory(l, directory, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return raise_no_game(l, err);
}

static int raise_file(const struct lutris *l, const char *what, struct nvb_error **err)
{
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read '%s': %s", l->path, what),
		"start the game once by Lutris, and look at its configuration there");
}

/* A path of the file; one that is not absolute lies below `base`. NULL: not safe to use. */
static const char *path_below(const struct lutris *l, const char *base, const char *path)
{
	const char *whole = path;

	if (path[0] != '/' && base)
		whole = arena_printf(l->place->arena, "%s/%s", base, path);
	return whole && path_is_normal(whole) ? arena_strdup(l->place->arena, whole) : NULL;
}

/* "system" and what is not installed here is left to the image. */
static int find_wine(struct lutris *l, struct nvb_error **err)
{
	const char *version = text_of(member(l->root, "wine"), "version");
	struct game *game = l->game;
	const char *directory;
	int r;

	game->runner_name = "wine";
	if (!version || strchr(version, '/') || version[0] == '.')
		return 0;
	game->runner_name = arena_strdup(l->place->arena, version);
	directory = arena_printf(l->place->arena, "%s/runners/wine/%s", l->data, version);
	if (!directory || !game->runner_name)
		return NVB_OOM(err);
	if (!host_tree_exists(l->place->tree, directory))
		return game_note(l->place, game, err,
			"'%s' is not in '%s/runners/wine': the image's "
			"wine is taken",
			version, l->data);
	r = game_add_mount(l->place, game, directory, true, "Wine", err);
	game->runner = arena_printf(l->place->arena, "%s/bin/wine", directory);
	return r < 0 || game->runner ? r : NVB_OOM(err);
}

static bool is_env_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n && !name[n] && !strchr("0123456789", name[0]);
}

/* What the user set for this game in Lutris; numbers are texts to a program. */
static int add_own_variables(struct lutris *l, struct nvb_error **err)
{
	struct json_object *env = member(member(l->root, "system"), "env");
	size_t n = 0;

	if (!json_object_is_type(env, json_type_object))
		return 0;
	json_object_object_foreach(env, name, value)
	{
		const char *text = json_object_is_type(value, json_type_object) ||
						   json_object_is_type(value, json_type_array)
					   ? NULL
					   : json_object_get_string(value);
		int r;

		if (!text || !is_env_name(name) || strchr(text, '\n') || n++ == ENV_LIMIT)
			continue;
		r = game_add_env(l->place, l->game, err, name, text);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_wine(struct lutris *l, struct json_object *section, struct nvb_error **err)
{
	const char *prefix = text_of(section, "prefix"), *arch = text_of(section, "arch");
	struct game *game = l->game;
	int r;

	prefix = prefix ? path_below(l, NULL, prefix) : NULL;
	if (!prefix)
		return raise_file(l, "'game.prefix' is no absolute path", err);
	game->prefix = prefix;
	r = game_add_mount(l->place, game, prefix, false, "the prefix", err);
	if (r >= 0)
		r = game_add_env(l->place, game, err, "WINEPREFIX", prefix);
	if (r >= 0 && arch && (strcmp(arch, "win32") == 0 || strcmp(arch, "win64") == 0))
		r = game_add_env(l->place, game, err, "WINEARCH", arch);
	if (r >= 0)
		r = find_wine(l, err);
	if (r < 0)
		return r;
	if (string_list_add(l->place->arena, &game->command, game->runner ? game->runner : "wine") <
		0)
		return NVB_OOM(err);
	return 0;
}

static int add_program(struct lutris *l, struct json_object *section, struct nvb_error **err)
{
	const char *program = text_of(section, "exe"), *workdir = text_of(section, "working_dir");
	struct game *game = l->game;
	const char *path = program ? path_below(l, game->prefix, program) : NULL;
	size_t length;

	if (!path)
		return raise_file(l, "'game.exe' is no path of a program", err);
	length = (size_t)(path_base_name(path) - path);
	game->directory = arena_strndup(l->place->arena, path, length > 1 ? length - 1 : 1);
	if (!game->directory || string_list_add(l->place->arena, &game->command, path) < 0)
		return NVB_OOM(err);
	workdir = workdir ? path_below(l, NULL, workdir) : NULL;
	game->workdir = game->directory;
	/* One that is not mounted is not there. */
	if (workdir && (path_is_below(workdir, game->directory) ||
			       (game->prefix && path_is_below(workdir, game->prefix))))
		game->workdir = workdir;
	return game_add_mount(l->place, game, game->directory, false, "the game", err);
}

/* Of 'game.args' words between blanks; with quotes in it the text is the user's to say. */
static int add_arguments(struct lutris *l, struct json_object *section,
	const struct string_list *arguments, struct nvb_error **err)
{
	const char *args = text_of(section, "args");
	struct arena *a = l->place->arena;

	if (arguments->n)
		args = NULL;
	if (args && (strpbrk(args, "'\"\\$`") || strlen(args) > WORDS_BYTES))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"read '%s': 'game.args' holds quotes", l->path),
			"give the arguments behind the name: nvbind game lutris NAME -- ARG...");
	while (args && *(args += strspn(args, " \t"))) {
		size_t length = strcspn(args, " \t");
		const char *word = arena_strndup(a, args, length);

		if (!word || string_list_add(a, &l->game->command, word) < 0)
			return NVB_OOM(err);
		args += length;
	}
	for (size_t i = 0; i < arguments->n; i++)
		if (string_list_add(a, &l->game->command, arguments->items[i]) < 0)
			return NVB_OOM(err);
	return 0;
}

static int read_game(struct lutris *l, const struct string_list *arguments, struct nvb_error **err)
{
	struct json_object *section = member(l->root, "game");
	struct game *game = l->game;
	const char *title = text_of(l->root, "name");
	int r;

	game->title = title ? arena_strdup(l->place->arena, title) : NULL;
	if (title && !game->title)
		return NVB_OOM(err);
	r = game_note(l->place, game, err, "the game is described by '%s'", l->path);
	/* A game of the runner 'linux' has neither. */
	if (r >= 0 && (member(l->root, "wine") || text_of(section, "prefix")))
		r = add_wine(l, section, err);
	if (r >= 0)
		r = add_program(l, section, err);
	if (r >= 0)
		r = add_arguments(l, section, arguments, err);
	if (r >= 0)
		r = game_add_env(l->place, game, err, "HOME", l->place->home);
	return r < 0 ? r : add_own_variables(l, err);
}

int lutris_find_game(const struct game_place *place, const char *name,
	const struct string_list *arguments, struct game *ret, struct nvb_error **err)
{
	struct game game = { .kind = "lutris", .id = name };
	struct lutris l = { .place = place, .wanted = name, .game = &game };
	int r = find_file(&l, err);

	if (r >= 0)
		r = read_game(&l, arguments, err);
	if (l.root)
		(void)json_object_put(l.root);
	if (r >= 0)
		*ret = game;
	return r < 0 ? r : 0;
}
