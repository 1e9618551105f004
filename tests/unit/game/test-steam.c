/* SPDX-License-Identifier: Apache-2.0 */
/* Steam's files: libraries, manifests, Protons; and files that say what they must not. */
#include "game-case.h"

#define GAMES "/mnt/games"

static void write_library(struct scratch *s)
{
	scratch_write(s, STEAM "/steamapps/libraryfolders.vdf",
		"\"libraryfolders\" { \"0\" { \"path\" \"" STEAM "\" }"
		" \"1\" { \"path\" \"" GAMES "/steam\" } \"2\" { \"path\" \"relative\" } }");
}

static void write_game(
	struct scratch *s, const char *library, const char *id, const char *directory)
{
	scratch_write(s, arena_printf(s->arena, "%s/steamapps/appmanifest_%s.acf", library, id),
		arena_printf(s->arena,
			"\"AppState\" { \"appid\" \"%s\" \"name\" \"The Game\" "
			"\"installdir\" \"%s\" }",
			id, directory));
	scratch_write(s,
		arena_printf(s->arena, "%s/steamapps/common/%s/game.exe", library, directory), "");
}

static void write_choice(struct scratch *s, const char *id, const char *tool)
{
	scratch_write(s, STEAM "/config/config.vdf",
		arena_printf(s->arena,
			"\"InstallConfigStore\" { \"Software\" { \"valve\" { \"Steam\" { "
			"\"CompatToolMapping\" { \"%s\" { \"name\" \"%s\" } } } } } }",
			id, tool));
}

static struct game find(struct scratch *s, const char *id, const char *word)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	const struct game_place place = place_of(s);
	struct string_list command = { 0 };
	struct game game = { 0 };

	if (word)
		assert_int_equal(string_list_add(s->arena, &command, word), 0);
	if (steam_find_game(&place, id, &command, &game, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return game;
}

static void refuse(
	struct scratch *s, const char *id, const char *word, int status, const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	const struct game_place place = place_of(s);
	struct string_list command = { 0 };
	struct game game = { 0 };

	if (word)
		assert_int_equal(string_list_add(s->arena, &command, word), 0);
	assert_int_equal(steam_find_game(&place, id, &command, &game, &err), status);
	if (!strstr(nvb_error_message(err), text))
		fail_msg("%s", nvb_error_message(err));
}

static void test_native(void **state)
{
	struct scratch *s = *state;
	struct game game;

	write_library(s);
	write_game(s, STEAM, "570", "dota 2 beta");
	game = find(s, "570", NULL);
	assert_string_equal(game.title, "The Game");
	assert_string_equal(game.directory, STEAM "/steamapps/common/dota 2 beta");
	assert_null(game.prefix);
	assert_null(game.runner);
	expect_command(&game, "steam|-applaunch|570");
	assert_int_equal(mount_of(&game, STEAM), 'w');
	assert_int_equal(game.mounts.n, 1);
	assert_string_equal(env_of(&game, "STEAM_COMPAT_CLIENT_INSTALL_PATH"), STEAM);
	assert_string_equal(env_of(&game, "SteamAppId"), "570");
	assert_null(env_of(&game, "STEAM_COMPAT_DATA_PATH"));
	game = find(s, "570", "./game");
	expect_command(&game, "./game");
	assert_string_equal(game.workdir, game.directory);
	assert_int_equal(mount_of(&game, game.directory), 'w');
	assert_int_equal(game.mounts.n, 1);
}

static void test_proton(void **state)
{
	static const struct {
		const char *tool, *directory;
	} cases[] = {
		{ "proton_experimental", "Proton - Experimental" },
		{ "proton_hotfix", "Proton Hotfix" },
		{ "proton_9", "Proton 9.0 (Beta)" },
		{ "proton_10", "Proton 10.0" },
		{ "proton_63", "Proton 6.3" },
		{ "proton_411", "Proton 4.11" },
	};
	struct scratch *s = *state;

	write_library(s);
	write_game(s, GAMES "/steam", "1091500", "Game");
	scratch_write(s, GAMES "/steam/steamapps/compatdata/1091500/pfx/system.reg", "");
	for (size_t i = 0; i < ELEMENTS(cases); i++)
		scratch_write(s,
			arena_printf(
				s->arena, STEAM "/steamapps/common/%s/proton", cases[i].directory),
			"");
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct game game;

		write_choice(s, "1091500", cases[i].tool);
		game = find(s, "1091500", "game.exe");
		assert_string_equal(game.runner_name, cases[i].directory);
		expect_command(&game,
			arena_printf(s->arena,
				STEAM "/steamapps/common/%s/proton|waitforexitandrun|game.exe",
				cases[i].directory));
		assert_string_equal(env_of(&game, "STEAM_COMPAT_DATA_PATH"),
			GAMES "/steam/steamapps/compatdata/1091500");
		assert_string_equal(env_of(&game, "WINEPREFIX"),
			GAMES "/steam/steamapps/compatdata/1091500/pfx");
		assert_int_equal(mount_of(&game, GAMES "/steam/steamapps/common/Game"), 'w');
		assert_int_equal(mount_of(&game, GAMES "/steam/steamapps/compatdata/1091500"), 'w');
		assert_int_equal(mount_of(&game, STEAM), 'r');
		/* The client has the whole library. */
		game = find(s, "1091500", NULL);
		assert_int_equal(mount_of(&game, GAMES "/steam/steamapps"), 'w');
		assert_int_equal(mount_of(&game, STEAM), 'w');
		assert_int_equal(game.mounts.n, 2);
	}
	write_choice(s, "1091500", "proton_6");
	refuse(s, "1091500", "game.exe", NVB_ERR_NOT_FOUND, "find 'proton_6' in Steam's libraries");
}

