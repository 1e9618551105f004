/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a command can start, told from the files of a hostile root alone. */
#include "root.h"

#include "engine/bolt/command.h"

/* Too short for us to judge: the kernel is to say what it is. */
#define PROGRAM "\177ELF"

static struct string_list env;

static int set_up(void **state)
{
	struct root *r;

	if (root_set_up(state) < 0)
		return -1;
	r = *state;
	env = (struct string_list){ 0 };
	root_file(r, "bin/plain", PROGRAM, 0755);
	root_file(r, "bin/text", "neither script nor ELF", 0755);
	root_file(r, "bin/data", "text", 0644);
	root_dir(r, "bin/folder", 0755);
	return 0;
}

static int check(struct root *r, const char *command, const char *cwd)
{
	return container_command_check(r->fd, command, cwd, &env, &r->err);
}

static void set_path(struct root *r, const char *path)
{
	env = (struct string_list){ 0 };
	assert_int_equal(string_list_printf(r->a, &env, "PATH=%s", path), 0);
}

static void test_absolute(void **state)
{
	struct root *r = *state;

	assert_success(r, check(r, "/bin/plain", "/"));
	assert_success(r, check(r, "//bin/./plain", "/"));
	assert_raised(r, check(r, "/bin/none", "/"), NVB_ERR_NO_COMMAND, "'/bin/none'");
	assert_raised(r, check(r, "/none/x", "/"), NVB_ERR_NO_COMMAND, "'/none/x'");
	assert_raised(r, check(r, "/bin/plain/x", "/"), NVB_ERR_NO_COMMAND, "Not a directory");
	assert_raised(r, check(r, "/bin/data", "/"), NVB_ERR_NOT_EXECUTABLE, "Permission denied");
	assert_raised(r, check(r, "/bin/folder", "/"), NVB_ERR_NOT_EXECUTABLE, "Is a directory");
	assert_raised(r, check(r, "/", "/"), NVB_ERR_NOT_EXECUTABLE, "Is a directory");
}

static void test_relative(void **state)
{
	struct root *r = *state;

	assert_success(r, check(r, "./plain", "/bin"));
	assert_success(r, check(r, "bin/plain", "/"));
	assert_success(r, check(r, "../bin/plain", "/bin"));
	assert_raised(r, check(r, "./plain", "/"), NVB_ERR_NO_COMMAND, "plain'");
	assert_raised(r, check(r, "./plain", "/none"), NVB_ERR_NO_COMMAND, "plain'");
}

static void test_search(void **state)
{
	struct root *r = *state;

	assert_success(r, check(r, "plain", "/"));
	set_path(r, "/none:/bin");
	assert_success(r, check(r, "plain", "/"));
	set_path(r, "/none");
	assert_raised(r, check(r, "plain", "/"), NVB_ERR_NO_COMMAND, "the search was in '/none'");
	set_path(r, "");
	assert_raised(r, check(r, "plain", "/"), NVB_ERR_NO_COMMAND, "'plain'");
	/* An empty part, and a relative one, start from the working directory. */
	set_path(r, "/none::/x");
	assert_success(r, check(r, "plain", "/bin"));
	set_path(r, "bin");
	assert_success(r, check(r, "plain", "/"));
	assert_raised(r, check(r, "plain", "/bin"), NVB_ERR_NO_COMMAND, "'plain'");
	assert_raised(r, check(r, "", "/"), NVB_ERR_NOT_EXECUTABLE, "run '");
}

/* As execvp(3): a file that may not run does not end the search, but is its outcome. */
static void test_search_goes_on(void **state)
{
	struct root *r = *state;

	root_file(r, "first/tool", "", 0644);
	set_path(r, "/first:/bin");
	assert_raised(r, check(r, "tool", "/"), NVB_ERR_NOT_EXECUTABLE, "/first/tool");
	root_file(r, "bin/tool", PROGRAM, 0755);
	assert_success(r, check(r, "tool", "/"));
}

