/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/file.h"
#include "config/config.h"
#include "config/config_write.h"

static struct arena *arena;
static char top[] = "/tmp/nvbind-config-XXXXXX";

/* A machine and a user below one directory, which is the working directory. */
static int group_setup(void **state)
{
	char xdg[64];

	(void)state;
	if (!mkdtemp(top) || chdir(top) < 0)
		return -1;
	setenv("HOME", top, 1);
	(void)snprintf(xdg, sizeof(xdg), "%s/xdg", top);
	setenv("XDG_CONFIG_HOME", xdg, 1);
	return 0;
}

static int group_teardown(void **state)
{
	_cleanup_close_ int tmp = open("/tmp", O_PATH | O_DIRECTORY);

	(void)state;
	return chdir("/") < 0 || path_remove_tree(tmp, top + strlen("/tmp/")) < 0 ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	unsetenv("NVBIND_CONFIG");
	arena = arena_new();
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(config_write_text(path, text, true, NULL), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static struct config_candidate_list search(const char *given)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct config_candidate_list list = { 0 };
	struct string_list files = { 0 };

	if (given)
		assert_int_equal(string_list_add(arena, &files, given), 0);
	if (config_search(arena, top, &files, &list, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return list;
}

/* The first that exists counts; each in its turn, from the last place to the first. */
static void test_order(void **state)
{
	static const char *const paths[] = { "etc/nvbind/config.toml", ".config/nvbind/config.toml",
		"xdg/nvbind/config.toml", ".nvbind.toml", "nvbind.toml" };
	struct config_candidate_list list = search(NULL);

	(void)state;
	assert_int_equal(list.n, ELEMENTS(paths));
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(list.items[i].state, CONFIG_ABSENT);
	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		const struct config_candidate *c;

		put(paths[i], paths[i]);
		list = search(NULL);
		c = &list.items[list.n - 1 - i];
		assert_int_equal(c->state, CONFIG_COUNTS);
		assert_string_equal(c->text, paths[i]);
		assert_int_equal(c->length, strlen(paths[i]));
		for (size_t j = list.n - i; j < list.n; j++)
			assert_int_equal(list.items[j].state, CONFIG_SHADOWED);
	}
	put("named.toml", "named");
	setenv("NVBIND_CONFIG", "named.toml", 1);
	list = search(NULL);
	assert_string_equal(list.items[0].text, "named");
	assert_int_equal(list.items[0].place, CONFIG_BY_VARIABLE);
	list = search("etc/nvbind/config.toml");
	assert_string_equal(list.items[0].text, "etc/nvbind/config.toml");
	/* What is not read need not exist. */
	setenv("NVBIND_CONFIG", "absent.toml", 1);
	list = search("named.toml");
	assert_int_equal(list.items[0].state, CONFIG_COUNTS);
	setenv("NVBIND_CONFIG", "/dev/null", 1);
	list = search(NULL);
	assert_int_equal(list.items[0].state, CONFIG_COUNTS);
	assert_int_equal(list.items[0].length, 0);
	for (size_t i = 0; i < ELEMENTS(paths); i++)
		assert_int_equal(unlink(paths[i]), 0);
}

static void refuse(const char *given, int status, const char *message)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct config_candidate_list list;
	struct string_list files = { 0 };

	assert_int_equal(string_list_add(arena, &files, given), 0);
	assert_int_equal(config_search(arena, top, &files, &list, &err), status);
	if (!strstr(nvb_error_message(err), message))
		fail_msg("%s", nvb_error_message(err));
}

/* From the working directory, and everywhere for root. */
static void test_trust(void **state)
{
	struct config_candidate_list list;
	struct config config;
	struct string_list none = { 0 };

	(void)state;
	put(".nvbind.toml", "[bolt.capsule]\nisolation = \"exclusive\"\n");
	put("nvbind.toml", "[bolt.capsule]\nisolation = \"shared\"\n");
	assert_int_equal(chmod("nvbind.toml", 0666), 0);
	list = search(NULL);
	assert_int_equal(list.items[0].state, CONFIG_REFUSED);
	assert_non_null(strstr(list.items[0].why, "other users may write"));
	assert_int_equal(list.items[1].state, CONFIG_COUNTS);
	assert_int_equal(config_load(arena, top, &none, &config, NULL), 0);
	assert_int_equal(config.warnings.n, 1);
	assert_non_null(strstr(config.warnings.items[0], "'nvbind.toml' is not read"));
	assert_int_equal(unlink("nvbind.toml"), 0);
	if (geteuid() == 0) {
		refuse("nvbind.toml", NVB_ERR_NOT_FOUND, "No such file");
		assert_int_equal(chmod(".nvbind.toml", 0664), 0);
		refuse(".nvbind.toml", NVB_ERR_PERMISSION, "other users may write");
		assert_int_equal(chmod(".nvbind.toml", 0644), 0);
		assert_int_equal(chown(".nvbind.toml", 12345, 0), 0);
		refuse(".nvbind.toml", NVB_ERR_PERMISSION, "belongs to another user");
		assert_int_equal(search(NULL).items[1].state, CONFIG_REFUSED);
	}
	assert_int_equal(unlink(".nvbind.toml"), 0);
}

static void test_no_file(void **state)
{
	(void)state;
	refuse("absent.toml", NVB_ERR_NOT_FOUND, "'absent.toml' (--config)");
	refuse("xdg", NVB_ERR_PERMISSION, "it is no regular file");
	assert_int_equal(mkfifo("nvbind.toml", 0600), 0);
	/* It is not opened, which would wait for a writer. */
	assert_int_equal(search(NULL).items[0].state, CONFIG_REFUSED);
	assert_int_equal(unlink("nvbind.toml"), 0);
	/* Nor is what a link of somebody else leads to. */
	assert_int_equal(symlink("/dev/tty", "nvbind.toml"), 0);
	assert_string_equal(search(NULL).items[0].why, "it is no regular file");
	assert_int_equal(unlink("nvbind.toml"), 0);
	assert_int_equal(symlink("nvbind.toml", "nvbind.toml"), 0);
	assert_int_equal(search(NULL).items[0].state, CONFIG_REFUSED);
	assert_int_equal(unlink("nvbind.toml"), 0);
}

static void test_load_errors(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct string_list none = { 0 };
	struct config config;

	(void)state;
	put("nvbind.toml", "[bolt.capsule]\ncompute_limit = \"0%\"\n");
	assert_int_equal(config_load(arena, top, &none, &config, &err), NVB_ERR_FORMAT);
	assert_non_null(strstr(nvb_error_message(err), "nvbind.toml:2:1: "));
	put("nvbind.toml", "[bolt.gamin]\nx = 1\n");
	assert_int_equal(config_load(arena, top, &none, &config, NULL), 0);
	assert_int_equal(config.warnings.n, 1);
	assert_string_equal(config.warnings.items[0],
		"nvbind.toml:1:7: unknown key 'bolt.gamin', ignored: did you mean 'gaming'?");
	assert_int_equal(unlink("nvbind.toml"), 0);
}

static void test_write(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t length;

	(void)state;
	put("real.toml", "old");
	assert_int_equal(chmod("real.toml", 0600), 0);
	assert_int_equal(symlink("real.toml", "link.toml"), 0);
	assert_int_equal(config_write_text("link.toml", "new", false, NULL), NVB_ERR_FAILED);
	assert_int_equal(config_write_text("link.toml", "new", true, NULL), 0);
	assert_int_equal(lstat("link.toml", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat("real.toml", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(config_read_text("real.toml", false, &text, &length, NULL), 0);
	assert_string_equal(text, "new");
	assert_int_equal(config_write_text("xdg", "new", true, NULL), NVB_ERR_FAILED);
	assert_int_equal(config_write_text("real.toml/x", "new", true, NULL), NVB_ERR_IO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_trust),
		TEST(test_no_file),
		TEST(test_load_errors),
		TEST(test_write),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
