/* SPDX-License-Identifier: Apache-2.0 */
/* When a holder is there, and when it is gone: each witness alone. */
#include <sched.h>

#include "lease-case.h"
#include "lease/witness.h"

#define GPU "0000:17:00.0"

static uint64_t now_ns(void)
{
	return witness_now_ns();
}

/* A number that no process has: that of one that was reaped. */
static pid_t dead_pid(void)
{
	pid_t pid = start_child();

	end_child(pid);
	return pid;
}

static const struct lease_request no_texts = { .holder = "h", .engine = "oci" };

static struct lease_head head_of(pid_t creator, uint64_t taken_ns)
{
	return (struct lease_head){
		.state = LEASE_SLOT_HELD,
		.mode = LEASE_EXCLUSIVE,
		.creator = creator,
		.taken_ns = taken_ns,
		.namespaces = dir.namespaces,
	};
}

static void creator(void **state)
{
	struct lease_head head = head_of(getpid(), now_ns());

	(void)state;
	write_slot(GPU, 0, &head, &no_texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 1);
	head = head_of(dead_pid(), now_ns());
	write_slot(GPU, 0, &head, &no_texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	/* Hostile numbers are nobody's: kill() would mean groups of processes. */
	for (int pid = -1; pid <= 0; pid++) {
		head = head_of(pid, now_ns());
		write_slot(GPU, 0, &head, &no_texts);
		assert_true(is_free(GPU, NULL, LEASE_SHARED));
	}
}

static void a_reused_number(void **state)
{
	const uint64_t before = now_ns();
	const struct timespec pause_time = { .tv_nsec = 30000000 };
	struct lease_head head;
	pid_t pid;

	(void)state;
	/* The clock of start times has ticks of 10 ms. */
	(void)nanosleep(&pause_time, NULL);
	pid = start_child();
	head = head_of(pid, before);
	write_slot(GPU, 0, &head, &no_texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	head = head_of(dead_pid(), now_ns());
	head.process = pid;
	head.process_start_ticks = 1;
	write_slot(GPU, 0, &head, &no_texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(witness_process(pid, &head.process_start_ticks), 1);
	write_slot(GPU, 0, &head, &no_texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_PROCESS), 1);
	end_child(pid);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void a_zombie_holds_nothing(void **state)
{
	struct lease_head head;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	head = head_of(pid, now_ns());
	write_slot(GPU, 0, &head, &no_texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The kernel may close a dead process's files, and its locks with them, a moment after its end. */
static bool becomes_free(void)
{
	for (int i = 0; i < 5000; i++) {
		if (is_free(GPU, NULL, LEASE_SHARED))
			return true;
		(void)usleep(1000);
	}
	return false;
}

static void lock(void **state)
{
	const struct lease_request request = { .keys = KEYS({ GPU }),
		.mode = LEASE_EXCLUSIVE,
		.holder = "h",
		.engine = "bolt",
		.keep_lock = true };
	pid_t pid = start_holder(&request);

	(void)state;
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_LOCK), 1);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	end_child(pid);
	assert_true(becomes_free());
}

/* A child of the taker keeps the lock when the taker is gone. */
static void an_inherited_lock(void **state)
{
	const struct lease_request request = { .keys = KEYS({ GPU }),
		.mode = LEASE_EXCLUSIVE,
		.holder = "h",
		.engine = "bolt",
		.keep_lock = true };
	int ready[2];
	pid_t pid, keeper = 0;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct lease *lease;

		if (lease_take(&dir, &request, &lease, NULL) < 0)
			_exit(1);
		/* Not start_child(): that one ends with its parent. */
		keeper = fork();
		if (keeper == 0) {
			(void)alarm(30);
			(void)pause();
			_exit(0);
		}
		if (write(ready[1], &keeper, sizeof(keeper)) != sizeof(keeper))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &keeper, sizeof(keeper)), sizeof(keeper));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(kill(keeper, SIGKILL), 0);
	assert_true(becomes_free());
}

static void the_process_of_a_container(void **state)
{
	struct lease *lease = must_take(GPU, NULL, LEASE_EXCLUSIVE, "h");
	pid_t pid = start_child();

	(void)state;
	assert_int_equal(lease_set_process(lease, pid, NULL), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_PROCESS), 1);
	end_child(pid);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CREATOR), 1);
	assert_true(lease_set_process(lease, pid, NULL) < 0);
	lease_release(lease);
}

