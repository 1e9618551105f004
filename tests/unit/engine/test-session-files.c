/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that keep things between runs, and files with one cookie. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/state_dir.h"
#include "engine/bolt/session_files.h"

#define OTHER 12345 /* a user and a group */

struct place {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->path, sizeof(p->path), "/tmp/nvbind-test-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	(void)close(p->fd);
	assert_int_equal(path_remove_tree(AT_FDCWD, p->path), 0);
	free(p);
	return 0;
}

static int make_for(const struct place *p, const char *name, uint32_t id)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", p->path, name);
	return session_files_make_directory(path, id, id);
}

static int make(const struct place *p, const char *name)
{
	return make_for(p, name, getuid());
}

static mode_t mode_of(const struct place *p, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void test_directory(void **state)
{
	struct place *p = *state;

	(void)umask(022);
	assert_int_equal(make(p, "a/b/c"), 0);
	assert_int_equal(mode_of(p, "a/b"), 0755);
	assert_int_equal(mode_of(p, "a/b/c"), 0700);
	/* What is there is left as it is. */
	assert_int_equal(fchmodat(p->fd, "a/b/c", 0750, 0), 0);
	assert_int_equal(make(p, "a/b/c"), 0);
	assert_int_equal(mode_of(p, "a/b/c"), 0750);
}

/* A parent may be a link to a larger disk. */
static void test_link(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->fd, "disk", 0755), 0);
	assert_int_equal(symlinkat("disk", p->fd, "cache"), 0);
	assert_int_equal(make(p, "cache/x"), 0);
	assert_int_equal(mode_of(p, "disk/x"), 0700);
}

/* A link with no end is a disk that is not there: nothing is made in its place. */
static void test_missing_disk(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(symlinkat("disk", p->fd, "cache"), 0);
	assert_int_equal(make(p, "cache/x"), -ENOENT);
	assert_int_equal(fstatat(p->fd, "disk", &st, 0), -1);
	assert_int_equal(mkdirat(p->fd, "disk", 0755), 0);
	assert_int_equal(symlinkat("cache/../cache/x", p->fd, "more"), 0);
	assert_int_equal(make(p, "more/y"), -ENOENT);
	assert_int_equal(make(p, "cache/x"), 0);
	assert_int_equal(make(p, "more/y"), 0);
	assert_int_equal(mode_of(p, "disk/x/y"), 0700);
	assert_int_equal(symlinkat("loop", p->fd, "loop"), 0);
	assert_int_equal(make(p, "loop/x"), -ELOOP);
}

/* Who may change the way decides where a directory of root's is made, and whose it becomes. */
static void test_way_of_others(void **state)
{
	struct place *p = *state;
	struct stat st;

	(void)umask(022);
	assert_int_equal(mkdirat(p->fd, "open", 0777), 0);
	assert_int_equal(fchmodat(p->fd, "open", 0777, 0), 0);
	assert_int_equal(make(p, "open/x"), -EPERM);
	assert_int_equal(fstatat(p->fd, "open/x", &st, 0), -1);
	if (!state_dir_is_root())
		skip();
	assert_int_equal(mkdirat(p->fd, "own", 0755), 0);
	assert_int_equal(symlinkat("own", p->fd, "link"), 0);
	assert_int_equal(fchownat(p->fd, "link", OTHER, OTHER, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(make(p, "link/x"), -EPERM);
	assert_int_equal(fstatat(p->fd, "own/x", &st, 0), -1);
	assert_int_equal(mkdirat(p->fd, "other", 0755), 0);
	assert_int_equal(fchownat(p->fd, "other", OTHER, OTHER, 0), 0);
	assert_int_equal(make(p, "other/x"), -EPERM);
	assert_int_equal(fstatat(p->fd, "other/x", &st, 0), -1);
}

/* What a user of one container wrote is not for the next one's. */
static void test_owner(void **state)
{
	struct place *p = *state;
	struct stat st;

	if (!state_dir_is_root())
		skip();
	assert_int_equal(make_for(p, "a/x", OTHER), 0);
	assert_int_equal(fstatat(p->fd, "a/x", &st, 0), 0);
	assert_int_equal(st.st_uid, OTHER);
	assert_int_equal(fstatat(p->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(make_for(p, "a/x", OTHER), 0);
	assert_int_equal(make_for(p, "a/x", 0), -EPERM);
	assert_int_equal(make_for(p, "a/y", 0), 0);
	assert_int_equal(make_for(p, "a/y", OTHER), -EPERM);
}

static void test_something_in_the_way(void **state)
{
	struct place *p = *state;

	assert_int_equal(file_replace_at(p->fd, "file", "x", 1, 0644), 0);
	assert_int_equal(make(p, "file"), -ENOTDIR);
	assert_int_equal(make(p, "file/x"), -ENOTDIR);
	assert_int_equal(symlinkat("nowhere/at/all", p->fd, "dangling"), 0);
	assert_true(make(p, "dangling") < 0);
}

static int write_cookie(const struct place *p, const char *authority)
{
	char path[128];
	const struct plan_x11 x11 = { .display = ":0", .authority = path };

	(void)snprintf(path, sizeof(path), "%s/%s", p->path, authority);
	return session_files_write_cookie(&x11, p->fd, "own", getuid(), getgid());
}

static void test_cookie(void **state)
{
	static const char all[] = "\xff\xff\x00\x00\x00\x01"
				  "1\x00\x12MIT-MAGIC-COOKIE-1\x00\x02no"
				  "\xff\xff\x00\x00\x00\x01"
				  "0\x00\x12MIT-MAGIC-COOKIE-1\x00\x03yes";
	struct place *p = *state;
	_cleanup_free_ char *own = NULL;
	size_t length = 0;

	assert_int_equal(file_replace_at(p->fd, "all", all, sizeof(all) - 1, 0600), 0);
	assert_int_equal(write_cookie(p, "all"), 1);
	assert_int_equal(file_read_in(p->fd, "own", 1024, &own, &length), 0);
	assert_non_null(memmem(own, length, "yes", 3));
	assert_null(memmem(own, length, "\x02no", 3));
	assert_int_equal(mode_of(p, "own"), 0600);
}

/* Whatever XAUTHORITY names: nothing waits, and nothing of it gets into the container. */
static void test_no_cookie(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(write_cookie(p, "missing"), -ENOENT);
	assert_int_equal(mkfifoat(p->fd, "fifo", 0600), 0);
	assert_int_equal(write_cookie(p, "fifo"), -ENODEV);
	assert_int_equal(mkdirat(p->fd, "directory", 0700), 0);
	assert_int_equal(write_cookie(p, "directory"), -ENODEV);
	assert_int_equal(file_replace_at(p->fd, "secret", "root:x:0:0", 10, 0600), 0);
	assert_int_equal(write_cookie(p, "secret"), 0);
	assert_int_equal(fstatat(p->fd, "own", &st, 0), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_directory),
		TEST(test_link),
		TEST(test_missing_disk),
		TEST(test_way_of_others),
		TEST(test_owner),
		TEST(test_something_in_the_way),
		TEST(test_cookie),
		TEST(test_no_cookie),
	};

	return cmocka_run_group_tests_name("engine/session-files", tests, NULL, NULL);
}
