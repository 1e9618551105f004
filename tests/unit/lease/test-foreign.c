/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a GPU's nodes open, and the leases of a plan. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "lease-case.h"

#include "lease/foreign.h"
#include "lease/lease_keys.h"
#include "lease/lease_plan.h"

static struct host_tree tree = HOST_TREE_INIT;

static struct gpu_node node_of(const char *path)
{
	return (struct gpu_node){ .node = { .path = path, .exists = true } };
}

static struct gpu_node gpu_nodes[2], partition_nodes[1];
static struct gpu_partition partition = {
	.index = 2, .gi = 3, .ci = 0, .nodes = { partition_nodes, 1, 1 }
};
static struct gpu gpu = { .index = 4, .pci_address = "0000:17:00.0", .nodes = { gpu_nodes, 2, 2 } };

static int machine_setup(void **state)
{
	if (case_setup(state) < 0)
		return -1;
	gpu_nodes[0] = node_of("/dev/gpu4");
	gpu_nodes[1] = node_of("/dev/dri/renderD132");
	partition_nodes[0] = node_of("/dev/caps/cap7");
	return 0;
}

static void add_process(int pid, const char *command, const char *const *links)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[256], name[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/machine/proc/%d/fd", case_path, pid);
	fd = path_mkdir_all_in(root, path, 0755);
	assert_true(fd >= 0);
	for (int i = 0; links[i]; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(symlinkat(links[i], fd, name), 0);
	}
	(void)close(fd);
	(void)snprintf(name, sizeof(name), "%s/machine/proc/%d/comm", case_path, pid);
	write_file(name, command);
}

static void open_machine(void)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/machine", case_path);
	assert_int_equal(host_tree_open(path, &tree, NULL), 0);
}

static size_t find(const struct gpu_partition *of, struct arena *a, struct foreign_user_list *users)
{
	struct selected_gpu item = { &gpu, of };
	const struct selection selection = { .items = &item, .n = 1 };
	size_t unseen = 0;

	assert_int_equal(foreign_users_find(&tree, &selection, a, users, &unseen, NULL), 0);
	return users->n;
}

static void users_are_found(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct foreign_user_list users;

	(void)state;
	add_process(100, "shell\n", (const char *[]){ "/dev/null", "socket:[1]", NULL });
	add_process(
		101, "train\n", (const char *[]){ "/dev/null", "/dev/gpu4", "/dev/gpu4", NULL });
	add_process(102, "other\n", (const char *[]){ "/dev/gpu41", "/dev/gpu", NULL });
	add_process(103, "show\n", (const char *[]){ "/dev/dri/renderD132", NULL });
	open_machine();
	assert_int_equal(find(NULL, a, &users), 2);
	assert_int_equal(users.items[0].pid, 101);
	assert_string_equal(users.items[0].command, "train");
	assert_string_equal(users.items[0].node, "/dev/gpu4");
	assert_int_equal(users.items[1].pid, 103);
	/* The GPU's own node is open to the neighbours of a partition. */
	assert_int_equal(find(&partition, a, &users), 0);
	host_tree_done(&tree);
	add_process(104, "part\n", (const char *[]){ "/dev/caps/cap7", NULL });
	open_machine();
	assert_int_equal(find(&partition, a, &users), 1);
	host_tree_done(&tree);
}

/* The live machine, by device number: a child that has /dev/full open under another name. */
static void on_the_running_machine(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct gpu_node own = {
		.node = { .path = "/dev/none", .exists = true, .type = 'c', .major = 1, .minor = 7 }
	};
	struct gpu_node_list kept = gpu.nodes;
	struct foreign_user_list users;
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	bool found = false;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	pid = start_child();
	(void)close(fd);
	gpu.nodes = (struct gpu_node_list){ &own, 1, 1 };
	assert_int_equal(host_tree_open("/", &tree, NULL), 0);
	(void)find(NULL, a, &users);
	vec_foreach (struct foreign_user, user, &users)
		found |= user->pid == pid;
	assert_true(found);
	end_child(pid);
	(void)find(NULL, a, &users);
	vec_foreach (struct foreign_user, user, &users)
		assert_int_not_equal(user->pid, pid);
	gpu.nodes = kept;
	host_tree_done(&tree);
}

