/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The n-th system call fails, or the process is killed at it, for every n: what was changed is as
 * it was before, at the latest after the next one has looked. The calls are replaced by their names
 * in the C library.
 */
#include <sys/syscall.h>

#include "change-case.h"

static unsigned calls_left; /* until it happens; 0: it does not */
static int fault;	    /* 0: killed */

static bool fails(void)
{
	if (!calls_left || --calls_left)
		return false;
	if (!fault)
		(void)kill(getpid(), SIGKILL);
	errno = fault;
	return true;
}

int faulty_open(const char *path, int flags, mode_t mode) __asm__("open64");
int faulty_openat(int fd, const char *path, int flags, mode_t mode) __asm__("openat64");
ssize_t faulty_read(int fd, void *data, size_t n) __asm__("read");
ssize_t faulty_write(int fd, const void *data, size_t n) __asm__("write");
int faulty_renameat(int from, const char *old, int to, const char *new) __asm__("renameat");
int faulty_unlinkat(int fd, const char *path, int flags) __asm__("unlinkat");
int faulty_flock(int fd, int operation) __asm__("flock");
int faulty_ftruncate(int fd, off_t length) __asm__("ftruncate64");

int faulty_open(const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int faulty_openat(int fd, const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_openat, fd, path, flags, mode);
}

ssize_t faulty_read(int fd, void *data, size_t n)
{
	return fails() ? -1 : syscall(SYS_read, fd, data, n);
}

ssize_t faulty_write(int fd, const void *data, size_t n)
{
	return fails() ? -1 : syscall(SYS_write, fd, data, n);
}

int faulty_renameat(int from, const char *old, int to, const char *new)
{
	return fails() ? -1 : (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

int faulty_unlinkat(int fd, const char *path, int flags)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, fd, path, flags);
}

int faulty_flock(int fd, int operation)
{
	return fails() ? -1 : (int)syscall(SYS_flock, fd, operation);
}

int faulty_ftruncate(int fd, off_t length)
{
	return fails() ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

static size_t count_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void wish_two(struct change_case *c)
{
	write_value(c, "level", "auto");
	write_value(c, "cap", "300");
	wish(c, "level", "high");
	wish(c, "cap", "350");
}

static void assert_as_before(struct change_case *c)
{
	assert_value(c, "level", "auto");
	assert_value(c, "cap", "300");
	assert_int_equal(count_files(c), 0);
}

typedef void (*life)(struct change_case *c);

/* All that one container does. */
static void live(struct change_case *c)
{
	struct host_changes *changes = NULL;

	(void)host_changes_make(&c->wishes, "a", NULL, c->a, &changes, &c->warnings, NULL);
	host_changes_undo(changes, c->a, &c->warnings);
}

static void look(struct change_case *c)
{
	(void)host_changes_recover(NULL, true, c->a, &c->warnings, NULL);
}

/* In a process of its own. True if it was killed at its n-th call. */
static bool is_killed(struct change_case *c, life what, unsigned n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fault = 0;
		calls_left = n;
		what(c);
		_exit(calls_left ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void test_killed_at_every_call(void **state)
{
	struct change_case *c = *state;
	unsigned n = 1;

	wish_two(c);
	for (; is_killed(c, live, n); n++) {
		(void)recover(c);
		assert_as_before(c);
		assert_true(n < 1000);
	}
	assert_true(n > 40);
	assert_as_before(c);
}

/* Who recovers may be killed, too. */
static void test_killed_while_recovering(void **state)
{
	struct change_case *c = *state;

	wish_two(c);
	for (unsigned life_n = 20; is_killed(c, live, life_n); life_n += 3) {
		for (unsigned n = 1; is_killed(c, look, n); n++)
			assert_true(n < 1000);
		(void)recover(c);
		assert_as_before(c);
	}
}

/* Returns after how many calls nothing fails any more. */
static unsigned fail_each(struct change_case *c, int errnum)
{
	const size_t descriptors = count_descriptors();
	bool has_failed = true;
	unsigned n;

	for (n = 1; has_failed; n++) {
		fault = errnum;
		calls_left = n;
		live(c);
		has_failed = !calls_left;
		calls_left = 0;
		(void)recover(c);
		assert_as_before(c);
		assert_int_equal(count_descriptors(), descriptors);
		assert_true(n < 1000);
	}
	return n;
}

static void test_every_call_fails(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EROFS, EMFILE, ENOLCK, EACCES, EBUSY, EINVAL };
	struct change_case *c = *state;

	wish_two(c);
	for (size_t i = 0; i < ELEMENTS(errors); i++)
		assert_true(fail_each(c, errors[i]) > 40);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, change_case_setup, change_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_killed_at_every_call),
		CASE(test_killed_while_recovering),
		CASE(test_every_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
