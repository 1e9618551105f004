/* SPDX-License-Identifier: Apache-2.0 */
/* USER[:GROUP] by the container's own files, whatever those hold. */
#include "root.h"

#include "engine/bolt/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "me:x:1000:1001:Me:/home/me:/bin/sh\n"
			     "odd:x:7:8::relative:/bin/sh\n"
			     "\n"
			     "short:x:1\n"
			     "letters:x:one:1:::\n"
			     "negative:x:-1:1::/:\n"
			     "big:x:4294967295:1::/:\n"
			     "huge:x:18446744073709551616:1::/:\n"
			     "me:x:2000:2000:second:/second:\n"
			     "last:x:4294967294:5::/last:";
static const char group[] = "root:x:0:\n"
			    "video:x:44:me,other\n"
			    "render:x:105:other,me\n"
			    "own:x:1001:me\n"
			    "almost:x:50:mee,m,xme\n"
			    "bad:x:y:me\n"
			    "huge:x:99999999999:me\n"
			    "end:x:60:me";

static int set_up(void **state)
{
	if (root_set_up(state) < 0)
		return -1;
	root_file(*state, "etc/passwd", passwd, 0644);
	root_file(*state, "etc/group", group, 0644);
	return 0;
}

static struct container_user find(struct root *r, const char *text)
{
	struct container_user user = { 0 };

	assert_success(r, container_user_find(r->fd, text, r->a, &user, &r->err));
	return user;
}

static void assert_ids(const struct container_user *user, uint32_t uid, uint32_t gid)
{
	assert_int_equal(user->uid, uid);
	assert_int_equal(user->gid, gid);
}

static void test_root_is_the_default(void **state)
{
	static const char *const texts[] = { NULL, "", "0", "root", ":0" };

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct container_user user = find(*state, texts[i]);

		assert_ids(&user, 0, 0);
		assert_string_equal(user.home, "/root");
		assert_int_equal(user.gids.n, 0);
	}
}

/* As Docker: the groups come with the user, by name or number, unless a group is given. */
static void test_groups(void **state)
{
	static const char *const texts[] = { "me", "1000" };

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct container_user user = find(*state, texts[i]);

		assert_ids(&user, 1000, 1001);
		assert_string_equal(user.home, "/home/me");
		assert_int_equal(user.gids.n, 3);
		assert_int_equal(user.gids.items[0], 44);
		assert_int_equal(user.gids.items[1], 105);
		assert_int_equal(user.gids.items[2], 60);
	}
}

static void test_given_group(void **state)
{
	struct container_user user = find(*state, "me:video");

	assert_ids(&user, 1000, 44);
	assert_int_equal(user.gids.n, 0);
	user = find(*state, "me:77");
	assert_ids(&user, 1000, 77);
	user = find(*state, "123:video");
	assert_ids(&user, 123, 44);
	user = find(*state, "me:");
	assert_ids(&user, 1000, 1001);
}

static void test_numbers_need_no_file(void **state)
{
	struct root *r = *state;
	struct container_user user = find(r, "12345");

	assert_ids(&user, 12345, 0);
	assert_null(user.home);
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	assert_int_equal(unlinkat(r->fd, "etc/group", 0), 0);
	user = find(r, "12345:54321");
	assert_ids(&user, 12345, 54321);
	user = find(r, NULL);
	assert_ids(&user, 0, 0);
	user = find(r, "4294967294");
	assert_ids(&user, 4294967294u, 0);
}

static void test_lines_that_lie(void **state)
{
	static const char *const unknown[] = { "short", "letters", "negative", "big", "huge", "",
		"4294967295", "-1", "18446744073709551616", "x", "me ", "root:x", "/" };
	struct root *r = *state;
	struct container_user user = find(r, "odd");

	assert_ids(&user, 7, 8);
	assert_null(user.home);
	user = find(r, "last");
	assert_ids(&user, 4294967294u, 5);
	assert_string_equal(user.home, "/last");
	for (size_t i = 0; i < ELEMENTS(unknown); i++)
		if (*unknown[i])
			assert_raised(r, container_user_find(r->fd, unknown[i], r->a, &user, &r->err),
				NVB_ERR_ENGINE, "in the container");
	assert_raised(r, container_user_find(r->fd, "me:bad", r->a, &user, &r->err),
		NVB_ERR_ENGINE, "'bad'");
	assert_raised(r, container_user_find(r->fd, "me:huge", r->a, &user, &r->err),
		NVB_ERR_ENGINE, "'huge'");
	assert_raised(r, container_user_find(r->fd, "me:99999999999", r->a, &user, &r->err),
		NVB_ERR_ENGINE, "'99999999999'");
}

static void test_hostile_files(void **state)
{
	struct root *r = *state;
	struct container_user user;
	int fd;

	/* Only the container's files count, wherever a link points. */
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	root_link(r, "../../../../../../../../etc/passwd", "etc/passwd");
	assert_raised(r, container_user_find(r->fd, "daemon", r->a, &user, &r->err),
		NVB_ERR_ENGINE, "/etc/passwd");
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(r->fd, "etc/passwd", 0644), 0);
	assert_raised(r, container_user_find(r->fd, "me", r->a, &user, &r->err), NVB_ERR_ENGINE,
		"'me'");
	assert_int_equal(unlinkat(r->fd, "etc/passwd", 0), 0);
	root_dir(r, "etc/passwd", 0755);
	assert_raised(r, container_user_find(r->fd, "me", r->a, &user, &r->err), NVB_ERR_ENGINE,
		"/etc/passwd");
	assert_int_equal(unlinkat(r->fd, "etc/passwd", AT_REMOVEDIR), 0);
	root_file(r, "etc/passwd", "", 0644);
	fd = openat(r->fd, "etc/passwd", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	closep(&fd);
	assert_raised(r, container_user_find(r->fd, "me", r->a, &user, &r->err), NVB_ERR_ENGINE,
		"File too large");
}

static void test_zero_bytes_end_the_file(void **state)
{
	struct root *r = *state;
	struct container_user user;
	int fd = openat(r->fd, "etc/passwd", O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_int_equal(file_write_fd(fd, "a\0:x:1:1::/:\nme:x:5:5::/:\n", 26), 0);
	closep(&fd);
	assert_raised(r, container_user_find(r->fd, "me", r->a, &user, &r->err), NVB_ERR_ENGINE,
		"'me'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_root_is_the_default, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_groups, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_given_group, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_numbers_need_no_file, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_lines_that_lie, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_files, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_zero_bytes_end_the_file, set_up, root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
