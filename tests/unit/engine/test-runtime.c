/* SPDX-License-Identifier: Apache-2.0 */
/* Which low-level runtime is chosen, how it is called, and what its log says. */
#include "root.h"

#include "engine/bolt/runtime.h"
#include "engine/bolt/runtime_log.h"

static void assert_choice(const char *crun, const char *runc, enum cgroup_layout layout,
	bool rootless, const struct low_level_runtime *expected)
{
	struct low_level_runtime got = { 0 };

	assert_true(low_level_runtime_choose(crun, runc, layout, rootless, &got));
	assert_string_equal(got.path, expected->path);
	assert_int_equal(got.is_crun, expected->is_crun);
	assert_int_equal(got.device_cgroup, expected->device_cgroup);
	assert_int_equal(got.mount_cgroup2, expected->mount_cgroup2);
}

static void test_choose(void **state)
{
	static const struct {
		const char *crun, *runc;
		enum cgroup_layout layout;
		bool rootless;
		struct low_level_runtime expected;
	} table[] = {
		{ "/crun", "/runc", CGROUP_UNIFIED, false, { "/crun", true, true, false } },
		{ "/crun", "/runc", CGROUP_UNIFIED, true, { "/crun", true, false, false } },
		{ "/crun", "/runc", CGROUP_HYBRID, false, { "/runc", false, true, false } },
		{ "/crun", "/runc", CGROUP_HYBRID, true, { "/runc", false, false, false } },
		{ "/crun", "/runc", CGROUP_LEGACY, false, { "/runc", false, true, false } },
		{ "/crun", NULL, CGROUP_HYBRID, false, { "/crun", true, false, true } },
		{ "/crun", NULL, CGROUP_HYBRID, true, { "/crun", true, false, false } },
		{ "/crun", NULL, CGROUP_LEGACY, false, { "/crun", true, true, false } },
		{ NULL, "/runc", CGROUP_UNIFIED, false, { "/runc", false, true, false } },
		{ NULL, "/runc", CGROUP_NONE, false, { "/runc", false, false, false } },
	};
	struct low_level_runtime none;

	(void)state;
	for (size_t i = 0; i < ELEMENTS(table); i++)
		assert_choice(table[i].crun, table[i].runc, table[i].layout, table[i].rootless,
			&table[i].expected);
	assert_false(low_level_runtime_choose(NULL, NULL, CGROUP_UNIFIED, false, &none));
}

static void test_named(void **state)
{
	struct root *r = *state;
	struct low_level_runtime runtime;
	const char *path;

	assert_int_equal(setenv("NVBIND_OCI_RUNTIME", "/no/such/runc", 1), 0);
	assert_raised(r, low_level_runtime_find(r->a, false, &runtime, &r->err), NVB_ERR_ENGINE,
		"'/no/such/runc'");
	root_file(r, "bin/my-crun", "#!/bin/sh\n", 0755);
	root_file(r, "bin/youki", "#!/bin/sh\n", 0755);
	root_file(r, "bin/runc", "not a program", 0644);
	path = arena_printf(r->a, "%s/bin/my-crun", r->path);
	assert_int_equal(setenv("NVBIND_OCI_RUNTIME", path, 1), 0);
	assert_success(r, low_level_runtime_find(r->a, true, &runtime, &r->err));
	assert_string_equal(runtime.path, path);
	assert_true(runtime.is_crun);
	path = arena_printf(r->a, "%s/bin/youki", r->path);
	assert_int_equal(setenv("NVBIND_OCI_RUNTIME", path, 1), 0);
	assert_success(r, low_level_runtime_find(r->a, true, &runtime, &r->err));
	assert_string_equal(runtime.path, path);
	assert_false(runtime.is_crun);
	path = arena_printf(r->a, "%s/bin/runc", r->path);
	assert_int_equal(setenv("NVBIND_OCI_RUNTIME", path, 1), 0);
	assert_raised(r, low_level_runtime_find(r->a, true, &runtime, &r->err), NVB_ERR_ENGINE,
		"/bin/runc'");
	assert_int_equal(unsetenv("NVBIND_OCI_RUNTIME"), 0);
}

static bool has_argument(const char **argv, const char *argument)
{
	for (; *argv; argv++)
		if (strcmp(*argv, argument) == 0)
			return true;
	return false;
}

