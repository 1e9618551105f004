/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cdi/hook_arguments.h"

static int parse(
	struct arena *a, struct hook_arguments *ret, struct nvb_error **err, const char *first, ...)
{
	const char *argv[16] = { HOOK_PROGRAM };
	int argc = 1;
	va_list more;

	va_start(more, first);
	for (const char *s = first; s; s = va_arg(more, const char *))
		argv[argc++] = s;
	va_end(more);
	return hook_arguments_parse(argc, argv, a, ret, err);
}

static void test_there_and_back(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct hook_link links[] = {
		{ "libcuda.so.1", "/usr/lib64/libcuda.so" },
		{ "../libnvidia-allocator.so.1", "/usr/lib64/gbm/nvidia-drm_gbm.so" },
		{ "--odd", "/usr/lib/odd" },
	};
	const char *folders[] = { "/usr/lib64", "/usr/lib64/vdpau" };
	struct hook_arguments again, arguments = {
		.links = { links, 3, 3 },
		.folders = { folders, 2, 2 },
		.cuda_compat = true,
		.host_driver_version = "550.163.01",
		.disable_device_node_modification = true,
	};
	struct string_list argv;

	(void)state;
	assert_int_equal(hook_arguments_format(&arguments, a, &argv, NULL), 0);
	assert_string_equal(argv.items[0], "nvbind-hook");
	assert_string_equal(argv.items[2], "libcuda.so.1::/usr/lib64/libcuda.so");
	assert_int_equal(hook_arguments_parse((int)argv.n, argv.items, a, &again, NULL), 0);
	assert_int_equal(again.links.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(again.links.items[i].target, links[i].target);
		assert_string_equal(again.links.items[i].path, links[i].path);
	}
	assert_int_equal(again.folders.n, 2);
	assert_string_equal(again.folders.items[1], "/usr/lib64/vdpau");
	assert_true(again.cuda_compat && again.disable_device_node_modification);
	assert_string_equal(again.host_driver_version, "550.163.01");
	assert_null(again.root);
	assert_int_equal(again.action, HOOK_RUN);
}

static void test_empty(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct hook_arguments none = { 0 };
	struct string_list argv;

	(void)state;
	assert_int_equal(hook_arguments_format(&none, a, &argv, NULL), 0);
	assert_int_equal(argv.n, 1);
}

static void test_both_spellings(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct hook_arguments got;

	(void)state;
	assert_int_equal(
		parse(a, &got, NULL, "--folder=/a", "--folder", "/b", "--root=/r", NULL), 0);
	assert_string_equal(got.folders.items[0], "/a");
	assert_string_equal(got.folders.items[1], "/b");
	assert_string_equal(got.root, "/r");
	assert_int_equal(parse(a, &got, NULL, "--help", NULL), 0);
	assert_int_equal(got.action, HOOK_HELP);
	assert_int_equal(parse(a, &got, NULL, "--version", "--cuda-compat", NULL), 0);
	assert_int_equal(got.action, HOOK_VERSION);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "--unknown", NULL },
		{ "word", NULL },
		{ "", NULL },
		{ "--", NULL },
		{ "--fold", "/a" },
		{ "--link", NULL },
		{ "--link", "" },
		{ "--link", "a" },
		{ "--link", "::/a" },
		{ "--link", "a::" },
		{ "--link", "a::b" },
		{ "--link", "a::/b/../c" },
		{ "--link", "a::/" },
		{ "--link", "a::/b::/c" },
		{ "--link", "a:::/b" },
		{ "--link", "a\n::/b" },
		{ "--folder", "relative" },
		{ "--folder", "/a/../b" },
		{ "--folder", "/a\nb" },
		{ "--folder", "/" },
		{ "--root", "relative" },
		{ "--host-driver-version", "" },
		{ "--host-driver-version", "5x" },
		{ "--host-driver-version", ".5" },
		{ "--cuda-compat", NULL },
		{ "--cuda-compat=yes", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct hook_arguments got = { .root = "untouched" };

		assert_int_equal(parse(a, &got, &err, bad[i][0], bad[i][1], NULL), NVB_ERR_USAGE);
		assert_non_null(err);
		assert_string_equal(got.root, "untouched");
	}
}

/* What the hook would refuse is refused while the spec is written. */
static void test_format_checks(void **state)
{
	static struct hook_link bad[] = {
		{ "a", "relative" },
		{ "", "/a" },
		{ "a::b", "/a" },
		{ "a", "/b\n" },
		{ "a", "/b/./c" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_cleanup_error_ struct nvb_error *err = NULL;
		struct hook_arguments arguments = { .links = { &bad[i], 1, 1 } };
		struct string_list argv = { 0 };

		assert_int_equal(hook_arguments_format(&arguments, a, &argv, &err), NVB_ERR_USAGE);
		assert_int_equal(argv.n, 0);
	}
}

static void test_limits(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct hook_arguments got;
	struct string_list argv = { 0 };

	(void)state;
	assert_int_equal(string_list_add(a, &argv, HOOK_PROGRAM), 0);
	for (int i = 0; i < 4097; i++)
		assert_int_equal(string_list_add(a, &argv, "--link=a::/b"), 0);
	assert_int_equal(hook_arguments_parse(4097, argv.items, a, &got, NULL), 0);
	assert_int_equal(hook_arguments_parse(4098, argv.items, a, &got, &err), NVB_ERR_USAGE);
}

static void test_help(void **state)
{
	(void)state;
	for (size_t i = 0; hook_arguments_help(i); i++) {
		const char *line = hook_arguments_help(i);

		assert_int_equal(strncmp(line, "  --", 4), 0);
		assert_int_equal(line[strlen(line) - 1], '\n');
	}
	assert_non_null(hook_arguments_help(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_both_spellings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_format_checks),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests_name("hook/arguments", tests, NULL, NULL);
}
