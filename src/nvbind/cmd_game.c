/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvbind game: `nvbind run --profile gaming` with what a launcher's files say of a game. What it
 * comes to is a command line of `nvbind run`, and that is what is done.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "format/json.h"
#include "game/game.h"
#include "nvbind/run.h"

#define OUTPUT_LIMIT_BYTES ((size_t)1 << 20)
#define SHOWN_BYTES	   4096
#define DRY_RUN		   "--dry-run"

struct game_command {
	struct command_context context;
	struct arena *arena;
	struct string_list passed; /* options that `nvbind run` has too */
	struct string_list words;  /* behind the game's name */
	const char *name;
	const char *image, *home, *prefix, *wine; /* NULL: not given */
	bool profile, user;			  /* given, and in `passed` */
	bool other_engine;			  /* than bolt */
	bool dry_run, json;
};

static int pass(struct game_command *c, const char *name, const char *value, struct nvb_error **err)
{
	if (string_list_printf(c->arena, &c->passed, "--%s", name) < 0 ||
		string_list_add(c->arena, &c->passed, value) < 0)
		return NVB_OOM(err);
	c->profile |= strcmp(name, "profile") == 0;
	c->user |= strcmp(name, "user") == 0;
	if (strcmp(name, "runtime") == 0)
		c->other_engine = strcmp(value, "bolt") != 0;
	return 0;
}

/* The three commands have the same options, under ids of their own. */
static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct game_command *c = target;
	const char *name = option_rows[id].name;
	const struct {
		const char *name;
		const char **text;
	} own[] = {
		{ "image", &c->image },
		{ "home", &c->home },
		{ "prefix", &c->prefix },
		{ "wine", &c->wine },
	};

	if (!value) {
		c->json |= strcmp(name, "json") == 0;
		c->dry_run |= strcmp(name, "dry-run") == 0;
		return 0;
	}
	for (size_t i = 0; i < ELEMENTS(own); i++) {
		if (strcmp(own[i].name, name) != 0)
			continue;
		if (!*value || *value == '-')
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--%s': '%.64s' is none",
				name, value);
		*own[i].text = value;
		return 0;
	}
	return pass(c, name, value, err);
}

/* NAME [--] [WORD...], with options on both sides of NAME. 0: --help was answered. */
static int parse(enum command_id id, const struct command_context *context, int argc, char **argv,
	struct game_command *c, struct nvb_error **err)
{
	int next, first;

	c->context = *context;
	first = command_parse(id, &c->context, argc, argv, set_option, c, NULL, err);
	if (first <= 0)
		return first;
	if (first == argc || !*argv[first])
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'nvbind %s' needs a game", command_get(id)->name);
	c->name = argv[first];
	next = command_parse(id, &c->context, argc - first, argv + first, set_option, c, NULL, err);
	if (next <= 0)
		return next;
	for (int i = first + next; i < argc; i++)
		if (string_list_add(c->arena, &c->words, argv[i]) < 0)
			return NVB_OOM(err);
	return 1;
}

static int set_place(const struct game_command *c, struct host_tree *tree, struct game_place *ret,
	struct nvb_error **err)
{
	const char *home = c->home ? c->home : secure_getenv("HOME");

	if (!home || !path_is_normal(home))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "find the home: HOME is no absolute path"),
			"name it by --home DIR");
	*ret = (struct game_place){ .arena = c->arena, .tree = tree, .home = home };
	return host_tree_open(c->context.host_root, tree, err);
}

static int add(const struct game_command *c, struct string_list *list, const char *word,
	struct nvb_error **err)
{
	return string_list_add(c->arena, list, word) < 0 ? NVB_OOM(err) : 0;
}

