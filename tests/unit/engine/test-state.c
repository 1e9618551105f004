/* SPDX-License-Identifier: Apache-2.0 */
/* Capsules: made, swept when nobody holds them, never touched while somebody does. */
#include "root.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "engine/bolt/state.h"

static struct bolt_state bolt;

static int set_up(void **state)
{
	char path[96];
	struct root *r;

	bolt = (struct bolt_state)BOLT_STATE_INIT;
	if (root_set_up(state) < 0)
		return -1;
	r = *state;
	(void)snprintf(path, sizeof(path), "%s/a/b/state", r->path);
	return setenv("NVBIND_STATE_DIR", path, 1);
}

static int tear_down(void **state)
{
	bolt_state_done(&bolt);
	return root_tear_down(state);
}

static void open_state(struct root *r)
{
	bolt_state_done(&bolt);
	assert_success(r, bolt_state_open(&bolt, &r->err));
}

static struct bolt_capsule new_capsule(struct root *r, const char *name)
{
	struct bolt_capsule c = BOLT_CAPSULE_INIT;

	assert_success(r, bolt_capsule_new(&bolt, name, &c, &r->err));
	return c;
}

static void remove_capsule(struct root *r, struct bolt_capsule *c)
{
	assert_success(r, bolt_capsule_remove(&bolt, c, &r->err));
}

/* Another command: it sweeps, and leaves nothing of its own. */
static void run_another(struct root *r)
{
	struct bolt_capsule c = new_capsule(r, NULL);

	remove_capsule(r, &c);
}

static size_t count_capsules(struct root *r)
{
	_cleanup_closedir_ DIR *dir = fdopendir(root_open(r, "a/b/state/capsules"));
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
			strcmp(entry->d_name, ".lock") != 0;
	return n;
}

static void test_open(void **state)
{
	struct root *r = *state;

	open_state(r);
	assert_int_equal(root_mode(r, "a/b/state"), S_IFDIR | 0700);
	assert_int_equal(root_mode(r, "a/b/state/capsules"), S_IFDIR | 0700);
	open_state(r);
	assert_true(bolt.path[0] == '/');
	root_link(r, "a/b/state", "link");
	assert_int_equal(setenv("NVBIND_STATE_DIR",
				 arena_printf(r->a, "%s/link", r->path), 1), 0);
	open_state(r);
	assert_null(strstr(bolt.path, "link"));
	assert_non_null(strstr(bolt.path, "/a/b/state"));
}

static void assert_open_raises(struct root *r, int status, const char *text)
{
	bolt_state_done(&bolt);
	assert_raised(r, bolt_state_open(&bolt, &r->err), status, text);
}

static void test_directories_of_others(void **state)
{
	struct root *r = *state;

	open_state(r);
	root_dir(r, "a/b/state", 0770);
	assert_open_raises(r, NVB_ERR_PERMISSION, "others may write to");
	root_dir(r, "a/b/state", 0707);
	assert_open_raises(r, NVB_ERR_PERMISSION, "chmod go-w");
	root_dir(r, "a/b/state", 0755);
	open_state(r);
	/* Not the directory, but one above it: it could be renamed and replaced. */
	root_dir(r, "a", 0777);
	assert_open_raises(r, NVB_ERR_PERMISSION, "/a'");
	root_dir(r, "a", 01777);
	open_state(r);
}

static void test_directories_of_other_users(void **state)
{
	struct root *r = *state;

	if (geteuid() != 0) {
		print_message("only root gives files away\n");
		skip();
	}
	open_state(r);
	assert_int_equal(fchownat(r->fd, "a/b/state", 1234, 0, 0), 0);
	assert_open_raises(r, NVB_ERR_PERMISSION, "belongs to user 1234");
	assert_int_equal(fchownat(r->fd, "a/b/state", 0, 0, 0), 0);
	assert_int_equal(fchownat(r->fd, "a/b", 1234, 0, 0), 0);
	assert_open_raises(r, NVB_ERR_PERMISSION, "/a/b' belongs to user 1234");
	assert_int_equal(fchownat(r->fd, "a/b", 0, 0, 0), 0);
	root_dir(r, "a/b", 0775);
	assert_open_raises(r, NVB_ERR_PERMISSION, "/a/b'");
}

