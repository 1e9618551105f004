/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench/place.h"
#include "bench/place_name.h"
#include "bench/process.h"
#include "host/container_root.h"

static void test_root(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(container_root_freep) struct container_root *root = NULL;
	const struct string_list none = { 0 };
	_cleanup_close_ int fd = -1;
	struct place place = { 0 };
	char path[4096];
	struct stat st;

	(void)state;
	assert_int_equal(place_open(a, NULL, &place, NULL), 0);
	assert_int_equal(stat(place.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_string_equal(place.command.items[0], "/probe");
	(void)snprintf(path, sizeof(path), "%s/probe", place.root);
	assert_int_equal(access(path, X_OK), 0);
	/* A planner finds where the driver's libraries go. */
	fd = open(place.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(container_root_inspect(fd, &none, &none, &root, NULL), 0);
	assert_int_equal(root->libc, ROOT_LIBC_GLIBC);
	assert_non_null(root->lib64_dir);
	(void)snprintf(path, sizeof(path), "%s", place.path);
	place_close(&place);
	assert_int_equal(access(path, F_OK), -1);
	place_close(&place);
}

/* A killed bench's directory goes with the next one, a living one's and a stranger's stay. */
static void test_leftovers(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct place first = { 0 }, second = { 0 };
	char left[128], locked[128], odd[128], *parent;
	int fd = -1;
	pid_t dead;

	(void)state;
	dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	assert_int_equal(place_open(a, NULL, &first, NULL), 0);
	parent = strndup(first.path, (size_t)(strrchr(first.path, '/') - first.path));
	assert_non_null(parent);
	(void)snprintf(left, sizeof(left), "%s/nvbind-bench-%d-aaaaaa", parent, (int)dead);
	(void)snprintf(locked, sizeof(locked), "%s/nvbind-bench-%d-bbbbbb", parent, (int)dead);
	(void)snprintf(odd, sizeof(odd), "%s/nvbind-bench-x%d-cccccc", parent, (int)dead);
	assert_int_equal(mkdir(left, 0700) + mkdir(locked, 0700) + mkdir(odd, 0700), 0);
	assert_int_equal(place_lock(locked, &fd), 0);
	assert_int_equal(place_open(a, NULL, &second, NULL), 0);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(locked, F_OK), 0);
	assert_int_equal(access(odd, F_OK), 0);
	assert_int_equal(access(first.path, F_OK), 0);
	closep(&fd);
	place_close(&second);
	assert_int_equal(rmdir(odd), 0);
	assert_int_equal(place_open(a, NULL, &second, NULL), 0);
	assert_int_equal(access(locked, F_OK), -1);
	place_close(&second);
	place_close(&first);
	free(parent);
}

static void test_missing_probe(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct place place = { 0 };

	(void)state;
	assert_int_equal(place_open(a, "/nonexistent", &place, NULL), NVB_ERR_IO);
	assert_null(place.path);
}

static void test_environment(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct string_list more = { 0 };
	const char *const *env = NULL;
	bool has_own = false, has_kept = false;

	(void)state;
	assert_int_equal(string_list_add(a, &more, "NVBIND_STATE_DIR=/ours"), 0);
	(void)setenv("NVBIND_GPU", "all", 1);
	(void)setenv("NVBIND_STATE_DIR", "/theirs", 1);
	(void)setenv("OTHER", "kept", 1);
	assert_int_equal(place_environment(a, PLACE_WITHOUT_OURS, &more, &env, NULL), 0);
	for (; *env; env++) {
		assert_true(strncmp(*env, "NVBIND_GPU", 10) != 0);
		assert_string_not_equal(*env, "NVBIND_STATE_DIR=/theirs");
		has_own |= strcmp(*env, "NVBIND_STATE_DIR=/ours") == 0;
		has_kept |= strcmp(*env, "OTHER=kept") == 0;
	}
	assert_true(has_own && has_kept);
}

static size_t count(const char *const *env, const char *line)
{
	size_t n = 0;

	for (; *env; env++)
		n += strcmp(*env, line) == 0;
	return n;
}

/* What a whole run writes for itself stays in the place; the user's settings stay. */
static void test_environment_of_a_run(void **state)
{
	static const char *const names[] = { "NVBIND_STATE_DIR=/p/s",
		"NVBIND_LEASE_DIR=/p/s/leases", "NVBIND_JOURNAL_DIR=/p/s/journal" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct place place = { .state = "/p/s" };
	struct string_list more = { 0 };
	const char *const *env = NULL;

	(void)state;
	(void)setenv("NVBIND_OCI_RUNTIME", "crun", 1);
	(void)setenv("NVBIND_LEASE_DIR", "/theirs", 1);
	(void)setenv("NVBIND_LEASE_DIRECTION", "kept", 1);
	assert_int_equal(place_add_variables(&place, a, &more, NULL), 0);
	assert_int_equal(place_environment(a, PLACE_WITH_OURS, &more, &env, NULL), 0);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_int_equal(count(env, names[i]), 1);
	assert_int_equal(count(env, "NVBIND_LEASE_DIR=/theirs"), 0);
	assert_int_equal(count(env, "NVBIND_LEASE_DIRECTION=kept"), 1);
	assert_int_equal(count(env, "NVBIND_OCI_RUNTIME=crun"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_missing_probe),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_environment_of_a_run),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