/* Who asks a file system about a descriptor of another one's waits for it. */
static unsigned impatient_looks, patient_looks;

static bool is_descriptor(const char *name)
{
	return name[0] >= '0' && name[0] <= '9' && !strchr(name, '/');
}

int patient_fstatat(int fd, const char *name, struct stat *ret, int flags) __asm__("fstatat64");
int seen_statx(int fd, const char *name, int flags, unsigned mask, struct statx *ret) __asm__(
	"statx");

int patient_fstatat(int fd, const char *name, struct stat *ret, int flags)
{
	impatient_looks += is_descriptor(name);
	return (int)syscall(SYS_newfstatat, fd, name, ret, flags);
}

int seen_statx(int fd, const char *name, int flags, unsigned mask, struct statx *ret)
{
	impatient_looks += is_descriptor(name) && !(flags & AT_STATX_DONT_SYNC);
	patient_looks += is_descriptor(name);
	return (int)syscall(SYS_statx, fd, name, flags, mask, ret);
}

static void copy_program(const char *from, const char *to)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/cp", "cp", from, to, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void start_watcher_like(const char *program, const char *bind_from, pid_t *ret)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	*ret = fork();
	if (*ret == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (bind_from && (unshare(CLONE_NEWNS) < 0 ||
					 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
					 mount(bind_from, "/usr/sbin", NULL, MS_BIND, NULL) < 0))
			_exit(1);
		(void)execl(program, program, "1000", NULL);
		_exit(1);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);
	(void)close(ready[0]);
}

static bool is_user(pid_t pid)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct foreign_user_list users;
	bool found = false;

	(void)find(NULL, a, &users);
	vec_foreach (struct foreign_user, user, &users)
		found |= user->pid == pid;
	return found;
}

/* Root's file of that name, in an image or anywhere: only the machine's own one is a watcher. */
static void a_watcher_in_name_only(void **state)
{
	static const char name[] = "nvidia-persistenced";
	struct gpu_node own = {
		.node = { .path = "/dev/none", .exists = true, .type = 'c', .major = 1, .minor = 7 }
	};
	struct gpu_node_list kept = gpu.nodes;
	char folder[128], program[192];
	int fd;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		return;
	(void)snprintf(folder, sizeof(folder), "%s/bin", case_path);
	(void)snprintf(program, sizeof(program), "%s/%s", folder, name);
	assert_int_equal(mkdir(folder, 0755), 0);
	copy_program("/bin/sleep", program);
	fd = open("/dev/full", O_RDWR);
	gpu.nodes = (struct gpu_node_list){ &own, 1, 1 };
	assert_int_equal(host_tree_open("/", &tree, NULL), 0);
	start_watcher_like(program, NULL, &pid);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_true(is_user(pid));
	end_child(pid);
	/* A container may have no rights to be made here. */
	start_watcher_like("/usr/sbin/nvidia-persistenced", folder, &pid);
	(void)usleep(10000);
	if (waitpid(pid, NULL, WNOHANG) == 0) {
		assert_true(is_user(pid));
		end_child(pid);
	}
	(void)close(fd);
	assert_int_equal(impatient_looks, 0);
	assert_true(patient_looks > 0);
	gpu.nodes = kept;
	host_tree_done(&tree);
}

static int take_plan(enum isolation_mode isolation, const struct gpu_partition *of,
	struct lease **ret, struct nvb_error **err)
{
	struct selected_gpu item = { &gpu, of };
	struct plan plan = { .isolation = isolation, .gpus = { .items = &item, .n = 1 } };
	const struct lease_plan request = {
		.plan = &plan, .tree = &tree, .holder = "c", .engine = "bolt", .keep_lock = true
	};

