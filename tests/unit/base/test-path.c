/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile root, looked at twice: through openat2(), and with a seccomp filter that answers
 * ENOSYS to it, so that the walk by hand must give the same results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"

static char top[] = "/tmp/nvbind-path-XXXXXX";
static int top_fd = -1;
static int root_fd = -1; /* top/root: what lies beside it must never be reached */

static void make_file(int dir_fd, const char *path, const char *text)
{
	_cleanup_close_ int fd =
		openat(dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
}

static void make_chain(const char *name, int links)
{
	char from[32], to[32];

	for (int i = 0; i < links; i++) {
		(void)snprintf(from, sizeof(from), "%s%d", name, i);
		(void)snprintf(to, sizeof(to), "%s%d", name, i + 1);
		assert_int_equal(symlinkat(i + 1 == links ? "a" : to, root_fd, from), 0);
	}
}

static int set_up(void **state)
{
	static const struct {
		const char *target, *name;
	} links[] = {
		{ "/a/b", "absolute" },
		{ "../../../../../a", "up" },
		{ "a/b/../../etc/passwd", "deep" },
		{ "loop", "loop" },
		{ "pong", "ping" },
		{ "ping", "pong" },
		{ "/proc/self/root/etc/passwd", "magic" },
		{ "/", "slash" },
		{ "..", "parent" },
		{ "/a/file", "tofile" },
		{ "/nowhere/x", "dangling" },
		{ "/a/new", "tonew" },
		{ "../secret", "escape" },
		{ "//a///b/./", "untidy" },
		{ "../..", "a/b/back" },
		{ "file", "a/beside" },
	};

	(void)state;
	assert_non_null(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(top_fd >= 0);
	make_file(top_fd, "secret", "outside");
	assert_int_equal(mkdirat(top_fd, "root", 0755), 0);
	root_fd = openat(top_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(root_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(root_fd, "a/b/c", 0755), 0);
	assert_int_equal(mkdirat(root_fd, "etc", 0755), 0);
	make_file(root_fd, "a/file", "file");
	make_file(root_fd, "etc/passwd", "inside");
	for (size_t i = 0; i < ELEMENTS(links); i++)
		assert_int_equal(symlinkat(links[i].target, root_fd, links[i].name), 0);
	make_chain("forty", 40);
	make_chain("more", 41);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	closep(&root_fd);
	closep(&top_fd);
	return path_remove_tree(AT_FDCWD, top);
}

static const struct {
	const char *path;
	const char *where; /* NULL: it does not exist, or `error` */
	int error;
} cases[] = {
	{ "", "/", 0 },
	{ "/", "/", 0 },
	{ "..", "/", 0 },
	{ "../../..", "/", 0 },
	{ "a", "/a", 0 },
	{ "/a/b/c", "/a/b/c", 0 },
	{ "a//b/./c/", "/a/b/c", 0 },
	{ "a/b/..", "/a", 0 },
	{ "a/b/../../etc", "/etc", 0 },
	{ "../a", "/a", 0 },
	{ "a/../../../a/file", "/a/file", 0 },
	{ "absolute", "/a/b", 0 },
	{ "absolute/c", "/a/b/c", 0 },
	{ "absolute/..", "/a", 0 },
	{ "up/file", "/a/file", 0 },
	{ "deep", "/etc/passwd", 0 },
	{ "slash/slash/a", "/a", 0 },
	{ "parent/parent/etc/passwd", "/etc/passwd", 0 },
	{ "tofile", "/a/file", 0 },
	{ "untidy/c", "/a/b/c", 0 },
	{ "a/b/back/etc/passwd", "/etc/passwd", 0 },
	{ "a/beside", "/a/file", 0 },
	{ "forty0", "/a", 0 },
	{ "more0", NULL, -ELOOP },
	{ "loop", NULL, -ELOOP },
	{ "loop/x", NULL, -ELOOP },
	{ "ping", NULL, -ELOOP },
	{ "magic", NULL, -ENOENT },
	{ "escape", NULL, -ENOENT },
	{ "../secret", NULL, -ENOENT },
	{ "dangling", NULL, -ENOENT },
	{ "nothing/x", NULL, -ENOENT },
	{ "a/file/x", NULL, -ENOTDIR },
	{ "a/file/..", NULL, -ENOTDIR },
	{ "a/file/", NULL, -ENOTDIR },
	{ "tofile/", NULL, -ENOTDIR },
};

static void assert_place(int fd, const char *where)
{
	char link[32], real[4096], wanted[4096];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, real, sizeof(real) - 1);
	assert_true(length > 0);
	real[length] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "%s/root%s", top, strcmp(where, "/") ? where : "");
	assert_string_equal(real, wanted);
}

static void test_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_close_ int fd = path_open_in(root_fd, cases[i].path, O_PATH, 0);

		if (cases[i].where) {
			if (fd < 0)
				fail_msg("'%s': %s", cases[i].path, strerror(-fd));
			assert_place(fd, cases[i].where);
		} else if (fd != cases[i].error) {
			fail_msg("'%s': %d instead of %d", cases[i].path, fd, cases[i].error);
		}
	}
}

