/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "bench/place.h"
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
	const char *const more[] = { "NVBIND_STATE_DIR=/ours", NULL };
	const char *const *env = NULL;
	bool has_own = false, has_kept = false;

	(void)state;
	(void)setenv("NVBIND_GPU", "all", 1);
	(void)setenv("NVBIND_STATE_DIR", "/theirs", 1);
	(void)setenv("OTHER", "kept", 1);
	assert_int_equal(place_environment(a, more, &env, NULL), 0);
	for (; *env; env++) {
		assert_true(strncmp(*env, "NVBIND_GPU", 10) != 0);
		assert_string_not_equal(*env, "NVBIND_STATE_DIR=/theirs");
		has_own |= strcmp(*env, "NVBIND_STATE_DIR=/ours") == 0;
		has_kept |= strcmp(*env, "OTHER=kept") == 0;
	}
	assert_true(has_own && has_kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_missing_probe),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
