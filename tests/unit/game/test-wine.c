/* SPDX-License-Identifier: Apache-2.0 */
/* A program in a prefix. */
#include "game-case.h"

#define PROGRAM HOME "/Games/tool/tool.exe"

static int find(struct scratch *s, const char *program, const char *prefix, const char *wine,
	struct game *game, struct nvb_error **err)
{
	const struct game_place place = place_of(s);
	struct string_list arguments = { 0 };

	assert_int_equal(string_list_add(s->arena, &arguments, "/x"), 0);
	return wine_find_game(&place, program, prefix, wine, &arguments, game, err);
}

static void refuse(
	struct scratch *s, const char *program, const char *prefix, int status, const char *text)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct game game = { 0 };

	assert_int_equal(find(s, program, prefix, NULL, &game, &err), status);
	if (!strstr(nvb_error_message(err), text))
		fail_msg("%s", nvb_error_message(err));
}

static void test_program(void **state)
{
	struct scratch *s = *state;
	struct game game = { 0 };

	scratch_write(s, PROGRAM, "");
	refuse(s, PROGRAM, NULL, NVB_ERR_NOT_FOUND, "find the prefix '" HOME "/.wine'");
	scratch_write(s, HOME "/.wine/system.reg", "");
	scratch_write(s, HOME "/other/system.reg", "");
	assert_int_equal(find(s, PROGRAM, NULL, NULL, &game, NULL), 0);
	expect_command(&game, "wine|" PROGRAM "|/x");
	assert_string_equal(env_of(&game, "WINEPREFIX"), HOME "/.wine");
	assert_int_equal(mount_of(&game, HOME "/.wine"), 'w');
	assert_int_equal(mount_of(&game, HOME "/Games/tool"), 'w');
	assert_int_equal(find(s, PROGRAM, HOME "/other", "wine64", &game, NULL), 0);
	expect_command(&game, "wine64|" PROGRAM "|/x");
	assert_string_equal(env_of(&game, "WINEPREFIX"), HOME "/other");
}

static void test_refused(void **state)
{
	struct scratch *s = *state;

	scratch_write(s, PROGRAM, "");
	scratch_write(s, HOME "/tool.exe", "");
	scratch_write(s, "/tool.exe", "");
	scratch_write(s, HOME "/.wine/system.reg", "");
	refuse(s, "tool.exe", NULL, NVB_ERR_USAGE, "'tool.exe' is no absolute path");
	refuse(s, PROGRAM, "prefix", NVB_ERR_USAGE, "'prefix' is no absolute path");
	refuse(s, HOME "/absent.exe", NULL, NVB_ERR_NOT_FOUND, "find the program");
	/* Its directory would be all that the user has. */
	refuse(s, HOME "/tool.exe", NULL, NVB_ERR_UNSUPPORTED, "holds the whole home");
	refuse(s, "/tool.exe", NULL, NVB_ERR_UNSUPPORTED, "mount '/' for a game");
	refuse(s, PROGRAM, HOME, NVB_ERR_UNSUPPORTED, "holds the whole home");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_program),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