static void test_argv(void **state)
{
	static const struct {
		struct low_level_runtime runtime;
		bool rootless;
		const char *mode;
	} table[] = {
		{ { "/crun", true, true, false }, false, "--cgroup-manager=cgroupfs" },
		{ { "/crun", true, false, true }, false, "--cgroup-manager=disabled" },
		{ { "/crun", true, false, false }, true, "--cgroup-manager=disabled" },
		{ { "/runc", false, true, false }, false, "--rootless=false" },
		{ { "/runc", false, false, false }, true, "--rootless=true" },
	};
	struct root *r = *state;

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		const char **argv = low_level_runtime_argv(r->a, &table[i].runtime,
			table[i].rootless, "/state/capsules/x", "x");

		assert_non_null(argv);
		assert_string_equal(argv[0], table[i].runtime.path);
		assert_true(has_argument(argv, table[i].mode));
		assert_true(has_argument(argv, "/state/capsules/x/runtime"));
		assert_true(has_argument(argv, "/state/capsules/x/pid"));
		assert_true(has_argument(argv, "nvbind-x"));
	}
}

static void assert_log(struct root *r, const char *text, const char *expected)
{
	_cleanup_free_ char *message = NULL;

	root_file(r, "log", text, 0600);
	message = runtime_log_error(r->fd);
	if (expected)
		assert_string_equal(message, expected);
	else
		assert_null(message);
}

static void test_log(void **state)
{
	struct root *r = *state;
	_cleanup_free_ char *long_line = calloc(1, 5000);
	_cleanup_free_ char *message = NULL;

	assert_null(runtime_log_error(r->fd));
	assert_log(r, "", NULL);
	assert_log(r, "{\"level\":\"warning\",\"msg\":\"odd\"}\n", NULL);
	assert_log(r, "{\"level\":\"error\",\"msg\":\"first\"}\n{\"level\":\"error\",\"msg\":\"last\"}",
		"last");
	assert_log(r, "{\"level\":\"error\",\"msg\":\"said\"}\nplain\n{\"level\":\"error\"}\n"
		      "{\"level\":3,\"msg\":\"x\"}\n{\"level\":\"error\",\"msg\":[]}\n[]\n{\"lev",
		"said");
	assert_log(r, "{\"level\":\"error\",\"msg\":\"a\\u001b[2Jb\\nc\"}", "a\\x1b[2Jb\\x0ac");
	memset(long_line, 'x', 4900);
	memcpy(long_line, "{\"level\":\"error\",\"msg\":\"", 24);
	memcpy(long_line + 4000, "\"}", 3);
	root_file(r, "log", long_line, 0600);
	message = runtime_log_error(r->fd);
	assert_non_null(message);
	assert_true(strlen(message) < 600);
}

static void test_log_is_no_file(void **state)
{
	struct root *r = *state;

	assert_int_equal(mkfifoat(r->fd, "log", 0600), 0);
	assert_null(runtime_log_error(r->fd));
	assert_int_equal(unlinkat(r->fd, "log", 0), 0);
	root_dir(r, "log", 0755);
	assert_null(runtime_log_error(r->fd));
}

static void test_status(void **state)
{
	static const struct {
		const char *message;
		int status;
	} table[] = {
		{ "runc run failed: unable to start container process: exec: \"x\": executable file "
		  "not found in $PATH", NVB_ERR_NO_COMMAND },
		{ "unable to start container process: exec: \"/x\": stat /x: no such file or directory",
			NVB_ERR_NO_COMMAND },
		{ "unable to start container process: exec: \"/x\": permission denied",
			NVB_ERR_NOT_EXECUTABLE },
		{ "unable to start container process: exec /x: exec format error",
			NVB_ERR_NOT_EXECUTABLE },
		{ "executable file `x` not found in $PATH: No such file or directory",
			NVB_ERR_NO_COMMAND },
		{ "open executable: Permission denied", NVB_ERR_NOT_EXECUTABLE },
		{ "exec container process `/x`: Exec format error", NVB_ERR_NOT_EXECUTABLE },
		/* The runtime's own troubles, whatever the names in them. */
		{ "error mounting \"/exec: \\\"\" to rootfs: no such file or directory",
			NVB_ERR_ENGINE },
		{ "mount `/x` to `exec`: Permission denied", NVB_ERR_ENGINE },
		{ "unable to start container process: exec: \"x\": out of memory", NVB_ERR_ENGINE },
		{ "", NVB_ERR_ENGINE },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(table); i++)
		assert_int_equal(runtime_log_status(table[i].message), table[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test_setup_teardown(test_named, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_argv, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_log, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_log_is_no_file, root_set_up, root_tear_down),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