static void test_custom_proton(void **state)
{
	struct scratch *s = *state;
	struct game game;

	write_library(s);
	write_game(s, STEAM, "7", "Game");
	write_choice(s, "7", "GE-Proton10-1");
	scratch_write(s, STEAM "/compatibilitytools.d/broken/compatibilitytool.vdf", "{");
	scratch_write(s, STEAM "/compatibilitytools.d/unpacked/compatibilitytool.vdf",
		"\"compatibilitytools\" { \"compat_tools\" { \"GE-Proton10-1\" { "
		"\"install_path\" \".\" } } }");
	game = find(s, "7", NULL);
	assert_string_equal(game.runner, STEAM "/compatibilitytools.d/unpacked");
	/* There is no prefix yet: the client makes it. */
	assert_null(game.prefix);
	refuse(s, "7", "game.exe", NVB_ERR_NOT_FOUND, "find the prefix of application 7");
}

/* No choice is on record, but the prefix tells who made it. */
static void test_last_used(void **state)
{
	struct scratch *s = *state;
	struct game game;

	write_library(s);
	write_game(s, STEAM, "7", "Game");
	scratch_write(s, STEAM "/steamapps/common/Proton 8.0/proton", "");
	scratch_write(s, STEAM "/steamapps/compatdata/7/config_info",
		"8.0-5\n" STEAM "/steamapps/common/Proton 8.0/dist/share/fonts/\nmore\n");
	game = find(s, "7", "game.exe");
	assert_string_equal(game.runner, STEAM "/steamapps/common/Proton 8.0");
	scratch_write(s, STEAM "/steamapps/compatdata/7/config_info", "8.0-5\n../../etc/files/x\n");
	assert_null(find(s, "7", NULL).runner);
	scratch_write(s, STEAM "/steamapps/compatdata/7/config_info", "8.0-5\n/etc/files/x\n");
	refuse(s, "7", "game.exe", NVB_ERR_UNSUPPORTED, "mount '/etc' for a game");
}

static void test_missing(void **state)
{
	struct scratch *s = *state;

	refuse(s, "570", NULL, NVB_ERR_NOT_FOUND, "find Steam below '" HOME "'");
	write_library(s);
	refuse(s, "570", NULL, NVB_ERR_NOT_FOUND,
		"find application 570 in the libraries '" STEAM "', '" GAMES "/steam'");
	refuse(s, "../570", NULL, NVB_ERR_USAGE, "is no number");
	refuse(s, "0", NULL, NVB_ERR_USAGE, "is no number");
	refuse(s, "99999999999", NULL, NVB_ERR_USAGE, "is no number");
}

static void test_hostile(void **state)
{
	static const char *const directories[] = { "..", ".", "", "../../..", "a/b" };
	struct scratch *s = *state;

	write_library(s);
	for (size_t i = 0; i < ELEMENTS(directories); i++) {
		scratch_write(s, STEAM "/steamapps/appmanifest_7.acf",
			arena_printf(s->arena, "\"AppState\" { \"installdir\" \"%s\" }",
				directories[i]));
		refuse(s, "7", NULL, NVB_ERR_FORMAT, "'AppState.installdir' is no name");
	}
	scratch_write(s, STEAM "/steamapps/appmanifest_7.acf", "\"AppState\" {");
	refuse(s, "7", NULL, NVB_ERR_FORMAT, "appmanifest_7.acf:1: a table has no end");
	scratch_write(s, STEAM "/steamapps/appmanifest_7.acf", "");
	refuse(s, "7", NULL, NVB_ERR_FORMAT, "'AppState.installdir'");
	/* A game whose directory is a link to what is not a game's. */
	write_game(s, STEAM, "8", "Game");
	scratch_link(s, STEAM "/steamapps/common/Evil", "/etc");
	scratch_write(s, "/etc/passwd", "");
	scratch_write(s, STEAM "/steamapps/appmanifest_9.acf",
		"\"AppState\" { \"installdir\" \"Evil\" }");
	refuse(s, "9", "x", NVB_ERR_UNSUPPORTED, "/common/Evil' for a game");
	/* A library that is the whole home, or the machine. */
	scratch_write(
		s, STEAM "/steamapps/libraryfolders.vdf", "libraryfolders { 1 { path \"/usr\" } }");
	write_game(s, "/usr", "10", "Game");
	refuse(s, "10", NULL, NVB_ERR_UNSUPPORTED, "mount '/usr/steamapps' for a game");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_native),
		TEST(test_proton),
		TEST(test_custom_proton),
		TEST(test_last_used),
		TEST(test_missing),
		TEST(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
