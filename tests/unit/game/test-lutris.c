/* SPDX-License-Identifier: Apache-2.0 */
/* Lutris's files. */
#include "game-case.h"

#define GAMES HOME "/.local/share/lutris/games"
#define WINES HOME "/.local/share/lutris/runners/wine"

static const char good[] = "game:\n"
			   "  arch: win64\n"
			   "  args: -windowed -x 1\n"
			   "  exe: drive_c/Game/game.exe\n"
			   "  prefix: " HOME "/Games/over\n"
			   "name: Over the Game\n"
			   "slug: over-battlenet\n"
			   "system:\n"
			   "  env:\n"
			   "    DXVK_HUD: fps\n"
			   "    NUMBER: 3\n"
			   "    'BAD NAME': x\n"
			   "wine:\n"
			   "  version: wine-ge-8\n";

static void write_good(struct scratch *s)
{
	scratch_write(s, GAMES "/over-1693499999.yml", good);
	scratch_write(s, GAMES "/other-1.yml", "game: {exe: " HOME "/Games/other/run}\n");
	scratch_write(s, GAMES "/notes.txt", "x");
	scratch_write(s, HOME "/Games/over/drive_c/Game/game.exe", "");
	scratch_write(s, HOME "/Games/other/run", "");
}

static int find(struct scratch *s, const char *name, const char *word, struct game *game,
	struct nvb_error **err)
{
	const struct game_place place = place_of(s);
	struct string_list arguments = { 0 };

	if (word)
		assert_int_equal(string_list_add(s->arena, &arguments, word), 0);
	return lutris_find_game(&place, name, &arguments, game, err);
}

static struct game accept(struct scratch *s, const char *name, const char *word)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct game game = { 0 };

	if (find(s, name, word, &game, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return game;
}

static void refuse(struct scratch *s, const char *name, int status, const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct game game = { 0 };

	assert_int_equal(find(s, name, NULL, &game, &err), status);
	if (!strstr(nvb_error_message(err), text))
		fail_msg("%s", nvb_error_message(err));
}

static void test_wine(void **state)
{
	static const char *const names[] = { "over", "OVER", "over-battlenet", "over the game" };
	struct scratch *s = *state;
	struct game game;

	write_good(s);
	scratch_write(s, WINES "/wine-ge-8/bin/wine", "");
	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_string_equal(accept(s, names[i], NULL).title, "Over the Game");
	game = accept(s, "over", NULL);
	expect_command(&game, WINES "/wine-ge-8/bin/wine|" HOME
				    "/Games/over/drive_c/Game/game.exe|-windowed|-x|1");
	assert_string_equal(env_of(&game, "WINEPREFIX"), HOME "/Games/over");
	assert_string_equal(env_of(&game, "WINEARCH"), "win64");
	assert_string_equal(env_of(&game, "DXVK_HUD"), "fps");
	assert_string_equal(env_of(&game, "NUMBER"), "3");
	assert_null(env_of(&game, "BAD NAME"));
	assert_int_equal(mount_of(&game, HOME "/Games/over"), 'w');
	assert_int_equal(mount_of(&game, WINES "/wine-ge-8"), 'r');
	/* The game lies in the prefix. */
	assert_int_equal(game.mounts.n, 2);
	assert_string_equal(game.workdir, HOME "/Games/over/drive_c/Game");
	game = accept(s, "over", "-other");
	expect_command(&game,
		WINES "/wine-ge-8/bin/wine|" HOME "/Games/over/drive_c/Game/game.exe|-other");
}

static void test_without_runner(void **state)
{
	struct scratch *s = *state;
	struct game game;

	write_good(s);
	game = accept(s, "over", NULL);
	assert_null(game.runner);
	assert_string_equal(game.command.items[0], "wine");
	assert_non_null(strstr(game.notes.items[1], "'wine-ge-8' is not in"));
	game = accept(s, "other", NULL);
	expect_command(&game, HOME "/Games/other/run");
	assert_null(game.prefix);
	assert_int_equal(mount_of(&game, HOME "/Games/other"), 'w');
}

static void test_missing(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct scratch *s = *state;
	struct game game;

	refuse(s, "over", NVB_ERR_NOT_FOUND, "find the game 'over' in '" GAMES "'");
	write_good(s);
	assert_int_equal(find(s, "ovre", NULL, &game, &err), NVB_ERR_NOT_FOUND);
	assert_string_equal(nvb_error_get_hint(err), "there are: other, over");
}

/* An installer wrote the file: it came from the network. */
static void test_hostile(void **state)
{
	static const struct {
		const char *text, *message;
		int status;
	} cases[] = {
		{ "game: {exe: x, prefix: /}", "holds the whole home", NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: " HOME "}", "holds the whole home", NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: /home}", "holds the whole home", NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: /etc/x}", "belongs to the system", NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: " HOME "/../..}", "no absolute path", NVB_ERR_FORMAT },
		{ "game: {exe: x, prefix: " HOME "/link}", "belongs to the system",
			NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: '" HOME "/a:b'}", "cannot have this name",
			NVB_ERR_UNSUPPORTED },
		{ "game: {exe: x, prefix: " HOME "/absent}", "find '" HOME "/absent'",
			NVB_ERR_NOT_FOUND },
		{ "game: {exe: /etc/x/sh}", "belongs to the system", NVB_ERR_UNSUPPORTED },
		{ "game: {exe: 3}", "'game.exe' is no path", NVB_ERR_FORMAT },
		{ "game: []", "'game.exe' is no path", NVB_ERR_FORMAT },
		{ "3", "'game.exe' is no path", NVB_ERR_FORMAT },
		{ "game: {", "read '" GAMES "/evil-1.yml'", NVB_ERR_FORMAT },
		{ "game: {exe: " HOME "/Games/other/run, args: \"'a b'\"}", "holds quotes",
			NVB_ERR_UNSUPPORTED },
	};
	struct scratch *s = *state;

	write_good(s);
	scratch_write(s, "/etc/x/sh", "");
	scratch_write(s, HOME "/a:b/x", "");
	scratch_link(s, HOME "/link", "/etc/x");
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		scratch_write(s, GAMES "/evil-1.yml", cases[i].text);
		refuse(s, "evil", cases[i].status, cases[i].message);
		/* It is no reason to refuse another game. */
		assert_non_null(accept(s, "over", NULL).title);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wine),
		TEST(test_without_runner),
		TEST(test_missing),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