static int add_mounts(const struct game_command *c, const struct game *game,
	struct string_list *list, struct nvb_error **err)
{
	vec_foreach (struct game_mount, mount, &game->mounts) {
		if (string_list_add(c->arena, list, "--volume") < 0 ||
			string_list_printf(c->arena, list, "%s:%s:%s", mount->source, mount->path,
				mount->read_only ? "ro" : "rw") < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* The command line of `nvbind run`. The caller's own --env comes behind the game's, and wins. */
static int make_words(const struct game_command *c, const struct game *game,
	struct string_list *list, struct nvb_error **err)
{
	int r = add(c, list, "run", err);

	if (r >= 0 && (c->dry_run || c->json))
		r = add(c, list, DRY_RUN, err);
	if (r >= 0 && !c->profile)
		r = add(c, list, "--gaming", err);
	for (size_t i = 0; i < game->env.n && r >= 0; i++) {
		r = add(c, list, "--env", err);
		if (r >= 0)
			r = add(c, list, game->env.items[i], err);
	}
	if (r >= 0)
		r = add_mounts(c, game, list, err);
	if (r >= 0 && game->workdir) {
		r = add(c, list, "--workdir", err);
		if (r >= 0)
			r = add(c, list, game->workdir, err);
	}
	for (size_t i = 0; i < c->passed.n && r >= 0; i++)
		r = add(c, list, c->passed.items[i], err);
	if (r >= 0)
		r = add(c, list, c->image ? c->image : "host", err);
	if (r >= 0)
		r = add(c, list, "--", err);
	for (size_t i = 0; i < game->command.n && r >= 0; i++)
		r = add(c, list, game->command.items[i], err);
	return r;
}

/* Steam's start script looks for uid 0, which the first user of a container often is. */
static void warn_of_root(const struct game_command *c, const struct game *game)
{
	if (strcmp(game->kind, "steam") == 0 && !c->words.n && !c->user && !c->other_engine)
		log_warning("Steam's client does not start as root, and in this container it would "
			    "be: as root use '--user UID:GID --home DIR', else '--runtime podman "
			    "--image IMAGE --engine-opt --userns=keep-id', or name the game's "
			    "program behind its number");
}

static void add_fact(struct strbuf *out, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_printf(out, "%-12s", name);
	strbuf_escaped_add(out, value, SHOWN_BYTES);
	strbuf_char_add(out, '\n');
}

static void describe(const struct game *game, struct strbuf *out)
{
	const char *label = "found";

	add_fact(out, "game", game->title ? game->title : game->id);
	add_fact(out, "directory", game->directory);
	add_fact(out, "prefix", game->prefix);
	add_fact(out, "runs by", game->runner_name);
	vec_foreach (const char *, note, &game->notes) {
		add_fact(out, label, *note);
		label = "";
	}
	strbuf_char_add(out, '\n');
}

static void strings_json(struct json_builder *b, struct json_object *o, const char *key,
	const struct string_list *list)
{
	struct json_object *array = json_add_array(b, o, key);

	vec_foreach (const char *, text, list)
		json_append_string(b, array, *text);
}

static void game_json(struct json_builder *b, struct json_object *o, const struct game *game)
{
	struct json_object *mounts;

	json_add_string(b, o, "kind", game->kind);
	json_add_string(b, o, "id", game->id);
	json_add_string(b, o, "title", game->title);
	json_add_string(b, o, "directory", game->directory);
	json_add_string(b, o, "prefix", game->prefix);
	json_add_string(b, o, "runner", game->runner);
	json_add_string(b, o, "runner_name", game->runner_name);
	mounts = json_add_array(b, o, "mounts");
	vec_foreach (struct game_mount, mount, &game->mounts) {
		struct json_object *item = json_append_object(b, mounts);

		json_add_string(b, item, "path", mount->path);
		json_add_bool(b, item, "read_only", mount->read_only);
		json_add_string(b, item, "why", mount->why);
	}
	strings_json(b, o, "env", &game->env);
	strings_json(b, o, "command", &game->command);
	strings_json(b, o, "notes", &game->notes);
}

/* The command line that would start it: without the word by which we did not. */
static void run_json(
	struct json_builder *b, struct json_object *root, const struct string_list *words)
{
	struct json_object *array = json_add_array(b, root, "run");

	for (size_t i = 0; i < words->n; i++)
		if (i != 1 || strcmp(words->items[i], DRY_RUN) != 0)
			json_append_string(b, array, words->items[i]);
}

/* {"game", "run", "plan"} */
static int print_json(const struct game *game, const struct string_list *words,
	const struct run *run, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	_cleanup_free_ char *plan_text = NULL, *text = NULL;
	struct json_object *plan = NULL;
	int r = plan_format_json(run->plan, &plan_text, err);

	if (r >= 0)
		r = json_parse(plan_text, strlen(plan_text), &plan, err);
	if (r < 0)
		return r;
	game_json(&b, json_add_object(&b, root, "game"), game);
	run_json(&b, root, words);
	json_add(&b, root, "plan", plan);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		(void)fputs(text, stdout);
	return r < 0 ? r : 0;
}

static int print_text(const struct game *game, const struct run *run, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf facts = STRBUF_INIT(OUTPUT_LIMIT_BYTES);
	_cleanup_free_ char *plan = NULL;
	int r = plan_format_text(run->plan, &plan, err);

	if (r < 0)
		return r;
	describe(game, &facts);
	if (strbuf_failed(&facts))
		return NVB_OOM(err);
	(void)fputs(strbuf_str(&facts), stdout);
	(void)fputs(plan, stdout);
	return 0;
}

static int start(const struct game_command *c, const struct game *game, struct nvb_error **err)
{
	_cleanup_(run_done) struct run run = RUN_INIT;
	_cleanup_free_ char **argv = NULL;
	struct string_list words = { 0 };
	int r = make_words(c, game, &words, err);

	if (r < 0)
		return r;
	argv = calloc(words.n + 1, sizeof(*argv));
	if (!argv)
		return NVB_OOM(err);
	for (size_t i = 0; i < words.n; i++)
		argv[i] = (char *)words.items[i];
	warn_of_root(c, game);
	vec_foreach (const char *, note, &game->notes)
		log_notice("%s", *note);
	r = run_prepare(&run, &c->context, (int)words.n, argv, err);
	if (r <= 0)
		return r;
	if (c->json)
		return print_json(game, &words, &run, err);
	return c->dry_run ? print_text(game, &run, err) : run_execute(&run, err);
}

typedef int (*game_finder)(const struct game_command *c, const struct game_place *place,
	struct game *ret, struct nvb_error **err);

static int run_game(enum command_id id, const struct command_context *context, int argc,
	char **argv, game_finder find, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct game_command c = { .arena = a };
	struct game_place place;
	struct game game;
	int r = a ? parse(id, context, argc, argv, &c, err) : NVB_OOM(err);

	if (r <= 0)
		return r;
	r = set_place(&c, &tree, &place, err);
	if (r >= 0)
		r = find(&c, &place, &game, err);
	return r < 0 ? r : start(&c, &game, err);
}

static int find_steam(const struct game_command *c, const struct game_place *place,
	struct game *ret, struct nvb_error **err)
{
	return steam_find_game(place, c->name, &c->words, ret, err);
}

static int find_lutris(const struct game_command *c, const struct game_place *place,
	struct game *ret, struct nvb_error **err)
{
	return lutris_find_game(place, c->name, &c->words, ret, err);
}

/* A path as the caller's shell has it. */
static int find_wine(const struct game_command *c, const struct game_place *place, struct game *ret,
	struct nvb_error **err)
{
	const char *prefix = c->prefix ? c->prefix : secure_getenv("WINEPREFIX");
	_cleanup_free_ char *here = NULL;
	const char *program = c->name;

	if (prefix && !*prefix)
		prefix = NULL;
	if (program[0] != '/') {
		here = getcwd(NULL, 0);
		program += strncmp(program, "./", 2) == 0 ? 2 : 0;
		program = here ? arena_printf(c->arena, "%s/%s", here, program) : NULL;
	}
	if (!program)
		return NVB_OOM(err);
	return wine_find_game(place, program, prefix, c->wine, &c->words, ret, err);
}

int cmd_game_steam(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	return run_game(COMMAND_GAME_STEAM, context, argc, argv, find_steam, err);
}

int cmd_game_lutris(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	return run_game(COMMAND_GAME_LUTRIS, context, argc, argv, find_lutris, err);
}

int cmd_game_wine(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	return run_game(COMMAND_GAME_WINE, context, argc, argv, find_wine, err);
}
