/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of user namespaces, as an ordinary user gets them. */
#include "root.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/bolt/idmap.h"

/* A process in a user namespace of its own that waits to be killed; -1 where there are none. */
static pid_t start_in_namespace(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0)
		(void)pause();
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static char *read_proc(struct root *r, pid_t pid, const char *name)
{
	char *text = NULL, *copy;

	assert_int_equal(file_read_path(
		arena_printf(r->a, "/proc/%d/%s", (int)pid, name), 4096, &text, NULL), 0);
	copy = arena_strdup(r->a, text);
	free(text);
	return copy;
}

static void assert_map(struct root *r, pid_t pid, const char *name, uint32_t inside, uint32_t outside)
{
	unsigned from = 9, to = 9, count = 9;

	assert_int_equal(sscanf(read_proc(r, pid, name), "%u %u %u", &from, &to, &count), 3);
	assert_int_equal(from, inside);
	assert_int_equal(to, outside);
	assert_int_equal(count, 1);
}

static void test_root_needs_none(void **state)
{
	struct root *r = *state;
	struct idmap map;

	if (geteuid() != 0) {
		root_become_ordinary(r);
		assert_success(r, idmap_choose(false, &map, &r->err));
		assert_true(map.needed);
		return;
	}
	assert_success(r, idmap_choose(true, &map, &r->err));
	assert_false(map.needed);
	assert_false(map.range);
}

/* In a child that becomes an ordinary user for good. Returns its exit status. */
static int as_ordinary(struct root *r, int (*function)(struct root *r))
{
	int status;
	pid_t pid;

	assert_int_equal(fchmod(r->fd, 0755), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) < 0 ||
			    setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) < 0 ||
			    setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) < 0 ||
			    /* As after an exec: else /proc/PID is root's. */
			    prctl(PR_SET_DUMPABLE, 1) < 0))
			_exit(100);
		_exit(function(r));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int map_one(struct root *r)
{
	struct idmap map;
	pid_t pid;

	assert_success(r, idmap_choose(false, &map, &r->err));
	assert_true(map.needed && !map.range);
	pid = start_in_namespace();
	if (pid < 0)
		return 77;
	assert_success(r, idmap_write(&map, pid, &r->err));
	assert_map(r, pid, "uid_map", 0, getuid());
	assert_map(r, pid, "gid_map", 0, getgid());
	assert_string_equal(read_proc(r, pid, "setgroups"), "deny\n");
	/* The kernel takes a map once. */
	assert_raised(r, idmap_write(&map, pid, &r->err), NVB_ERR_ENGINE, "uid_map'");
	end(pid);
	return 0;
}

static void test_one_user(void **state)
{
	int status = as_ordinary(*state, map_one);

	if (status == 77) {
		print_message("no user namespaces for ordinary users\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static int map_gone(struct root *r)
{
	struct idmap map;
	pid_t pid = start_in_namespace();

	if (pid < 0)
		return 77;
	end(pid);
	assert_success(r, idmap_choose(false, &map, &r->err));
	assert_raised(r, idmap_write(&map, pid, &r->err), NVB_ERR_ENGINE, "No such file");
	return 0;
}

static void test_process_is_gone(void **state)
{
	int status = as_ordinary(*state, map_gone);

	if (status == 77) {
		print_message("no user namespaces for ordinary users\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* No machine gives this user a range. */
static int choose_range(struct root *r)
{
	struct idmap map = { .uid = 7 };

	assert_raised(r, idmap_choose(true, &map, &r->err), NVB_ERR_UNSUPPORTED,
		"usermod --add-subuids");
	assert_int_equal(map.uid, 7);
	return 0;
}

static void test_no_range(void **state)
{
	if (geteuid() != 0 && geteuid() != ORDINARY_USER) {
		print_message("this user may have a range\n");
		skip();
	}
	assert_int_equal(as_ordinary(*state, choose_range), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_root_needs_none, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_one_user, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_process_is_gone, root_set_up, root_tear_down),
		cmocka_unit_test_setup_teardown(test_no_range, root_set_up, root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
