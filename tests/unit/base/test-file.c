/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"

static char top[] = "/tmp/nvbind-file-XXXXXX";
static int top_fd = -1;

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	closep(&top_fd);
	return path_remove_tree(AT_FDCWD, top);
}

static void test_read_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 8193, 100000 };
	_cleanup_free_ char *pattern = malloc(100000);

	(void)state;
	for (size_t i = 0; i < 100000; i++)
		pattern[i] = (char)(i * 7);
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		_cleanup_free_ char *data = NULL;
		size_t length = 42;

		assert_int_equal(file_replace_at(top_fd, "f", pattern, sizes[i], 0600), 0);
		assert_int_equal(file_read_in(top_fd, "f", sizes[i], &data, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_memory_equal(data, pattern, sizes[i]);
		assert_int_equal(data[length], 0);
		if (!sizes[i])
			continue;
		free(TAKE_PTR(data));
		assert_int_equal(file_read_in(top_fd, "f", sizes[i] - 1, &data, NULL), -EFBIG);
		assert_null(data);
	}
}

/* The size that procfs tells is 0. */
static void test_read_procfs(void **state)
{
	_cleanup_close_ int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t length = 0;

	(void)state;
	assert_int_equal(file_read_fd(fd, 1 << 20, &data, &length), 0);
	assert_true(length > 4096);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	free(TAKE_PTR(data));
	assert_int_equal(file_read_fd(fd, 4096, &data, NULL), -EFBIG);
	assert_null(data);
}

static void test_read_odd_things(void **state)
{
	_cleanup_free_ char *data = NULL;

	(void)state;
	assert_int_equal(mkdirat(top_fd, "dir", 0700), 0);
	assert_int_equal(mkfifoat(top_fd, "fifo", 0600), 0);
	assert_int_equal(file_read_in(top_fd, "dir", 100, &data, NULL), -EISDIR);
	assert_int_equal(file_read_in(top_fd, "no", 100, &data, NULL), -ENOENT);
	assert_null(data);
	/* Nobody writes to it: this must come back. */
	assert_int_equal(file_read_in(top_fd, "fifo", 100, &data, NULL), 0);
	assert_string_equal(data, "");
}

static void test_replace(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(file_replace_at(top_fd, "r", "old", 3, 0640), 0);
	assert_int_equal(file_replace_at(top_fd, "r", "new!", 4, 0600), 0);
	assert_int_equal(file_read_in(top_fd, "r", 100, &data, NULL), 0);
	assert_string_equal(data, "new!");
	assert_int_equal(fstatat(top_fd, "r", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A link is replaced itself. */
	assert_int_equal(symlinkat("r", top_fd, "link"), 0);
	assert_int_equal(file_replace_at(top_fd, "link", "x", 1, 0600), 0);
	assert_int_equal(fstatat(top_fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(top_fd, "r", &st, 0), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(mkdirat(top_fd, "d", 0700), 0);
	assert_int_equal(file_replace_at(top_fd, "d", "x", 1, 0600), -EISDIR);
}

static void test_replace_synced(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct stat like = { 0 }, st;

	(void)state;
	assert_int_equal(file_replace_synced_at(top_fd, "s", "old", 3, 0640, NULL), 0);
	assert_int_equal(fstatat(top_fd, "s", &like, 0), 0);
	assert_int_equal(like.st_mode & 07777, 0640);
	assert_int_equal(file_replace_synced_at(top_fd, "s", "new!", 4, 0, &like), 0);
	assert_int_equal(fstatat(top_fd, "s", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_read_in(top_fd, "s", 100, &data, NULL), 0);
	assert_string_equal(data, "new!");
}

static int entries_in(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	_cleanup_closedir_ DIR *dir = fdopendir(fd);

	while (readdir(dir))
		n++;
	return n - 2;
}

#define CANNOT_TRY 77

/* In a child with mounts of its own: a tmpfs of 64 KiB, filled by what is to be replaced. */
static int replace_on_full_disk(void)
{
	_cleanup_free_ char *large = calloc(1, 1 << 20);
	_cleanup_free_ char *data = NULL;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", top, "tmpfs", 0, "size=64k") < 0)
		return CANNOT_TRY;
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file_replace_at(fd, "f", "old", 3, 0600) < 0)
		return 1;
	if (file_replace_at(fd, "f", large, 1 << 20, 0600) != -ENOSPC)
		return 2;
	if (file_read_in(fd, "f", 100, &data, NULL) < 0 || strcmp(data, "old") != 0)
		return 3;
	return entries_in(fd) == 1 ? 0 : 4;
}

static void test_replace_on_full_disk(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(replace_on_full_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_TRY)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_sizes),
		cmocka_unit_test(test_read_procfs),
		cmocka_unit_test(test_read_odd_things),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_synced),
		cmocka_unit_test(test_replace_on_full_disk),
	};

	return cmocka_run_group_tests_name("base/file", tests, set_up, tear_down);
}
