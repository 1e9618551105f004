/* SPDX-License-Identifier: Apache-2.0 */
#include "../host/scratch-tree.h"

#include "hook/links.h"
#include "hook/place.h"

static int make(const struct scratch *s, const char *target, const char *path,
	enum links_result *ret, struct nvb_error **err)
{
	_cleanup_(links_directory_done) struct links_directory last = LINKS_DIRECTORY_INIT;
	const struct hook_link link = { target, path };

	return links_make(s->tree.root_fd, &link, &last, ret, err);
}

static void assert_made(
	const struct scratch *s, const char *target, const char *path, enum links_result expected)
{
	enum links_result result;

	assert_int_equal(make(s, target, path, &result, NULL), 0);
	assert_int_equal(result, expected);
}

/* `path` is relative: the test looks itself, without the code under test. */
static void assert_link(const struct scratch *s, const char *path, const char *target)
{
	char text[256] = { 0 };

	assert_true(readlinkat(s->tree.root_fd, path, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, target);
}

static unsigned count(const struct scratch *s, const char *path)
{
	_cleanup_closedir_ DIR *dir = NULL;
	unsigned n = 0;

	dir = fdopendir(openat(s->tree.root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

static void test_make(void **state)
{
	const struct scratch *s = *state;

	assert_made(s, "libcuda.so.1", "/usr/lib/libcuda.so", LINKS_MADE);
	assert_link(s, "usr/lib/libcuda.so", "libcuda.so.1");
	assert_made(s, "libcuda.so.1", "/usr/lib/libcuda.so", LINKS_KEPT);
	assert_made(s, "libcuda.so.2", "/usr/lib/libcuda.so", LINKS_MADE);
	assert_link(s, "usr/lib/libcuda.so", "libcuda.so.2");
	/* A text that begins or ends with the other is another. */
	assert_made(s, "libcuda.so", "/usr/lib/libcuda.so", LINKS_MADE);
	assert_made(s, "libcuda.so.2", "/usr/lib/libcuda.so", LINKS_MADE);
	assert_int_equal(count(s, "usr/lib"), 1);
}

static void test_through_links_of_the_root(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(mkdirat(s->tree.root_fd, "usr", 0755), 0);
	assert_int_equal(symlinkat("usr/lib", s->tree.root_fd, "lib"), 0);
	assert_int_equal(symlinkat("/../../../../elsewhere", s->tree.root_fd, "out"), 0);
	assert_made(s, "x", "/lib/sub/a", LINKS_MADE);
	assert_link(s, "usr/lib/sub/a", "x");
	/* Up and out of the root is the root. */
	assert_made(s, "x", "/out/a", LINKS_MADE);
	assert_link(s, "elsewhere/a", "x");
}

static void test_occupied(void **state)
{
	const struct scratch *s = *state;

	scratch_write(s, "/usr/lib/file", "mine");
	scratch_write(s, "/usr/lib/directory/inside", "mine");
	assert_made(s, "x", "/usr/lib/file", LINKS_OCCUPIED);
	assert_made(s, "x", "/usr/lib/directory", LINKS_OCCUPIED);
	assert_int_equal(count(s, "usr/lib"), 2);
}

static void test_impossible(void **state)
{
	const struct scratch *s = *state;
	_cleanup_error_ struct nvb_error *err = NULL, *loop = NULL;
	enum links_result result;

	scratch_write(s, "/etc", "a file");
	assert_int_equal(make(s, "x", "/etc/a", &result, &err), NVB_ERR_UNSAFE_PATH);
	assert_non_null(strstr(nvb_error_message(err), "'/etc/'"));
	assert_int_equal(symlinkat("loop", s->tree.root_fd, "loop"), 0);
	assert_int_equal(make(s, "x", "/loop/a", &result, &loop), NVB_ERR_UNSAFE_PATH);
}

static void test_directories_change(void **state)
{
	static const struct hook_link links[] = {
		{ "1", "/a/x" },
		{ "2", "/a/y" },
		{ "3", "/a/b/x" },
		{ "4", "/a/z" },
		{ "5", "/x" },
	};
	_cleanup_(links_directory_done) struct links_directory last = LINKS_DIRECTORY_INIT;
	const struct scratch *s = *state;
	enum links_result result;

	for (size_t i = 0; i < ELEMENTS(links); i++) {
		assert_int_equal(links_make(s->tree.root_fd, &links[i], &last, &result, NULL), 0);
		assert_int_equal(result, LINKS_MADE);
	}
	for (size_t i = 0; i < ELEMENTS(links); i++)
		assert_link(s, links[i].path + 1, links[i].target);
}

static void test_regular_files_only(void **state)
{
	const struct scratch *s = *state;
	_cleanup_close_ int fd = -1;

	scratch_write(s, "/file", "text");
	assert_int_equal(mkfifoat(s->tree.root_fd, "fifo", 0644), 0);
	assert_int_equal(symlinkat("/file", s->tree.root_fd, "link"), 0);
	assert_int_equal(place_open_regular(s->tree.root_fd, "/fifo"), -EINVAL);
	assert_int_equal(place_open_regular(s->tree.root_fd, "/"), -EISDIR);
	assert_int_equal(place_open_regular(s->tree.root_fd, "/none"), -ENOENT);
	fd = place_open_regular(s->tree.root_fd, "/link");
	assert_true(fd >= 0);
}

static void test_read_only_has_a_hint(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL, *full = NULL;

	(void)state;
	assert_int_equal(place_raise(EROFS, "write", "x", &err), NVB_ERR_IO);
	assert_non_null(nvb_error_get_hint(err));
	assert_int_equal(place_raise(ENOSPC, "write", "x", &full), NVB_ERR_IO);
	assert_null(nvb_error_get_hint(full));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_make),
		TEST(test_through_links_of_the_root),
		TEST(test_occupied),
		TEST(test_impossible),
		TEST(test_directories_change),
		TEST(test_regular_files_only),
		TEST(test_read_only_has_a_hint),
	};

	return cmocka_run_group_tests_name("hook/links", tests, NULL, NULL);
}
