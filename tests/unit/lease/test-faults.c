/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The n-th system call fails: an error is told, nothing stays held that was not granted, and
 * nothing is granted twice. The calls are replaced by their names in the C library.
 */
#include <sys/syscall.h>

#include "lease-case.h"

#define GPU   "0000:17:00.0"
#define OTHER "0000:2a:00.0"

static unsigned calls_left; /* until one fails; 0: none does */
static int fault;

static bool fails(void)
{
	if (!calls_left || --calls_left)
		return false;
	errno = fault;
	return true;
}

ssize_t faulty_pwrite(int fd, const void *data, size_t n, off_t at) __asm__("pwrite64");
ssize_t faulty_pread(int fd, void *data, size_t n, off_t at) __asm__("pread64");
ssize_t faulty_pread_chk(int fd, void *data, size_t n, off_t at, size_t size) __asm__(
	"__pread64_chk");
int faulty_openat(int fd, const char *path, int flags, mode_t mode) __asm__("openat64");
int faulty_fcntl(int fd, int command, void *argument) __asm__("fcntl64");
int faulty_open(const char *path, int flags, mode_t mode) __asm__("open64");
ssize_t faulty_read(int fd, void *data, size_t n) __asm__("read");

ssize_t faulty_pwrite(int fd, const void *data, size_t n, off_t at)
{
	return fails() ? -1 : syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t faulty_pread(int fd, void *data, size_t n, off_t at)
{
	return fails() ? -1 : syscall(SYS_pread64, fd, data, n, at);
}

ssize_t faulty_pread_chk(int fd, void *data, size_t n, off_t at, size_t size)
{
	assert_true(n <= size);
	return faulty_pread(fd, data, n, at);
}

int faulty_openat(int fd, const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_openat, fd, path, flags, mode);
}

int faulty_fcntl(int fd, int command, void *argument)
{
	return fails() ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

/* Of witnesses. */
int faulty_open(const char *path, int flags, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t faulty_read(int fd, void *data, size_t n)
{
	return fails() ? -1 : syscall(SYS_read, fd, data, n);
}

/* Who waits for a lock sleeps; here, that is only a step of the clock. */
static uint64_t slept_ns;

int faulty_nanosleep(const struct timespec *time, struct timespec *left) __asm__("nanosleep");
int faulty_clock_gettime(clockid_t clock, struct timespec *now) __asm__("clock_gettime");

int faulty_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	slept_ns += (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
	return 0;
}

int faulty_clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = (int)syscall(SYS_clock_gettime, clock, now);
	uint64_t ns = (uint64_t)now->tv_nsec;

	if (clock == CLOCK_MONOTONIC) {
		ns += slept_ns;
		now->tv_sec += (time_t)(ns / 1000000000);
		now->tv_nsec = (long)(ns % 1000000000);
	}
	return r;
}

static int take_both(struct lease **ret, struct nvb_error **err)
{
	const struct lease_request request = {
		.keys = KEYS({ GPU }, { OTHER }),
		.mode = LEASE_EXCLUSIVE,
		.holder = "h",
		.engine = "bolt",
		.keep_lock = true,
	};

	return lease_take(&dir, &request, ret, err);
}

/* Returns after how many calls nothing fails any more. */
static unsigned fail_each(int errnum)
{
	const size_t descriptors = count_descriptors();
	bool failed = true;
	unsigned n;

	for (n = 1; failed; n++) {
		struct nvb_error *err = NULL;
		struct lease *lease = NULL;
		int r;

		fault = errnum;
		calls_left = n;
		r = take_both(&lease, &err);
		failed = !calls_left;
		calls_left = 0;
		assert_true(n < 100);
		if (r < 0) {
			assert_true(failed);
			assert_non_null(err);
			assert_true(nvb_error_status(err) == r);
		} else {
			assert_null(err);
			assert_false(is_free(GPU, NULL, LEASE_SHARED));
			assert_false(is_free(OTHER, NULL, LEASE_SHARED));
			lease_release(lease);
		}
		nvb_error_free(err);
		assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
		assert_true(is_free(OTHER, NULL, LEASE_EXCLUSIVE));
		assert_int_equal(count_descriptors(), descriptors);
	}
	return n;
}

static void every_call_of_a_take(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EROFS, EMFILE, ENOLCK };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(errors); i++) {
		slept_ns = 0;
		assert_true(fail_each(errors[i]) > 12);
		/* A guard that was not given back was waited for, 5 s for each of the two. */
		assert_true(slept_ns >= UINT64_C(9000000000));
	}
}

static void interrupted_calls_go_on(void **state)
{
	(void)state;
	fault = EINTR;
	for (unsigned n = 1; n < 30; n++) {
		struct lease *lease = NULL;
		int r;

		calls_left = n;
		r = take_both(&lease, NULL);
		calls_left = 0;
		/* fcntl(2) and openat(2) do not wait here: they are not interrupted. */
		if (r >= 0)
			lease_release(lease);
		assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	}
}

static void a_full_file_system(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct lease *lease;

	(void)state;
	fault = ENOSPC;
	calls_left = 1;
	assert_int_equal(take_both(&lease, &err), NVB_ERR_IO);
	assert_non_null(strstr(nvb_error_message(err), GPU));
	assert_non_null(strstr(nvb_error_get_hint(err), "make room"));
}

/* Whatever fails while a living holder is judged: it is not taken for dead. */
static void a_holder_is_never_lost(void **state)
{
	const struct lease_request request = {
		.keys = KEYS({ GPU }), .mode = LEASE_EXCLUSIVE, .holder = "h", .engine = "bolt"
	};
	pid_t pid = start_holder(&request);
	bool failed = true;

	(void)state;
	fault = EIO;
	for (unsigned n = 1; failed; n++) {
		struct lease *lease = NULL;

		calls_left = n;
		assert_true(try_take(GPU, NULL, LEASE_SHARED, "other", &lease, NULL) < 0);
		failed = !calls_left;
		calls_left = 0;
		assert_true(n < 100);
	}
	end_child(pid);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_call_of_a_take, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(interrupted_calls_go_on, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_full_file_system, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_holder_is_never_lost, case_setup, case_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