/* The way of nvbind-runtime: who took it is gone, what it started says so in a file. */
static void pid_file(void **state)
{
	char path[128], text[32];
	struct lease_request texts = { .holder = "h", .engine = "oci", .pid_file = path };
	struct lease_head head = head_of(dead_pid(), now_ns());
	pid_t pid;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", case_path);
	write_slot(GPU, 0, &head, &texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	pid = start_child();
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	write_file(path, text);
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	/* It was noted: the file is not needed any more, and a new one changes nothing. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_PROCESS), 1);
	end_child(pid);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void pid_file_of_another(void **state)
{
	char path[128], text[32];
	struct lease_request texts = { .holder = "a-container", .engine = "oci", .pid_file = path };
	const struct timespec pause_time = { .tv_nsec = 30000000 };
	struct lease_head head;
	pid_t pid;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", case_path);
	/* One that was there before the slot is not its container. */
	pid = start_child();
	(void)nanosleep(&pause_time, NULL);
	head = head_of(dead_pid(), now_ns());
	(void)snprintf(text, sizeof(text), "%d\n", (int)pid);
	write_file(path, text);
	write_slot(GPU, 0, &head, &texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	end_child(pid);
	/* One of another control group may be: that the runtime made none is not its end. */
	pid = start_child();
	(void)snprintf(text, sizeof(text), "%d\n", (int)pid);
	write_file(path, text);
	texts.cgroup = "/docker/a-container";
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 1);
	/* But not where the number was the container's, and is now another one's. */
	head.process = pid;
	head.process_start_ticks = 1;
	write_slot(GPU, 0, &head, &texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	head = head_of(dead_pid(), now_ns() - 1000000000);
	/* Without one to compare with, it is. */
	texts.cgroup = NULL;
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	end_child(pid);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void pid_file_that_says_nothing(void **state)
{
	char path[128];
	struct lease_request texts = { .holder = "h", .engine = "oci", .pid_file = path };
	struct lease_head head = head_of(dead_pid(), now_ns());

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", case_path);
	write_file(path, "12x");
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(unlink(path), 0);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
}

static void make_dirs(const char *path)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = path_mkdir_all_in(root, path, 0755);

	assert_true(fd >= 0);
	(void)close(fd);
}

static void control_group(void **state)
{
	static const struct {
		const char *folder, *file, *text;
		bool is_free;
	} cases[] = {
		{ "/docker/x", "cgroup.events", "populated 1\nfrozen 0\n", false },
		{ "/docker/x", "cgroup.events", "populated 0\nfrozen 0\n", true },
		{ "/docker", "cgroup.events", "populated 1\n", true },
		{ "/unified/docker/x", "cgroup.events", "populated 1\n", false },
		{ "/devices/docker/x", "cgroup.procs", "17\n", false },
		{ "/devices/docker/x", "cgroup.procs", "", true },
		{ "/memory/docker/x", "cgroup.procs", "17\n", false },
	};
	const struct lease_request texts = {
		.holder = "x", .engine = "oci", .cgroup = "/docker/x"
	};
	struct lease_head head = head_of(dead_pid(), now_ns());
	char root[128], path[256];

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		(void)snprintf(root, sizeof(root), "%s/cgroup-%zu", case_path, i);
		dir.cgroup_path = root;
		(void)snprintf(path, sizeof(path), "%s%s", root, cases[i].folder);
		make_dirs(path);
		(void)snprintf(path, sizeof(path), "%s%s/%s", root, cases[i].folder, cases[i].file);
		write_file(path, cases[i].text);
		write_slot(GPU, 0, &head, &texts);
		assert_int_equal(is_free(GPU, NULL, LEASE_SHARED), cases[i].is_free);
	}
	/* Below, too, where the kernel does not sum up; what cannot be read may hold. */
	(void)snprintf(path, sizeof(path), "%s/cgroup-5/devices/docker/x/below", case_path);
	make_dirs(path);
	(void)snprintf(root, sizeof(root), "%s/cgroup-5", case_path);
	write_slot(GPU, 0, &head, &texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	(void)snprintf(
		path, sizeof(path), "%s/cgroup-5/devices/docker/x/below/cgroup.procs", case_path);
	write_file(path, "1\n");
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
}

/* What cannot be looked at may have processes; it hides none that is found behind it. */
static void a_control_group_that_cannot_be_read(void **state)
{
	const struct lease_request texts = {
		.holder = "x", .engine = "oci", .cgroup = "/docker/x"
	};
	struct lease_head head = head_of(dead_pid(), now_ns());
	char path[256];

	(void)state;
	dir.cgroup_path = case_path;
	for (int i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/devices/docker/x/%d/", case_path, i);
		make_dirs(path);
		(void)snprintf(
			path, sizeof(path), "%s/devices/docker/x/%d/cgroup.procs", case_path, i);
		write_file(path, "");
	}
	(void)snprintf(path, sizeof(path), "%s/devices/docker/x/cgroup.procs", case_path);
	write_file(path, "");
	write_slot(GPU, 0, &head, &texts);
	assert_true(is_free(GPU, NULL, LEASE_SHARED));
	(void)snprintf(path, sizeof(path), "%s/devices/docker/x/1/cgroup.procs", case_path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("0", path), 0);
	write_slot(GPU, 0, &head, &texts);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 1);
	(void)snprintf(path, sizeof(path), "%s/devices/docker/x/2/cgroup.procs", case_path);
	write_file(path, "1\n");
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CGROUP), 1);
}

