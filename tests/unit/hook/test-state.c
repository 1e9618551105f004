/* SPDX-License-Identifier: Apache-2.0 */
#include "../host/scratch-tree.h"

#include <sys/mman.h>

#include "hook/state.h"

static int open_root(const char *state_text, const char *root, int *ret_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, state_text, strlen(state_text)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return state_open_root(fd, root, ret_fd, err);
}

static void assert_root(const struct scratch *s, const char *state_text)
{
	_cleanup_close_ int fd = -1;
	struct stat found, expected;

	assert_int_equal(open_root(state_text, NULL, &fd, NULL), 0);
	assert_int_equal(fstat(fd, &found), 0);
	assert_int_equal(path_stat_in(s->tree.root_fd, "/rootfs", &expected), 0);
	assert_int_equal(found.st_ino, expected.st_ino);
}

static void make_bundle(const struct scratch *s, const char *config)
{
	scratch_write(s, "/rootfs/file", "");
	scratch_write(s, "/config.json", config);
}

static void test_where_the_root_is(void **state)
{
	const struct scratch *s = *state;
	const char *dir = s->directory;
	struct arena *a = s->arena;

	make_bundle(s, "{\"root\":{\"path\":\"rootfs\"}}");
	assert_root(
		s, arena_printf(a, "{\"bundle\":\"%s\",\"annotations\":{\"root\":\"x\"}}", dir));
	/* crun's own field */
	assert_root(s, arena_printf(a, "{\"bundle\":\"%s\",\"root\":\"rootfs\"}", dir));
	assert_root(s, arena_printf(a, "{\"bundle\":\"/none\",\"root\":\"%s/rootfs\"}", dir));
	assert_root(s, arena_printf(a, "{\"bundle\":\"%s\",\"root\":\"\"}", dir));
	make_bundle(
		s, arena_printf(a, "{\"root\":{\"readonly\":true,\"path\":\"%s\\/rootfs\"}}", dir));
	assert_root(s, arena_printf(a, "{\"bundle\":\"%s\"}", dir));
}

static void test_refused(void **state)
{
	const struct scratch *s = *state;
	const char *dir = s->directory;
	const char *bad_states[] = {
		"",
		"[]",
		"{}",
		"{\"bundle\":1}",
		"{\"bundle\":\"relative\"}",
		"{\"bundle\":\"/none\"}",
		"{\"bundle\":\"/\",\"root\":\"/\"}",
		"{\"bundle\":\"/none\",\"root\":\"relative\"}",
		arena_printf(s->arena, "{\"bundle\":\"%s\",\"root\":\"none\"}", dir),
		arena_printf(s->arena, "{\"bundle\":\"%s\",\"root\":\"config.json\"}", dir),
	};
	const char *bad_configs[] = { "", "{}", "{\"root\":\"rootfs\"}",
		"{\"root\":{\"path\":\"\"}}", "{\"root\":{\"path\":7}}",
		"{\"root\":{\"path\":\"none\"}}" };

	make_bundle(s, "{\"root\":{\"path\":\"rootfs\"}}");
	for (size_t i = 0; i < ELEMENTS(bad_states); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		int fd = -1;

		assert_true(open_root(bad_states[i], NULL, &fd, &err) < 0);
		assert_non_null(err);
		assert_int_equal(fd, -1);
	}
	for (size_t i = 0; i < ELEMENTS(bad_configs); i++) {
		_cleanup_error_ struct nvb_error *err = NULL;
		int fd = -1;

		make_bundle(s, bad_configs[i]);
		assert_true(open_root(arena_printf(s->arena, "{\"bundle\":\"%s\"}", dir), NULL, &fd,
				    &err) < 0);
		assert_non_null(err);
		assert_int_equal(fd, -1);
	}
}

static void test_root_of_the_machine(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	int fd = -1;

	(void)state;
	assert_int_equal(open_root("", "/", &fd, &err), NVB_ERR_UNSAFE_PATH);
	assert_int_equal(fd, -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_where_the_root_is),
		TEST(test_refused),
		TEST(test_root_of_the_machine),
	};

	return cmocka_run_group_tests_name("hook/state", tests, NULL, NULL);
}
