/* SPDX-License-Identifier: Apache-2.0 */
/* Device programs of real cgroups of version 2, and what the kernel then allows. */
#include "root.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "engine/attach/attach_steps.h"
#include "engine/attach/bpf_abi.h"

#define PROGRAM_LENGTH_MAX 40000

struct cgroup {
	char mount_point[64], path[96];
	int fd;
	struct plan *plan;
	struct nvb_error *err;
};

static int bpf(enum bpf_abi_command command, const void *attr, size_t size)
{
	return (int)syscall(SYS_bpf, command, attr, size);
}

static int set_up(void **state)
{
	struct cgroup *c = calloc(1, sizeof(*c));

	if (!c)
		return -1;
	(void)snprintf(c->mount_point, sizeof(c->mount_point), "/tmp/nvbind-cgroup-XXXXXX");
	c->plan = plan_new();
	if (!c->plan || !mkdtemp(c->mount_point) ||
		mount("cgroup2", c->mount_point, "cgroup2", 0, NULL) < 0)
		return -1;
	(void)snprintf(
		c->path, sizeof(c->path), "%s/nvbind-test-%d", c->mount_point, (int)getpid());
	if (mkdir(c->path, 0755) < 0)
		return -1;
	c->fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = c;
	return c->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct cgroup *c = *state;
	int r;

	closep(&c->fd);
	r = rmdir(c->path) < 0 || umount2(c->mount_point, 0) < 0 || rmdir(c->mount_point) < 0;
	plan_free(c->plan);
	nvb_error_free(c->err);
	free(c);
	return r ? -1 : 0;
}

static void add_node(struct cgroup *c, char type, uint32_t minor, const char *permissions)
{
	struct plan_node *node = vec_push(c->plan->arena, &c->plan->nodes);

	assert_non_null(node);
	*node = (struct plan_node){ .path = "/dev/x",
		.type = type,
		.major = 1,
		.minor = minor,
		.permissions = permissions };
}

/* A program of `length` instructions that refuses all: "r0 = 0" over and over, and an end. */
static int load_refusal(size_t length)
{
	_cleanup_free_ struct bpf_abi_insn *code = calloc(length, sizeof(*code));
	struct bpf_abi_prog_load attr = { .prog_type = BPF_ABI_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)length,
		.insns = (uint64_t)(uintptr_t)code,
		.license = (uint64_t)(uintptr_t) "Apache-2.0" };
	int fd;

	assert_non_null(code);
	for (size_t i = 0; i + 1 < length; i++)
		code[i].code = BPF_ALU | BPF_ABI_MOV | BPF_K;
	code[length - 1].code = BPF_JMP | BPF_ABI_EXIT;
	fd = bpf(BPF_ABI_PROG_LOAD, &attr, sizeof(attr));
	assert_true(fd >= 0);
	return fd;
}

static void refuse_all(struct cgroup *c, uint32_t flags, size_t length)
{
	_cleanup_close_ int fd = load_refusal(length);
	struct bpf_abi_prog_attach attr = { .target_fd = (uint32_t)c->fd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.attach_flags = flags };

	assert_int_equal(bpf(BPF_ABI_PROG_ATTACH, &attr, sizeof(attr)), 0);
}

static uint32_t attached(const struct cgroup *c)
{
	uint32_t ids[64];
	struct bpf_abi_prog_query attr = { .target_fd = (uint32_t)c->fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.prog_ids = (uint64_t)(uintptr_t)ids,
		.prog_cnt = 64 };

	assert_int_equal(bpf(BPF_ABI_PROG_QUERY, &attr, sizeof(attr)), 0);
	return attr.prog_cnt;
}

/* What open() answers to a process in the cgroup. */
static int open_inside(const struct cgroup *c, const char *path, int flags)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		char procs[128];
		int fd;

		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", c->path);
		fd = open(procs, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			_exit(200);
		_exit(open(path, flags | O_CLOEXEC) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void allow(struct cgroup *c)
{
	int r = device_program_allow(c->fd, c->plan, &c->err);

	if (r < 0)
		print_error("%s\n", nvb_error_message(c->err));
	assert_int_equal(r, 0);
}

static void test_without_a_program(void **state)
{
	struct cgroup *c = *state;

	add_node(c, 'c', 3, "rw");
	allow(c);
	assert_int_equal(attached(c), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDWR), 0);
}

static void test_rules(void **state)
{
	struct cgroup *c = *state;

	refuse_all(c, BPF_ABI_ALLOW_MULTI, 2);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), EPERM);
	add_node(c, 'c', 3, "rw");
	add_node(c, 'c', 5, "r");
	add_node(c, 'b', 7, "rw"); /* /dev/full is a character device */
	add_node(c, 'c', 8, "");   /* no permission: no rule */
	add_node(c, 0, 9, "rw");   /* no number */
	allow(c);
	assert_int_equal(attached(c), 1);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDONLY), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDWR), EPERM);
	assert_int_equal(open_inside(c, "/dev/full", O_RDONLY), EPERM);
	assert_int_equal(open_inside(c, "/dev/random", O_RDONLY), EPERM);
	assert_int_equal(open_inside(c, "/dev/urandom", O_RDONLY), EPERM);
}

/* All of them must agree. */
static void test_many_programs(void **state)
{
	struct cgroup *c = *state;

	for (int i = 0; i < 5; i++)
		refuse_all(c, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	allow(c);
	assert_int_equal(attached(c), 5);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDONLY), EPERM);
}

/* As older runtimes attach: one program alone, which children may or may not override. */
static void test_single_program(void **state)
{
	struct cgroup *c = *state;

	refuse_all(c, 0, 2);
	add_node(c, 'c', 3, "rw");
	allow(c);
	assert_int_equal(attached(c), 1);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDONLY), EPERM);
}

/* Twice, as for two requests for one container. */
static void test_again(void **state)
{
	struct cgroup *c = *state;

	refuse_all(c, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	allow(c);
	c->plan->nodes.items[0].minor = 5;
	allow(c);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_inside(c, "/dev/zero", O_RDONLY), 0);
	assert_int_equal(open_inside(c, "/dev/full", O_RDONLY), EPERM);
}

static void test_too_long(void **state)
{
	struct cgroup *c = *state;

	refuse_all(c, BPF_ABI_ALLOW_MULTI, PROGRAM_LENGTH_MAX);
	add_node(c, 'c', 3, "rw");
	assert_int_equal(device_program_allow(c->fd, c->plan, &c->err), NVB_ERR_UNSUPPORTED);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), EPERM);
}

static bool has_cgroups(void)
{
	char path[] = "/tmp/nvbind-cgroup-XXXXXX";
	bool has;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(path))
		return false;
	has = mount("cgroup2", path, "cgroup2", 0, NULL) == 0;
	(void)umount2(path, MNT_DETACH);
	(void)rmdir(path);
	return has;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_without_a_program),
		TEST(test_rules),
		TEST(test_many_programs),
		TEST(test_single_program),
		TEST(test_again),
		TEST(test_too_long),
	};

	if (!has_cgroups()) {
		(void)puts("1..0 # SKIP needs root and cgroups of version 2");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