static void test_open_flags(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(file_read_in(root_fd, "deep", 100, &text, NULL), 0);
	assert_string_equal(text, "inside");
	assert_int_equal(path_stat_in(root_fd, "tofile", &st), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 4);

	fd = path_open_in(root_fd, "tofile", O_PATH | O_NOFOLLOW, 0);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	closep(&fd);
	fd = path_open_in(root_fd, "slash/tofile", O_PATH | O_NOFOLLOW, 0);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	closep(&fd);
	assert_int_equal(path_open_in(root_fd, "tofile", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	assert_int_equal(path_open_in(root_fd, "tofile", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	fd = path_open_in(root_fd, "absolute", O_RDONLY | O_DIRECTORY, 0);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	closep(&fd);
}

static void test_create(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	fd = path_open_in(root_fd, "absolute/made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	assert_place(fd, "/a/b/made");
	closep(&fd);
	assert_int_equal(
		path_open_in(root_fd, "a/b/made", O_WRONLY | O_CREAT | O_EXCL, 0640), -EEXIST);
	assert_int_equal(unlinkat(root_fd, "a/b/made", 0), 0);
	/* Through a link to a name that does not exist yet: inside, never beside. */
	fd = path_open_in(root_fd, "tonew", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_place(fd, "/a/new");
	closep(&fd);
	assert_int_equal(unlinkat(root_fd, "a/new", 0), 0);
	assert_int_equal(
		path_open_in(root_fd, "tonew", O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_int_equal(path_open_in(root_fd, "dangling", O_WRONLY | O_CREAT, 0600), -ENOENT);
	fd = path_open_in(root_fd, "escape", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_place(fd, "/secret");
	closep(&fd);
	assert_int_equal(unlinkat(root_fd, "secret", 0), 0);
	assert_int_equal(fstatat(top_fd, "secret", &st, 0), 0);
	assert_int_equal(st.st_size, 7);
}

static void test_too_long(void **state)
{
	char path[5000];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(path_open_in(root_fd, path, O_PATH, 0), -ENAMETOOLONG);
	path[300] = '\0';
	assert_int_equal(path_open_in(root_fd, path, O_PATH, 0), -ENAMETOOLONG);
}

static void test_filter(void **state)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ELEMENTS(code), .filter = code };

	(void)state;
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	assert_int_equal(syscall(SYS_openat2, 0, NULL, NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

static void test_resolve(void **state)
{
	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
		int r = path_resolve_in(root_fd, cases[i].path, &found);

		if (cases[i].where) {
			assert_int_equal(r, 0);
			assert_string_equal(found.path, cases[i].where);
			assert_true(found.exists);
			assert_place(found.fd, cases[i].where);
		} else if (cases[i].error == -ENOENT) {
			assert_int_equal(r, 0);
			assert_false(found.exists);
			assert_int_equal(found.fd, -1);
		} else {
			assert_int_equal(r, cases[i].error);
			assert_null(found.path);
		}
	}
}

static void assert_resolves(const char *path, const char *wanted)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;

	assert_int_equal(path_resolve_in(root_fd, path, &found), 0);
	assert_string_equal(found.path, wanted);
	assert_false(found.exists);
}

static void test_missing_tail(void **state)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;

	(void)state;
	assert_resolves("a/x/./y//z/", "/a/x/y/z");
	assert_resolves("absolute/x", "/a/b/x");
	assert_resolves("dangling/y", "/nowhere/x/y");
	assert_resolves("escape", "/secret");
	assert_resolves("magic", "/proc/self/root/etc/passwd");
	assert_int_equal(path_resolve_in(root_fd, "a/x/../y", &found), -ENOENT);
	assert_null(found.path);
}

static void test_mkdir_all(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	fd = path_mkdir_all_in(root_fd, "/a/m/./n//o", 0700);
	assert_true(fd >= 0);
	assert_place(fd, "/a/m/n/o");
	closep(&fd);
	fd = path_mkdir_all_in(root_fd, "a/m/n/o", 0700);
	assert_true(fd >= 0);
	closep(&fd);
	assert_int_equal(path_mkdir_all_in(root_fd, "absolute/x", 0700), -ENOTDIR);
	assert_int_equal(path_mkdir_all_in(root_fd, "a/file/x", 0700), -ENOTDIR);
	assert_int_equal(path_mkdir_all_in(root_fd, "a/../x", 0700), -EINVAL);
	assert_int_equal(path_mkdir_all_in(root_fd, "dangling", 0700), -ENOTDIR);
	assert_int_equal(fstatat(root_fd, "a/b/x", &st, 0), -1);
	assert_int_equal(path_remove_tree(root_fd, "a/m"), 0);
	assert_int_equal(fstatat(root_fd, "a/m", &st, 0), -1);
}

static void test_remove_follows_nothing(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(root_fd, "r", 0755), 0);
	assert_int_equal(mkdirat(root_fd, "r/d", 0755), 0);
	assert_int_equal(symlinkat("../secret", root_fd, "r/file"), 0);
	assert_int_equal(symlinkat("../../root/a", root_fd, "r/d/dir"), 0);
	make_file(root_fd, "r/d/x", "x");
	assert_int_equal(fchmodat(root_fd, "r/d", 0, 0), 0);
	assert_int_equal(path_remove_tree(root_fd, "r"), 0);
	assert_int_equal(fstatat(root_fd, "r", &st, 0), -1);
	assert_int_equal(fstatat(root_fd, "a/file", &st, 0), 0);
	assert_int_equal(fstatat(top_fd, "secret", &st, 0), 0);
	assert_int_equal(path_remove_tree(root_fd, "r"), 0);
	assert_int_equal(path_remove_tree(root_fd, "no/such"), 0);
	/* A link is removed itself. */
	assert_int_equal(symlinkat("a", root_fd, "toa"), 0);
	assert_int_equal(path_remove_tree(root_fd, "toa"), 0);
	assert_int_equal(fstatat(root_fd, "a/file", &st, 0), 0);
}

/* A container can make a tree deeper than any path is long. */
static void test_remove_deep(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(mkdirat(root_fd, "deeptree", 0755), 0);
	fd = openat(root_fd, "deeptree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A name that the removal itself would use. */
	assert_int_equal(mkdirat(fd, ".nvbind-removed-0", 0755), 0);
	make_file(fd, ".nvbind-removed-0/x", "x");
	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		closep(&fd);
		fd = next;
	}
	make_file(fd, "end", "x");
	closep(&fd);
	assert_int_equal(path_remove_tree(root_fd, "deeptree"), 0);
	assert_int_equal(fstatat(root_fd, "deeptree", &st, 0), -1);
}

#define CANNOT_TRY 77

/* In a child with mounts of its own: 0 if what is mounted into the tree survived. */
static int remove_over_mount(bool at_top)
{
	char root[64], source[64], target[64];
	struct stat st;
	int fd;

	(void)snprintf(root, sizeof(root), "%s/root", top);
	(void)snprintf(source, sizeof(source), "%s/root/a", top);
	(void)snprintf(
		target, sizeof(target), "%s/root/%s", top, at_top ? "mounted" : "mounted/in");
	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return CANNOT_TRY;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(source, target, NULL, MS_BIND, NULL) < 0)
		return CANNOT_TRY;
	/* root_fd still sees the mounts of the parent. */
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (path_remove_tree(fd, "mounted") != -EXDEV)
		return 1;
	if (fstatat(fd, "a/file", &st, 0) < 0 || fstatat(fd, "a/b/c", &st, 0) < 0)
		return 2;
	return umount2(target, MNT_DETACH) < 0 ? 3 : 0;
}

/* A bind mount of the same file system has the same device number: its content must stay. */
static void test_remove_stops_at_mounts(void **state)
{
	(void)state;
	for (int at_top = 0; at_top < 2; at_top++) {
		int status;
		pid_t pid;

		assert_int_equal(mkdirat(root_fd, "mounted", 0755), 0);
		assert_int_equal(mkdirat(root_fd, "mounted/in", 0755), 0);
		pid = fork();
		if (pid == 0)
			_exit(remove_over_mount(at_top));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(path_remove_tree(root_fd, "mounted"), 0);
		if (WEXITSTATUS(status) == CANNOT_TRY)
			skip();
		assert_int_equal(status, 0);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_true(path_is_normal("/"));
	assert_true(path_is_normal("/a/b.c/..d"));
	assert_false(path_is_normal(""));
	assert_false(path_is_normal("a"));
	assert_false(path_is_normal("/a/"));
	assert_false(path_is_normal("//a"));
	assert_false(path_is_normal("/a//b"));
	assert_false(path_is_normal("/a/./b"));
	assert_false(path_is_normal("/a/.."));
	assert_string_equal(path_base_name("/a/b"), "b");
	assert_string_equal(path_base_name("b"), "b");
	assert_string_equal(path_base_name("/"), "");
	assert_true(path_is_below("/a/b", "/a"));
	assert_true(path_is_below("/a", "/a"));
	assert_true(path_is_below("/a", "/"));
	assert_true(path_is_below("/a/b", "/a/"));
	assert_false(path_is_below("/ab", "/a"));
	assert_false(path_is_below("/", "/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_open_flags),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_missing_tail),
		cmocka_unit_test(test_mkdir_all),
		cmocka_unit_test(test_remove_follows_nothing),
		cmocka_unit_test(test_remove_deep),
		cmocka_unit_test(test_remove_stops_at_mounts),
		cmocka_unit_test(test_names),
		/* From here on there is no openat2(). */
		cmocka_unit_test(test_filter),
		{ .name = "test_open_without_openat2", .test_func = test_open },
		{ .name = "test_open_flags_without_openat2", .test_func = test_open_flags },
		{ .name = "test_create_without_openat2", .test_func = test_create },
		{ .name = "test_too_long_without_openat2", .test_func = test_too_long },
	};

	return cmocka_run_group_tests_name("base/path", tests, set_up, tear_down);
}