static void test_no_directory(void **state)
{
	struct root *r = *state;

	assert_int_equal(setenv("NVBIND_STATE_DIR", "relative/path", 1), 0);
	assert_open_raises(r, NVB_ERR_USAGE, "'relative/path' is not an absolute path");
	root_file(r, "file", "", 0644);
	assert_int_equal(setenv("NVBIND_STATE_DIR", arena_printf(r->a, "%s/file", r->path), 1), 0);
	assert_open_raises(r, NVB_ERR_IO, "Not a directory");
	assert_int_equal(setenv("NVBIND_STATE_DIR", arena_printf(r->a, "%s/file/x", r->path), 1), 0);
	assert_open_raises(r, NVB_ERR_IO, "Not a directory");
	assert_int_equal(setenv("NVBIND_STATE_DIR", "/proc/nvbind/state", 1), 0);
	assert_open_raises(r, NVB_ERR_IO, "'/proc/nvbind/state'");
}

static void test_linked_capsules_are_refused(void **state)
{
	struct root *r = *state;

	root_dir(r, "a/b/state", 0700);
	root_dir(r, "elsewhere", 0700);
	root_link(r, "../../../elsewhere", "a/b/state/capsules");
	assert_open_raises(r, NVB_ERR_IO, "capsules'");
}

static void test_new(void **state)
{
	static const char *const folders[] = { "upper", "work" };
	struct root *r = *state;
	struct bolt_capsule c, other;

	open_state(r);
	c = new_capsule(r, "one");
	assert_string_equal(c.id, "one");
	assert_non_null(strstr(c.path, "/a/b/state/capsules/one"));
	assert_int_equal(strncmp(c.cgroup, "nvbind-one-", 11), 0);
	assert_null(strchr(c.cgroup, '/'));
	for (size_t i = 0; i < ELEMENTS(folders); i++)
		assert_true(S_ISDIR(root_mode(r,
			arena_printf(r->a, "a/b/state/capsules/one/%s", folders[i]))));
	assert_int_equal(root_mode(r, "a/b/state/capsules/one"), S_IFDIR | 0700);
	other = new_capsule(r, NULL);
	assert_int_equal(strlen(other.id), 12);
	assert_int_equal(strspn(other.id, "0123456789abcdef"), 12);
	assert_int_equal(count_capsules(r), 2);
	remove_capsule(r, &c);
	remove_capsule(r, &other);
	assert_int_equal(count_capsules(r), 0);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".gone-x", "../x", "a/b", "-x", "_x", "a b",
		"a\n", "\xc3\xa9", "a:b" };
	char name[65];
	struct root *r = *state;
	struct bolt_capsule c = BOLT_CAPSULE_INIT;

	open_state(r);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_raised(r, bolt_capsule_new(&bolt, bad[i], &c, &r->err), NVB_ERR_USAGE,
			"is not a container name");
	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	assert_raised(r, bolt_capsule_new(&bolt, name, &c, &r->err), NVB_ERR_USAGE, "1 to 63");
	name[63] = '\0';
	c = new_capsule(r, name);
	assert_raised(r, bolt_capsule_new(&bolt, name, &c, &r->err), NVB_ERR_ENGINE, "is running");
	assert_int_equal(count_capsules(r), 1);
	remove_capsule(r, &c);
	c = new_capsule(r, "A0_.-z");
	remove_capsule(r, &c);
	assert_int_equal(count_capsules(r), 0);
}

/* Two state directories may use one name: their cgroups are two. */
static void test_cgroups_differ(void **state)
{
	struct root *r = *state;
	struct bolt_capsule one, two;
	char *first;

	open_state(r);
	one = new_capsule(r, "same");
	first = arena_strdup(r->a, one.cgroup);
	remove_capsule(r, &one);
	assert_int_equal(setenv("NVBIND_STATE_DIR", arena_printf(r->a, "%s/other", r->path), 1), 0);
	open_state(r);
	two = new_capsule(r, "same");
	assert_string_not_equal(first, two.cgroup);
	remove_capsule(r, &two);
}

/* Holds a capsule as a keeper does: through a descriptor that it inherited. */
static pid_t hold(struct bolt_capsule *c)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0)
		(void)pause();
	assert_true(pid > 0);
	bolt_capsule_done(c);
	return pid;
}