static void test_scripts(void **state)
{
	struct root *r = *state;

	root_file(r, "bin/script", "#! /bin/plain -e\n", 0755);
	root_file(r, "bin/lost", "#!/opt/none/python\n", 0755);
	root_file(r, "bin/dead", "#!/bin/data", 0755);
	root_file(r, "bin/self", "#!/bin/self\n", 0755);
	root_file(r, "bin/ping", "#!/bin/pong\n", 0755);
	root_file(r, "bin/pong", "#!/bin/ping\n", 0755);
	root_file(r, "bin/twice", "#!/bin/script\n", 0755);
	root_file(r, "bin/empty", "#!", 0755);
	root_file(r, "bin/nothing", PROGRAM, 0755);
	assert_success(r, check(r, "/bin/script", "/"));
	assert_success(r, check(r, "/bin/twice", "/"));
	assert_success(r, check(r, "/bin/empty", "/"));
	assert_success(r, check(r, "/bin/nothing", "/"));
	root_file(r, "bin/relative", "#!plain\n", 0755);
	assert_success(r, check(r, "/bin/relative", "/"));
	root_file(r, "bin/crlf", "#!/bin/plain\r\n", 0755);
	assert_raised(r, check(r, "/bin/crlf", "/"), NVB_ERR_NOT_EXECUTABLE, "its interpreter");
	assert_raised(r, check(r, "/bin/lost", "/"), NVB_ERR_NOT_EXECUTABLE, "'/opt/none/python'");
	assert_raised(r, check(r, "/bin/dead", "/"), NVB_ERR_NOT_EXECUTABLE, "'/bin/data'");
	assert_raised(r, check(r, "/bin/self", "/"), NVB_ERR_NOT_EXECUTABLE, "too many interpreters");
	assert_raised(r, check(r, "/bin/ping", "/"), NVB_ERR_NOT_EXECUTABLE, "too many interpreters");
}

/* This very program stands for one that needs a loader. */
static void test_loader(void **state)
{
	struct root *r = *state;
	_cleanup_free_ char *program = NULL;
	_cleanup_close_ int fd = openat(r->fd, "bin/elf", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	static const char *const loaders[] = { "lib64/ld-linux-x86-64.so.2",
		"lib/ld-linux-aarch64.so.1", "lib/ld-musl-x86_64.so.1" };
	size_t length = 0;

	assert_int_equal(file_read_path("/proc/self/exe", 64 << 20, &program, &length), 0);
	assert_int_equal(file_write_fd(fd, program, length), 0);
	assert_raised(r, check(r, "/bin/elf", "/"), NVB_ERR_NOT_EXECUTABLE, "its interpreter");
	for (size_t i = 0; i < ELEMENTS(loaders); i++)
		root_file(r, loaders[i], PROGRAM, 0755);
	assert_success(r, check(r, "/bin/elf", "/"));
	/* Cut short, the kernel is to judge. */
	assert_int_equal(ftruncate(fd, 70), 0);
	assert_success(r, check(r, "/bin/elf", "/"));
}

static void test_links_stay_inside(void **state)
{
	struct root *r = *state;

	root_link(r, "/bin/plain", "bin/absolute");
	root_link(r, "../../../../../../../../../../bin/plain", "bin/up");
	root_link(r, "../../../../../../../../../../bin/sh", "bin/host");
	root_link(r, "/proc/self/exe", "bin/magic");
	root_link(r, "loop", "bin/loop");
	assert_success(r, check(r, "/bin/absolute", "/"));
	assert_success(r, check(r, "/bin/up", "/"));
	assert_raised(r, check(r, "/bin/host", "/"), NVB_ERR_NO_COMMAND, "'/bin/host'");
	assert_raised(r, check(r, "/bin/magic", "/"), NVB_ERR_NO_COMMAND, "'/bin/magic'");
	assert_raised(r, check(r, "/bin/loop", "/"), NVB_ERR_NOT_EXECUTABLE, "'/bin/loop'");
}

static void test_no_files(void **state)
{
	struct root *r = *state;

	assert_int_equal(mkfifoat(r->fd, "bin/fifo", 0755), 0);
	assert_raised(r, check(r, "/bin/fifo", "/"), NVB_ERR_NOT_EXECUTABLE, "'/bin/fifo'");
}

/* The kernel runs a program that nobody may read. */
static void test_unreadable(void **state)
{
	struct root *r = *state;

	root_file(r, "bin/secret", "", 0111);
	root_file(r, "bin/dark", "", 0000);
	assert_int_equal(fchmod(r->fd, 0755), 0);
	root_become_ordinary(r);
	assert_success(r, check(r, "/bin/secret", "/"));
	assert_raised(r, check(r, "/bin/dark", "/"), NVB_ERR_NOT_EXECUTABLE, "'/bin/dark'");
	root_become_self();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_absolute, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_relative, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_search, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_search_goes_on, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_scripts, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_loader, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_links_stay_inside, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_no_files, set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