	return lease_plan_take(&request, ret, err);
}

static void a_plan(void **state)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	struct lease *lease, *other;
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/leases", case_path);
	add_process(101, "tr\tain\n", (const char *[]){ "/dev/gpu4", NULL });
	open_machine();
	assert_int_equal(setenv("NVBIND_LEASE_DIR", path, 1), 0);
	assert_int_equal(take_plan(ISOLATION_SHARED, NULL, &lease, NULL), 0);
	assert_int_equal(take_plan(ISOLATION_SHARED, NULL, NULL, NULL), 0);
	lease_release(lease);
	assert_int_equal(take_plan(ISOLATION_EXCLUSIVE, &partition, &other, NULL), NVB_ERR_BUSY);
	assert_int_equal(lease_release_held(&dir, NULL, "c", true, NULL), 1);
	assert_int_equal(take_plan(ISOLATION_EXCLUSIVE, &partition, &other, NULL), 0);
	lease_release(other);
	assert_int_equal(take_plan(ISOLATION_EXCLUSIVE, NULL, &other, &err), NVB_ERR_BUSY);
	assert_string_equal(nvb_error_message(err),
		"take the GPUs as exclusive: process 101 (tr\\x09ain) has '/dev/gpu4' open");
	/* The refused one holds nothing. */
	assert_int_equal(take_plan(ISOLATION_SHARED, NULL, &lease, NULL), 0);
	lease_release(lease);
	assert_int_equal(unsetenv("NVBIND_LEASE_DIR"), 0);
	host_tree_done(&tree);
}

/* Exit code of a child that is an ordinary user without a session. */
static int try_as_user(enum isolation_mode isolation)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct lease *lease = NULL;
		int r;

		if ((geteuid() == 0 && setresuid(61234, 61234, 61234) < 0) ||
			unsetenv("XDG_RUNTIME_DIR") < 0)
			_exit(3);
		r = take_plan(isolation, NULL, &lease, NULL);
		_exit(r == NVB_ERR_NOT_FOUND ? 1 : r < 0 || lease ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_user_without_a_place(void **state)
{
	(void)state;
	/* Who has a session has a place. */
	if (geteuid() != 0)
		return;
	assert_int_equal(try_as_user(ISOLATION_SHARED), 0);
	assert_int_equal(try_as_user(ISOLATION_EXCLUSIVE), 1);
}

static void keys(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct gpu windows = { .index = 0, .vendor = GPU_VENDOR_WSL };
	struct gpu_partition xcp = { .index = 5, .gi = -1, .ci = -1 };
	struct selected_gpu items[] = { { &gpu, NULL }, { &gpu, &partition }, { &gpu, &xcp },
		{ &windows, NULL } };
	const struct selection selection = { .items = items, .n = 4 };
	struct lease_key_list list;

	(void)state;
	assert_int_equal(lease_keys_of(&selection, a, &list, NULL), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.items[0].gpu, "0000:17:00.0");
	assert_null(list.items[0].partition);
	assert_string_equal(list.items[0].label, "GPU 4");
	assert_string_equal(list.items[1].partition, "gi3ci0");
	assert_string_equal(list.items[1].label, "GPU 4:2");
	assert_string_equal(list.items[2].partition, "p5");
	assert_true(lease_file_is_name(list.items[3].gpu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(users_are_found, machine_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			on_the_running_machine, machine_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			a_watcher_in_name_only, machine_setup, case_teardown),
		cmocka_unit_test_setup_teardown(a_plan, machine_setup, case_teardown),
		cmocka_unit_test_setup_teardown(
			a_user_without_a_place, machine_setup, case_teardown),
		cmocka_unit_test_setup_teardown(keys, machine_setup, case_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
