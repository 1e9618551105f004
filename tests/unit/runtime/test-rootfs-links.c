/* SPDX-License-Identifier: Apache-2.0 */
/* Links in a container's root: what is made, what stays, and what a hostile root does not reach. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/path.h"
#include "runtime/rootfs_links.h"

#define LIB_DIR "/usr/lib/x86_64-linux-gnu"
#define REAL	"libcuda.so.550.163.01"
#define OLD	"libcuda.so.535.54.03"
#define OTHERS	"libmesa.so.1"
/* Of tests in a process of their own. */
#define EXIT_SKIP 77

struct root {
	char path[32];
	int fd, lib_fd;
};

static int set_up(void **state)
{
	struct root *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	(void)snprintf(r->path, sizeof(r->path), "/tmp/nvbind-links.XXXXXX");
	assert_non_null(mkdtemp(r->path));
	r->fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r->lib_fd = path_mkdir_all_in(r->fd, LIB_DIR, 0755);
	assert_true(r->fd >= 0 && r->lib_fd >= 0);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct root *r = *state;

	assert_int_equal(path_remove_tree(AT_FDCWD, r->path), 0);
	(void)close(r->lib_fd);
	(void)close(r->fd);
	free(r);
	return 0;
}

static bool try_text(const struct root *r, const char *path, const char *text)
{
	const struct plan_link link = {
		.path = path, .text = text, .source = "/host/" REAL, .destination = path
	};
	_cleanup_(rootfs_links_done) struct rootfs_links links;

	rootfs_links_open(r->fd, &links);
	return rootfs_links_make(&links, &link);
}

static bool try_link(const struct root *r, const char *path)
{
	return try_text(r, path, REAL);
}