static void test_held_by_another_process(void **state)
{
	struct root *r = *state;
	struct bolt_capsule c;
	pid_t holder;
	int result;

	open_state(r);
	c = new_capsule(r, "held");
	holder = hold(&c);
	run_another(r);
	assert_int_equal(count_capsules(r), 1);
	result = bolt_capsule_new(&bolt, "held", &c, &r->err);
	assert_raised(r, result, NVB_ERR_ENGINE, "'held' is running");
	assert_int_equal(count_capsules(r), 1);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	c = new_capsule(r, "held");
	assert_int_equal(count_capsules(r), 1);
	remove_capsule(r, &c);
}

/* A container's processes may outlive a killed nvbind for a moment, into the next command. */
static void test_dies_beside_another(void **state)
{
	struct root *r = *state;
	struct bolt_capsule dying, next;
	pid_t holder;

	open_state(r);
	dying = new_capsule(r, "dying");
	holder = hold(&dying);
	next = new_capsule(r, "next");
	assert_int_equal(count_capsules(r), 2);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	remove_capsule(r, &next);
	assert_int_equal(count_capsules(r), 0);
}

static void test_sweep(void **state)
{
	struct root *r = *state;

	open_state(r);
	root_file(r, "elsewhere/precious", "kept", 0644);
	/* Died while it was made; while it ran; while it was removed. */
	root_dir(r, "a/b/state/capsules/made", 0700);
	root_file(r, "a/b/state/capsules/ran/lock", "", 0600);
	root_file(r, "a/b/state/capsules/ran/upper/etc/x", "x", 0000);
	root_dir(r, "a/b/state/capsules/ran/work/work", 0000);
	root_link(r, "/etc", "a/b/state/capsules/ran/upper/link");
	root_dir(r, "a/b/state/capsules/.gone-x-1/upper", 0755);
	/* What is not ours to be there. */
	root_file(r, "a/b/state/capsules/file", "", 0644);
	root_link(r, "../../../../elsewhere", "a/b/state/capsules/link");
	root_dir(r, "a/b/state/capsules/linked", 0700);
	root_link(r, "../../../../../elsewhere/precious", "a/b/state/capsules/linked/lock");
	run_another(r);
	assert_int_equal(root_mode(r, "a/b/state/capsules/.gone-x-1"), 0);
	assert_int_equal(root_mode(r, "a/b/state/capsules/link"), 0);
	assert_true(S_ISREG(root_mode(r, "elsewhere/precious")));
	/* A lock that is a link cannot be taken: it is left alone, not followed. */
	assert_int_equal(count_capsules(r), 1);
	assert_true(S_ISDIR(root_mode(r, "a/b/state/capsules/linked")));
}

/* Removal by two at once: the one that finishes its container and one that sweeps. */
static void test_removed_by_two(void **state)
{
	struct root *r = *state;

	open_state(r);
	for (int i = 0; i < 20; i++) {
		struct bolt_capsule c = new_capsule(r, "twice");
		pid_t pid;
		int status;

		for (int f = 0; f < 100; f++)
			root_file(r, arena_printf(r->a, "a/b/state/capsules/twice/upper/%d", f), "",
				0644);
		pid = fork();
		if (pid == 0) {
			bolt_capsule_done(&c);
			for (int n = 0; n < 5; n++)
				run_another(r);
			_exit(0);
		}
		remove_capsule(r, &c);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		run_another(r);
		assert_int_equal(count_capsules(r), 0);
	}
}

/* What we may not look into may be alive. */
static void test_unreadable_is_left_alone(void **state)
{
	struct root *r = *state;

	root_become_ordinary(r);
	open_state(r);
	root_file(r, "a/b/state/capsules/dark/lock", "", 0600);
	root_dir(r, "a/b/state/capsules/dark", 0000);
	run_another(r);
	assert_int_equal(root_mode(r, "a/b/state/capsules/dark"), S_IFDIR);
	root_dir(r, "a/b/state/capsules/dark", 0700);
	run_another(r);
	assert_int_equal(count_capsules(r), 0);
	root_become_self();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories_of_other_users, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_linked_capsules_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cgroups_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held_by_another_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dies_beside_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_removed_by_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable_is_left_alone, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
