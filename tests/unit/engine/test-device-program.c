/* SPDX-License-Identifier: Apache-2.0 */
/* Device programs of real cgroups of version 2, and what the kernel then allows. */
#include "root.h"

#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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

static int remove_directory(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)where;
	return type == FTW_DP ? rmdir(path) : 0;
}

static int tear_down(void **state)
{
	struct cgroup *c = *state;
	int r;

	closep(&c->fd);
	r = nftw(c->path, remove_directory, 16, FTW_DEPTH | FTW_PHYS) != 0 ||
	    umount2(c->mount_point, 0) < 0 || rmdir(c->mount_point) < 0;
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

static void refuse_all_in(int cgroup_fd, uint32_t flags, size_t length)
{
	_cleanup_close_ int fd = load_refusal(length);
	struct bpf_abi_prog_attach attr = { .target_fd = (uint32_t)cgroup_fd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.attach_flags = flags };

	assert_int_equal(bpf(BPF_ABI_PROG_ATTACH, &attr, sizeof(attr)), 0);
}

static void refuse_all(struct cgroup *c, uint32_t flags, size_t length)
{
	refuse_all_in(c->fd, flags, length);
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

static bool join(int cgroup_fd)
{
	_cleanup_close_ int fd = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "0", 1) == 1;
}

/* What open() answers to a process in the cgroup. */
static int open_in(int cgroup_fd, const char *path, int flags)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (!join(cgroup_fd))
			_exit(200);
		_exit(open(path, flags | O_CLOEXEC) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int open_inside(const struct cgroup *c, const char *path, int flags)
{
	return open_in(c->fd, path, flags);
}

static int make_below(int cgroup_fd, const char *name)
{
	int fd;

	assert_int_equal(mkdirat(cgroup_fd, name, 0755), 0);
	fd = openat(cgroup_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* A process that waits in the cgroup; *ret_proc_fd is its directory in procfs. */
static pid_t start_inside(int cgroup_fd, int *ret_proc_fd)
{
	char path[32], byte;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !join(cgroup_fd))
			_exit(200);
		(void)!write(fds[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	(void)close(fds[0]);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	*ret_proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(*ret_proc_fd >= 0);
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void expect_refused(struct cgroup *c, int r, const char *text)
{
	assert_int_equal(r, NVB_ERR_UNSUPPORTED);
	if (!strstr(nvb_error_message(c->err), text))
		print_error("%s\n", nvb_error_message(c->err));
	assert_non_null(strstr(nvb_error_message(c->err), text));
	nvb_error_clear(&c->err);
}

static void allow(struct cgroup *c)
{
	int r = device_program_allow(c->fd, -1, c->plan, &c->err);

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
	assert_int_equal(device_program_allow(c->fd, -1, c->plan, &c->err), NVB_ERR_UNSUPPORTED);
	assert_int_equal(open_inside(c, "/dev/null", O_RDWR), EPERM);
}

/* The kernel's own structure grows at its end, and answers are written there. */
static void test_query_has_room_for_all_answers(void **state)
{
	struct cgroup *c = *state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct bpf_abi_prog_query *attr;
	uint32_t ids[64];

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	attr = (struct bpf_abi_prog_query *)(pages + page) - 1;
	*attr = (struct bpf_abi_prog_query){ .target_fd = (uint32_t)c->fd,
		.attach_type = BPF_ABI_ATTACH_CGROUP_DEVICE,
		.prog_ids = (uint64_t)(uintptr_t)ids,
		.prog_cnt = ELEMENTS(ids) };
	assert_int_equal(bpf(BPF_ABI_PROG_QUERY, attr, sizeof(*attr)), 0);
	(void)munmap(pages, 2 * page);
}

/* The cgroup's own programs are not all that counts. */
static void test_parent_refuses(void **state)
{
	struct cgroup *c = *state;
	_cleanup_close_ int below = make_below(c->fd, "box");
	_cleanup_close_ int deep = make_below(below, "deep");

	refuse_all(c, BPF_ABI_ALLOW_MULTI, 2);
	refuse_all_in(deep, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	expect_refused(c, device_program_allow(deep, -1, c->plan, &c->err), "refuses");
	assert_int_equal(open_in(deep, "/dev/null", O_RDWR), EPERM);
	/* Nor is it changed. */
	assert_int_equal(open_in(c->fd, "/dev/null", O_RDWR), EPERM);
}

static void test_parent_allows(void **state)
{
	struct cgroup *c = *state;
	_cleanup_close_ int below = make_below(c->fd, "box");

	refuse_all(c, BPF_ABI_ALLOW_MULTI, 2);
	refuse_all_in(below, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	allow(c);
	assert_int_equal(device_program_allow(below, -1, c->plan, &c->err), 0);
	assert_int_equal(open_in(below, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_in(below, "/dev/zero", O_RDONLY), EPERM);
}

/* crun's: systemd's rules are on the scope, and the container is below. */
static void test_scope(void **state)
{
	struct cgroup *c = *state;
	_cleanup_close_ int scope = make_below(c->fd, "box.scope"), proc_fd = -1, other = -1;
	_cleanup_close_ int container = make_below(scope, "container");
	pid_t pid = start_inside(container, &proc_fd);
	int r;

	refuse_all_in(scope, BPF_ABI_ALLOW_MULTI, 2);
	refuse_all_in(container, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	r = device_cgroup_allow(proc_fd, c->plan, &c->err);
	if (r < 0)
		print_error("%s\n", nvb_error_message(c->err));
	assert_int_equal(r, 0);
	assert_int_equal(open_in(container, "/dev/null", O_RDWR), 0);
	assert_int_equal(open_in(container, "/dev/zero", O_RDONLY), EPERM);
	/* A scope that is not the container's alone is left as it is. */
	c->plan->nodes.items[0].minor = 5;
	other = make_below(scope, "other");
	r = device_cgroup_allow(proc_fd, c->plan, &c->err);
	expect_refused(c, r, "refuses");
	assert_int_equal(open_in(other, "/dev/zero", O_RDWR), EPERM);
	end(pid);
}

static void test_other_parents_are_no_scope(void **state)
{
	static const char *const names[] = { "box", ".scope", "box.slice", "box.scope.d", "scope" };
	struct cgroup *c = *state;

	add_node(c, 'c', 3, "rw");
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_close_ int parent = make_below(c->fd, names[i]), proc_fd = -1;
		_cleanup_close_ int container = make_below(parent, "container");
		pid_t pid = start_inside(container, &proc_fd);

		refuse_all_in(parent, BPF_ABI_ALLOW_MULTI, 2);
		if (strcmp(names[i], ".scope") != 0)
			expect_refused(
				c, device_cgroup_allow(proc_fd, c->plan, &c->err), "refuses");
		end(pid);
	}
}

/*
 * From another cgroup namespace the container is at "/../victim". There is a cgroup of that name
 * right here, too: it must not get the rules.
 */
static void test_other_cgroup_namespace(void **state)
{
	struct cgroup *c = *state;
	_cleanup_close_ int victim = make_below(c->fd, "victim"), proc_fd = -1;
	_cleanup_close_ int caller = make_below(c->fd, "caller");
	_cleanup_close_ int namesake = make_below(caller, "victim");
	pid_t pid = start_inside(victim, &proc_fd), child;
	int status = 0;

	refuse_all_in(victim, BPF_ABI_ALLOW_MULTI, 2);
	refuse_all_in(namesake, BPF_ABI_ALLOW_MULTI, 2);
	add_node(c, 'c', 3, "rw");
	child = fork();
	if (child == 0) {
		if (!join(caller) || unshare(CLONE_NEWCGROUP | CLONE_NEWNS) < 0 ||
			umount2(c->mount_point, MNT_DETACH) < 0 ||
			mount("cgroup2", c->mount_point, "cgroup2", 0, NULL) < 0)
			_exit(200);
		_exit(device_cgroup_allow(proc_fd, c->plan, NULL) == NVB_ERR_UNSUPPORTED ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(open_in(namesake, "/dev/null", O_RDWR), EPERM);
	assert_int_equal(open_in(victim, "/dev/null", O_RDWR), EPERM);
	/* In the right one, it works. */
	assert_int_equal(device_cgroup_allow(proc_fd, c->plan, &c->err), 0);
	assert_int_equal(open_in(victim, "/dev/null", O_RDWR), 0);
	end(pid);
}

/* Programs as systemd and container runtimes write them, and what is none of these. */

#define LOAD(to, at)                                                                               \
	{                                                                                          \
		.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (to), .src_reg = 1, .off = (at)      \
	}
#define WITH_VALUE(kind, operation, on, value, jump)                                               \
	{                                                                                          \
		.code = (kind) | (operation) | BPF_K, .dst_reg = (on), .off = (jump),              \
		.imm = (value)                                                                     \
	}
#define END                                                                                        \
	{                                                                                          \
		.code = BPF_JMP | BPF_ABI_EXIT                                                     \
	}

static enum device_verdict ask(
	const struct bpf_abi_insn *code, size_t n, uint32_t access, uint32_t major, uint32_t minor)
{
	const struct bpf_abi_device asked = {
		.access_type = access << 16 | BPF_ABI_DEVICE_CHAR, .major = major, .minor = minor
	};

	return device_verdict(code, n, &asked);
}

/* "c 195:* rw", with the registers and jumps of systemd's. */
static void test_verdict_of_rules(void **state)
{
	static const struct bpf_abi_insn code[] = {
		LOAD(2, 0),
		WITH_VALUE(BPF_ALU, BPF_AND, 2, 0xffff, 0),
		LOAD(3, 0),
		WITH_VALUE(BPF_ALU, BPF_RSH, 3, 16, 0),
		LOAD(4, 4),
		LOAD(5, 8),
		{ .code = BPF_ALU | BPF_ABI_MOV | BPF_X, .dst_reg = 1, .src_reg = 3 },
		WITH_VALUE(BPF_ALU, BPF_AND, 1, BPF_ABI_ACCESS_READ | BPF_ABI_ACCESS_WRITE, 0),
		{ .code = BPF_JMP | BPF_ABI_JNE | BPF_X, .dst_reg = 1, .src_reg = 3, .off = 4 },
		WITH_VALUE(BPF_JMP, BPF_ABI_JNE, 2, BPF_ABI_DEVICE_CHAR, 3),
		WITH_VALUE(BPF_JMP, BPF_ABI_JNE, 4, 195, 2),
		WITH_VALUE(BPF_ABI_ALU64, BPF_ABI_MOV, 0, 1, 0),
		WITH_VALUE(BPF_JMP, BPF_JA, 0, 0, 1),
		WITH_VALUE(BPF_ABI_ALU64, BPF_ABI_MOV, 0, 0, 0),
		END,
	};
	const uint32_t rw = BPF_ABI_ACCESS_READ | BPF_ABI_ACCESS_WRITE;

	(void)state;
	assert_int_equal(ask(code, ELEMENTS(code), rw, 195, 7), DEVICE_ALLOWED);
	assert_int_equal(ask(code, ELEMENTS(code), BPF_ABI_ACCESS_READ, 195, 7), DEVICE_ALLOWED);
	assert_int_equal(
		ask(code, ELEMENTS(code), rw | BPF_ABI_ACCESS_MKNOD, 195, 7), DEVICE_REFUSED);
	assert_int_equal(ask(code, ELEMENTS(code), rw, 196, 7), DEVICE_REFUSED);
}

static void test_verdict_not_known(void **state)
{
	static const struct bpf_abi_insn codes[][2] = {
		{ { .code = BPF_JMP | BPF_ABI_CALL, .imm = 1 }, END },
		{ { .code = BPF_LD | BPF_IMM | BPF_ABI_DW, .src_reg = 1 }, END },
		{ { .code = BPF_LD | BPF_IMM | BPF_ABI_DW }, END }, { LOAD(0, 12), END },
		{ LOAD(0, 9), END }, { LOAD(0, -1), END },
		{ { .code = BPF_LDX | BPF_MEM | BPF_W, .src_reg = 10, .off = -4 }, END },
		{ { .code = BPF_LDX | BPF_MEM | BPF_ABI_DW, .src_reg = 1 }, END },
		{ { .code = BPF_ALU | BPF_DIV | BPF_K, .imm = 2 }, END },
		{ { .code = BPF_ALU | BPF_ABI_MOV | BPF_K, .dst_reg = 11 }, END },
		{ { .code = BPF_JMP | BPF_JA, .off = -1 }, END },    /* for ever */
		{ { .code = BPF_JMP | BPF_JA, .off = -2 }, END },    /* before the start */
		{ { .code = BPF_JMP | BPF_JA, .off = 32767 }, END }, /* behind the end */
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(codes); i++)
		assert_int_equal(ask(codes[i], 2, BPF_ABI_ACCESS_READ, 1, 3), DEVICE_UNKNOWN);
	assert_int_equal(ask(codes[0], 0, BPF_ABI_ACCESS_READ, 1, 3), DEVICE_UNKNOWN);
}

static bool has_cgroups(void)
{
	char path[] = "/tmp/nvbind-cgroup-XXXXXX";
	bool has;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(path))
		return false;
	/* The machine's own may rule over devices by version 1. */
	while (umount2("/sys/fs/cgroup", MNT_DETACH) == 0)
		continue;
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
		TEST(test_query_has_room_for_all_answers),
		TEST(test_parent_refuses),
		TEST(test_parent_allows),
		TEST(test_scope),
		TEST(test_other_parents_are_no_scope),
		TEST(test_other_cgroup_namespace),
		TEST(test_verdict_of_rules),
		TEST(test_verdict_not_known),
	};

	if (!has_cgroups()) {
		(void)puts("1..0 # SKIP needs root and cgroups of version 2");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