static void write_at(int dir_fd, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_text(int dir_fd, const char *name, const char *expected)
{
	char text[256] = "";

	if (readlinkat(dir_fd, name, text, sizeof(text) - 1) < 0)
		fail_msg("'%s' is no link", name);
	assert_string_equal(text, expected);
}

static bool exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Nothing but these names, which end with NULL: no file of ours is left in between. */
static void assert_names(const struct root *r, const char *const *names)
{
	_cleanup_close_ int fd = openat(r->fd, &LIB_DIR[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fdopendir(fd);
	size_t n = 0, left = 0;

	assert_non_null(stream);
	(void)TAKE_FD(fd);
	for (; names[n]; n++)
		assert_true(exists(r->lib_fd, names[n]));
	for (const struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
		left += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(stream);
	assert_int_equal(left, n);
}

static void test_made(void **state)
{
	static const char *const names[] = { "libcuda.so.1", "libcuda.so", NULL };
	const struct root *r = *state;

	assert_true(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_true(try_link(r, LIB_DIR "/libcuda.so"));
	assert_text(r->lib_fd, "libcuda.so.1", REAL);
	assert_text(r->lib_fd, "libcuda.so", REAL);
	/* The next start, with the place that a runtime made for the mount. */
	write_at(r->lib_fd, REAL, "");
	assert_true(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_int_equal(unlinkat(r->lib_fd, REAL, 0), 0);
	assert_names(r, names);
}

static void test_left_by_an_older_driver(void **state)
{
	static const char *const names[] = { "libcuda.so.1", "libcuda.so", OLD, NULL };
	const struct root *r = *state;

	/* Of the file there is nothing, or an empty place. */
	assert_int_equal(symlinkat(OLD, r->lib_fd, "libcuda.so.1"), 0);
	assert_true(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_text(r->lib_fd, "libcuda.so.1", REAL);
	write_at(r->lib_fd, OLD, "");
	assert_int_equal(symlinkat(OLD, r->lib_fd, "libcuda.so"), 0);
	assert_true(try_link(r, LIB_DIR "/libcuda.so"));
	assert_text(r->lib_fd, "libcuda.so", REAL);
	assert_names(r, names);
}

/* All of them are the image's, or its user's: they become mounts. */
static void test_what_is_there_stays(void **state)
{
	static const char *const texts[] = { OTHERS, "sub/" OLD, "/etc/" OLD, "../" OLD, ".", "..",
		"libcuda", "libnvidia-ml.so.1", ".so.1" };
	const struct root *r = *state;
	struct stat st;

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		assert_int_equal(symlinkat(texts[i], r->lib_fd, "libcuda.so.1"), 0);
		assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
		assert_text(r->lib_fd, "libcuda.so.1", texts[i]);
		assert_int_equal(unlinkat(r->lib_fd, "libcuda.so.1", 0), 0);
	}
	/* An old driver that is whole. */
	write_at(r->lib_fd, OLD, "code");
	assert_int_equal(symlinkat(OLD, r->lib_fd, "libcuda.so.1"), 0);
	assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_text(r->lib_fd, "libcuda.so.1", OLD);
	/* What only looks like an empty file. */
	assert_int_equal(unlinkat(r->lib_fd, OLD, 0), 0);
	assert_int_equal(symlinkat("/dev/null", r->lib_fd, OLD), 0);
	assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_int_equal(unlinkat(r->lib_fd, OLD, 0), 0);
	assert_int_equal(mkfifoat(r->lib_fd, OLD, 0644), 0);
	assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_int_equal(unlinkat(r->lib_fd, "libcuda.so.1", 0), 0);
	/* A file, a place that was made for a mount, a directory. */
	write_at(r->lib_fd, "libcuda.so.1", "code");
	assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
	write_at(r->lib_fd, "libcuda.so.2", "");
	assert_false(try_link(r, LIB_DIR "/libcuda.so.2"));
	assert_int_equal(mkdirat(r->lib_fd, "libcuda.so.3", 0755), 0);
	assert_false(try_link(r, LIB_DIR "/libcuda.so.3"));
	assert_int_equal(fstatat(r->lib_fd, "libcuda.so.1", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_size == 4);
	assert_int_equal(fstatat(r->lib_fd, "libcuda.so.2", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(r->lib_fd, "libcuda.so.3", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
}

/* A text too long to be of a library of ours. */
static void test_long_text(void **state)
{
	const struct root *r = *state;
	char text[2048];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(symlinkat(text, r->lib_fd, "libcuda.so.1"), 0);
	assert_false(try_link(r, LIB_DIR "/libcuda.so.1"));
}

/* A link in the place of a directory leads nowhere: not in the root, not out of it. */
static void test_directory_is_a_link(void **state)
{
	const struct root *r = *state;
	char outside[] = "/tmp/nvbind-outside.XXXXXX";
	_cleanup_close_ int outside_fd = -1;

	assert_non_null(mkdtemp(outside));
	outside_fd = open(outside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat(outside, r->fd, "lib"), 0);
	assert_int_equal(symlinkat("usr/lib", r->fd, "lib64"), 0);
	assert_int_equal(symlinkat("/proc/self/cwd", r->fd, "magic"), 0);
	assert_false(try_link(r, "/lib/libcuda.so.1"));
	assert_false(try_link(r, "/lib64/libcuda.so.1"));
	assert_false(try_link(r, "/lib64/x86_64-linux-gnu/libcuda.so.1"));
	assert_false(try_link(r, "/magic/libcuda.so.1"));
	assert_false(try_link(r, "/usr/lib/../../../libcuda.so.1"));
	assert_false(try_link(r, "/missing/libcuda.so.1"));
	assert_false(exists(outside_fd, "libcuda.so.1"));
	assert_false(exists(r->lib_fd, "libcuda.so.1"));
	assert_int_equal(rmdir(outside), 0);
}

static void test_odd_links(void **state)
{
	const struct root *r = *state;

	assert_false(try_link(r, LIB_DIR "/"));
	assert_false(try_link(r, "libcuda.so.1"));
	assert_false(try_text(r, LIB_DIR "/libcuda.so.1", ""));
	assert_false(try_text(r, LIB_DIR "/libcuda.so.1", "/etc/passwd"));
	assert_false(try_text(r, LIB_DIR "/libcuda.so.1", "../" REAL));
	assert_false(exists(r->lib_fd, "libcuda.so.1"));
	/* The root itself is a directory too. */
	assert_true(try_link(r, "/libcuda.so.1"));
	assert_text(r->fd, "libcuda.so.1", REAL);
}

/* Several directories, one after the other, and one that is not there in between. */
static void test_directories_in_turn(void **state)
{
	static const char *const paths[] = { LIB_DIR "/a.so", LIB_DIR "/b.so", "/none/c.so",
		"/none/d.so", LIB_DIR "/vdpau/e.so", LIB_DIR "/f.so" };
	const struct root *r = *state;
	_cleanup_(rootfs_links_done) struct rootfs_links links;

	assert_int_equal(mkdirat(r->lib_fd, "vdpau", 0755), 0);
	rootfs_links_open(r->fd, &links);
	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		const struct plan_link link = { .path = paths[i], .text = REAL };

		assert_int_equal(
			rootfs_links_make(&links, &link), strncmp(paths[i], "/none", 5) != 0);
	}
	assert_text(r->lib_fd, "a.so", REAL);
	assert_text(r->lib_fd, "b.so", REAL);
	assert_text(r->lib_fd, "vdpau/e.so", REAL);
	assert_text(r->lib_fd, "f.so", REAL);
}

/* The machine's own root, by whatever path. */
static void test_own_root(void **state)
{
	const struct root *r = *state;
	_cleanup_close_ int fd = open("/proc/self/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct root own = { .fd = fd };
	_cleanup_free_ char *path = NULL;

	assert_true(fd >= 0);
	assert_true(asprintf(&path, "%s" LIB_DIR "/libcuda.so.1", r->path) > 0);
	assert_false(try_link(&own, path));
	assert_false(exists(r->lib_fd, "libcuda.so.1"));
}

static void test_owner(void **state)
{
	const struct root *r = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(fchownat(r->lib_fd, "", 61234, 61235, AT_EMPTY_PATH), 0);
	assert_true(try_link(r, LIB_DIR "/libcuda.so.1"));
	assert_int_equal(fstatat(r->lib_fd, "libcuda.so.1", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 61234);
	assert_int_equal(st.st_gid, 61235);
	/* Afterwards the process is what it was. */
	write_at(r->fd, "ours", "");
	assert_int_equal(fstatat(r->fd, "ours", &st, 0), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_gid, getegid());
}

/* In a mount namespace of its own; the child's word is its exit status. */
static void in_mount_namespace(const struct root *r, void (*body)(const struct root *r))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0 ||
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(EXIT_SKIP);
		body(r);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == EXIT_SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Directories of the machine that are mounted in a root stay as they are. */
static void make_below_a_mount(const struct root *r)
{
	struct root again = *r;
	char place[64];

	(void)snprintf(place, sizeof(place), "%s/usr", r->path);
	if (mount(place, place, NULL, MS_BIND, NULL) < 0)
		_exit(EXIT_SKIP);
	again.fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_exit(try_link(&again, LIB_DIR "/libcuda.so.1"));
}

static void test_mount_in_the_root(void **state)
{
	const struct root *r = *state;

	in_mount_namespace(r, make_below_a_mount);
	assert_false(exists(r->lib_fd, "libcuda.so.1"));
}

static void make_in_read_only(const struct root *r)
{
	struct root again = *r;

	if (mount(r->path, r->path, NULL, MS_BIND, NULL) < 0 ||
		mount(NULL, r->path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		_exit(EXIT_SKIP);
	again.fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (try_link(&again, LIB_DIR "/libcuda.so.1") || try_link(&again, LIB_DIR "/" OLD))
		_exit(2);
	/* One that is there already needs no writing. */
	_exit(!try_link(&again, LIB_DIR "/libcuda.so"));
}

static void test_read_only_root(void **state)
{
	const struct root *r = *state;

	assert_int_equal(symlinkat(REAL, r->lib_fd, "libcuda.so"), 0);
	assert_int_equal(symlinkat("libcuda.so.1", r->lib_fd, OLD), 0);
	in_mount_namespace(r, make_in_read_only);
	assert_false(exists(r->lib_fd, "libcuda.so.1"));
	assert_text(r->lib_fd, OLD, "libcuda.so.1");
}

/* Somebody exchanges the directory for a link out of the root, again and again. */
static void test_race(void **state)
{
	const struct root *r = *state;
	char outside[] = "/tmp/nvbind-outside.XXXXXX";
	_cleanup_close_ int outside_fd = -1;
	unsigned n_made = 0, n_tried = 0;
	pid_t pid;

	assert_non_null(mkdtemp(outside));
	outside_fd = open(outside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(outside_fd, "x86_64-linux-gnu", 0755), 0);
	assert_int_equal(symlinkat(outside, r->fd, "trap"), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			(void)syscall(SYS_renameat2, r->fd, "trap", r->fd, "usr/lib", 1 << 1);
	}
	/* On a busy machine the other one may be late. */
	for (; n_tried < 20000 || ((!n_made || n_made == n_tried) && n_tried < 1000000);
		n_tried++) {
		char path[64];

		(void)snprintf(path, sizeof(path), LIB_DIR "/lib%u.so", n_tried);
		n_made += try_link(r, path);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The directory was there at times, and then it was the root's. */
	assert_true(n_made > 0 && n_made < n_tried);
	assert_int_equal(unlinkat(outside_fd, "x86_64-linux-gnu", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(outside), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_made),
		TEST(test_left_by_an_older_driver),
		TEST(test_what_is_there_stays),
		TEST(test_long_text),
		TEST(test_directory_is_a_link),
		TEST(test_odd_links),
		TEST(test_directories_in_turn),
		TEST(test_own_root),
		TEST(test_owner),
		TEST(test_mount_in_the_root),
		TEST(test_read_only_root),
		TEST(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