/* Who looks from another process namespace finds no such process, and must not conclude from it. */
static void another_namespace(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct lease *lease = must_take(GPU, NULL, LEASE_EXCLUSIVE, "h");
	const uint32_t own = dir.namespaces;
	struct string_list warnings = { 0 };
	struct lease_head head;

	(void)state;
	assert_int_not_equal(own, 0);
	assert_int_equal(own, witness_namespaces());
	head = head_of(dead_pid(), now_ns());
	head.namespaces = own;
	write_slot(GPU, 1, &head, &no_texts);
	for (uint32_t other = 0; other <= 1; other++) {
		dir.namespaces = other ? own ^ 1 : 0;
		assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 2);
		assert_int_equal(lease_gc(&dir, a, &warnings, NULL), 0);
		assert_false(is_free(GPU, NULL, LEASE_SHARED));
	}
	/* A number that was written without knowing is nobody's to judge. */
	head.namespaces = 0;
	write_slot(GPU, 2, &head, &no_texts);
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 3);
	dir.namespaces = own;
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_UNKNOWN), 1);
	assert_int_equal(lease_gc(&dir, a, &warnings, NULL), 1);
	lease_release(lease);
}

/* Each namespace alone makes a difference; 77: this user may make none here. */
static int compare_in(int flag, uint32_t own)
{
	int status;
	pid_t pid = fork(), below;

	if (pid == 0) {
		if (unshare(flag) < 0)
			_exit(77);
		/* Process and time namespaces begin with the next child. */
		below = fork();
		if (below == 0)
			_exit(witness_namespaces() != own ? 0 : 1);
		if (waitpid(below, &status, 0) != below || !WIFEXITED(status))
			_exit(2);
		_exit(WEXITSTATUS(status));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void every_namespace(void **state)
{
	static const int flags[] = { CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWTIME };
	const uint32_t own = witness_namespaces();

	(void)state;
	assert_int_not_equal(own, 0);
	assert_int_equal(compare_in(0, own), 1);
	for (size_t i = 0; i < ELEMENTS(flags); i++) {
		int status = compare_in(flags[i], own);

		if (status != 77)
			assert_int_equal(status, 0);
	}
}

static void orphans_are_named(void **state)
{
	const struct lease_request texts = { .holder = "x", .engine = "oci", .cgroup = "/x" };
	struct lease_head head = head_of(dead_pid(), now_ns());
	_cleanup_error_ struct nvb_error *err = NULL;
	char path[256];
	struct lease *lease;

	(void)state;
	dir.cgroup_path = case_path;
	(void)snprintf(path, sizeof(path), "%s/x", case_path);
	make_dirs(path);
	(void)snprintf(path, sizeof(path), "%s/x/cgroup.events", case_path);
	write_file(path, "populated 1\n");
	write_slot(GPU, 0, &head, &texts);
	assert_int_equal(try_take(GPU, NULL, LEASE_SHARED, "y", &lease, &err), NVB_ERR_BUSY);
	assert_non_null(
		strstr(nvb_error_message(err), "its monitor is gone, its processes are not"));
	assert_int_equal(count_entries(GPU, LEASE_WITNESS_CGROUP), 1);
}

/* It counts as held by the numbers that can be read in it. */
static void torn(void **state)
{
	struct lease_head head = head_of(getpid(), now_ns());
	struct lease_file file = LEASE_FILE_INIT;
	char damage = 'x';

	(void)state;
	write_slot(GPU, 0, &head, &no_texts);
	assert_int_equal(lease_file_open(&dir, GPU, false, &file, NULL), 1);
	assert_int_equal(
		pwrite(file.fd, &damage, 1, 64 + (off_t)offsetof(struct lease_head, partition)), 1);
	assert_false(is_free(GPU, "gi1ci0", LEASE_SHARED));
	assert_int_equal(lease_release_held(&dir, GPU, NULL, true, NULL), 1);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	head = head_of(dead_pid(), now_ns());
	write_slot(GPU, 0, &head, &no_texts);
	assert_int_equal(pwrite(file.fd, &damage, 1, 64), 1);
	assert_true(is_free(GPU, NULL, LEASE_EXCLUSIVE));
	/* A body: the head still tells. */
	head = head_of(getpid(), now_ns());
	write_slot(GPU, 0, &head, &no_texts);
	assert_int_equal(pwrite(file.fd, &damage, 1, sizeof(struct lease_page)), 1);
	assert_false(is_free(GPU, NULL, LEASE_SHARED));
	(void)close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creator, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_reused_number, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_zombie_holds_nothing, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(lock, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(an_inherited_lock, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			the_process_of_a_container, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(pid_file, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(pid_file_of_another, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			pid_file_that_says_nothing, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(control_group, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			a_control_group_that_cannot_be_read, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(another_namespace, case_setup, case_teardown),
		cmocka_unit_test(every_namespace),
		cmocka_unit_test_setup_teardown(orphans_are_named, case_setup, case_teardown),
		cmocka_unit_test_setup_teardown(torn, case_setup, case_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
