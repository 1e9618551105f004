/* SPDX-License-Identifier: Apache-2.0 */
/* Mounting into a container that exists: real mount and user namespaces, hand-made plans. */
#include "root.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "engine/attach/attach.h"
#include "engine/attach/attach_steps.h"

#define HOST_ID	 100000
#define ID_RANGE 65536
#define TEXT	 "the host's file"

static const char *const read_only[] = { "ro", "nosuid", "nodev", "rbind", "rprivate" };

enum container_kind {
	PLAIN,
	SHARED, /* what is mounted in it shows on the host too */
	WITH_USER_NAMESPACE,
};

/* A "machine" in r->path: host/ has what is mounted, root/ is the container's root. */
struct machine {
	struct root *r;
	struct plan *plan;
	pid_t pid;
	char rootfs[80];
	int root_fd;
};

static void write_at(struct root *r, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(r->fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text)), 0);
}

static void make_dir(struct root *r, const char *path)
{
	_cleanup_close_ int fd = path_mkdir_all_in(r->fd, path, 0755);

	assert_true(fd >= 0);
}

static void write_map(pid_t pid, const char *name)
{
	char path[64], map[64];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	(void)snprintf(map, sizeof(map), "0 %d %d", HOST_ID, ID_RANGE);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, map, strlen(map)), strlen(map));
}

static _Noreturn void be_container(const struct machine *m, enum container_kind kind, int ready_fd)
{
	int flags = CLONE_NEWNS | (kind == WITH_USER_NAMESPACE ? CLONE_NEWUSER : 0);
	unsigned long propagation = kind == SHARED ? 0 : MS_REC | MS_SLAVE;

	if (unshare(flags) < 0 || (propagation && mount(NULL, "/", NULL, propagation, NULL) < 0) ||
		mount(m->rootfs, m->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		_exit(1);
	(void)!write(ready_fd, "r", 1);
	for (;;)
		(void)pause();
}

static void start_container(struct machine *m, enum container_kind kind)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	m->pid = fork();
	if (m->pid == 0)
		be_container(m, kind, fds[1]);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	(void)close(fds[0]);
	if (kind == WITH_USER_NAMESPACE) {
		write_map(m->pid, "uid_map");
		write_map(m->pid, "gid_map");
	}
	assert_int_equal(attach_open_root(m->pid, m->rootfs, &m->root_fd, &m->r->err), 0);
}

static int set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	void *r = NULL;

	if (!m || root_set_up(&r) < 0)
		return -1;
	m->r = r;
	m->root_fd = -1;
	m->plan = plan_new();
	(void)snprintf(m->rootfs, sizeof(m->rootfs), "%s/root", m->r->path);
	make_dir(m->r, "root/usr/lib");
	make_dir(m->r, "root/dev");
	make_dir(m->r, "host");
	write_at(m->r, "host/lib.so", TEXT);
	*state = m;
	return m->plan ? 0 : -1;
}

static void end_container(struct machine *m)
{
	closep(&m->root_fd);
	if (m->pid > 0) {
		(void)kill(m->pid, SIGKILL);
		(void)waitpid(m->pid, NULL, 0);
	}
	m->pid = 0;
}

static int tear_down(void **state)
{
	struct machine *m = *state;
	void *r = m->r;
	int result;

	end_container(m);
	/* For the test that mounts in its own namespace. */
	while (umount2(m->rootfs, MNT_DETACH) == 0)
		continue;
	plan_free(m->plan);
	result = root_tear_down(&r);
	free(m);
	return result;
}

static void add_mount(struct machine *m, const char *source, const char *destination)
{
	struct arena *a = m->plan->arena;
	struct plan_mount *mount = vec_push(a, &m->plan->mounts);

	assert_non_null(mount);
	mount->source = arena_printf(a, "%s/%s", m->r->path, source);
	mount->destination = destination;
	for (size_t i = 0; i < ELEMENTS(read_only); i++)
		assert_int_equal(string_list_add(a, &mount->options, read_only[i]), 0);
}

static int attach(struct machine *m)
{
	struct attach_target target = { .pid = m->pid, .root_fd = m->root_fd, .nodes = true };

	return attach_plan(&target, m->plan, &m->r->err);
}

static void expect_ok(struct machine *m)
{
	int r = attach(m);

	if (r < 0)
		print_error("%s\n", nvb_error_message(m->r->err));
	assert_int_equal(r, 0);
}

static void expect_failure(struct machine *m, int status, const char *text)
{
	assert_int_equal(attach(m), status);
	if (!strstr(nvb_error_message(m->r->err), text))
		print_error("%s\n", nvb_error_message(m->r->err));
	assert_non_null(strstr(nvb_error_message(m->r->err), text));
}

static bool is_host_file(int root_fd, const char *path)
{
	_cleanup_free_ char *text = NULL;

	return file_read_regular_in(root_fd, path, 4096, &text, NULL) == 0 &&
	       strcmp(text, TEXT) == 0;
}

static bool exists(const struct machine *m, const char *path)
{
	struct stat st;

	return fstatat(m->r->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_mounts(void **state)
{
	struct machine *m = *state;
	_cleanup_close_ int fd = -1;

	make_dir(m->r, "host/profiles/deep");
	add_mount(m, "host/lib.so", "/usr/lib/x86_64-linux-gnu/lib.so");
	add_mount(m, "host/profiles", "/etc/profiles");
	start_container(m, PLAIN);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "usr/lib/x86_64-linux-gnu/lib.so"));
	assert_int_equal(faccessat(m->root_fd, "etc/profiles/deep", F_OK, 0), 0);
	fd = openat(m->root_fd, "usr/lib/x86_64-linux-gnu/lib.so", O_WRONLY | O_CLOEXEC);
	assert_int_equal(errno, EROFS);
	/* On the host, the place alone. */
	assert_false(is_host_file(m->r->fd, "root/usr/lib/x86_64-linux-gnu/lib.so"));
	assert_false(exists(m, "root/etc/profiles/deep"));
}

static void test_shared_propagation(void **state)
{
	struct machine *m = *state;
	_cleanup_close_ int host_fd = -1;

	make_dir(m->r, "root/usr/lib/mounted");
	assert_int_equal(mount(m->rootfs, m->rootfs, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, m->rootfs, NULL, MS_SHARED, NULL), 0);
	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	start_container(m, SHARED);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "usr/lib/lib.so"));
	host_fd = open(m->rootfs, O_PATH | O_CLOEXEC);
	assert_true(host_fd >= 0);
	assert_int_equal(faccessat(host_fd, "usr/lib/lib.so", F_OK, 0), 0);
	assert_false(is_host_file(host_fd, "usr/lib/lib.so"));
}

static void test_undo(void **state)
{
	struct machine *m = *state;

	make_dir(m->r, "root/usr/lib/conflict");
	add_mount(m, "host/lib.so", "/opt/new/lib.so");
	add_mount(m, "host/lib.so", "/usr/lib/other.so");
	add_mount(m, "host/lib.so", "/usr/lib/conflict");
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_UNSAFE_PATH, "is a directory");
	assert_false(exists(m, "root/opt"));
	assert_false(exists(m, "root/usr/lib/other.so"));
	assert_int_equal(faccessat(m->root_fd, "opt", F_OK, 0), -1);
	assert_int_equal(faccessat(m->root_fd, "usr/lib/other.so", F_OK, 0), -1);
}

static void test_missing_source(void **state)
{
	struct machine *m = *state;

	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	add_mount(m, "host/absent.so", "/usr/lib/absent.so");
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_IO, "host/absent.so");
	assert_false(exists(m, "root/usr/lib/lib.so"));
}

/* Every link of a root is resolved inside of it. */
static void test_links(void **state)
{
	struct machine *m = *state;

	make_dir(m->r, "outside");
	assert_int_equal(symlinkat(m->r->path, m->r->fd, "root/absolute"), 0);
	assert_int_equal(symlinkat("../../../outside", m->r->fd, "root/usr/up"), 0);
	assert_int_equal(symlinkat("/elsewhere/lib.so", m->r->fd, "root/usr/lib/lib.so"), 0);
	assert_int_equal(symlinkat("/proc/self/root", m->r->fd, "root/magic"), 0);
	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	add_mount(m, "host/lib.so", "/usr/up/one.so");
	add_mount(m, "host/lib.so", "/magic/two.so");
	start_container(m, PLAIN);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "elsewhere/lib.so"));
	assert_true(is_host_file(m->root_fd, "outside/one.so"));
	assert_true(is_host_file(m->root_fd, "proc/self/root/two.so"));
	assert_false(exists(m, "outside/one.so"));
	assert_false(exists(m, "elsewhere"));
}

static void test_link_loop(void **state)
{
	struct machine *m = *state;

	assert_int_equal(symlinkat("loop", m->r->fd, "root/loop"), 0);
	add_mount(m, "host/lib.so", "/loop/lib.so");
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_UNSAFE_PATH, "'/loop/lib.so'");
}

static void test_root_itself(void **state)
{
	struct machine *m = *state;

	assert_int_equal(symlinkat("..", m->r->fd, "root/usr/lib/lib.so"), 0);
	assert_int_equal(symlinkat("/..", m->r->fd, "root/top"), 0);
	add_mount(m, "host", "/top");
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_UNSAFE_PATH, "leads to its root");
}

/* Opening a FIFO would wait for ever. */
static void test_fifo(void **state)
{
	struct machine *m = *state;

	assert_int_equal(mkfifoat(m->r->fd, "root/usr/lib/lib.so", 0600), 0);
	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	start_container(m, PLAIN);
	(void)alarm(10);
	expect_ok(m);
	(void)alarm(0);
	assert_true(is_host_file(m->root_fd, "usr/lib/lib.so"));
}

static void add_node(struct machine *m, const char *path, bool is_device)
{
	struct plan_node *node = vec_push(m->plan->arena, &m->plan->nodes);

	assert_non_null(node);
	*node = (struct plan_node){ .path = path,
		.type = 'c',
		.major = 1,
		.minor = 3,
		.permissions = "rw",
		.host_path = "/dev/null",
		.exists = is_device,
		.is_device = is_device,
		.mode = 0666 };
}

static void expect_null_device(const struct machine *m, const char *path)
{
	_cleanup_close_ int fd = openat(m->root_fd, path, O_RDWR | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	assert_int_equal(write(fd, "x", 1), 1);
}

static void test_nodes(void **state)
{
	struct machine *m = *state;

	add_node(m, "/dev/bound", true);
	add_node(m, "/dev/made/by-number", false);
	start_container(m, PLAIN);
	expect_ok(m);
	expect_null_device(m, "dev/bound");
	expect_null_device(m, "dev/made/by-number");
}

static void test_without_nodes(void **state)
{
	struct machine *m = *state;
	struct attach_target target = { .nodes = false };

	add_node(m, "/dev/bound", true);
	start_container(m, PLAIN);
	target.pid = m->pid;
	target.root_fd = m->root_fd;
	assert_int_equal(attach_plan(&target, m->plan, &m->r->err), 0);
	assert_false(exists(m, "root/dev/bound"));
}

static void give_root_away(const struct machine *m)
{
	static const char *const paths[] = { "root", "root/usr", "root/usr/lib", "root/dev" };

	for (size_t i = 0; i < ELEMENTS(paths); i++)
		assert_int_equal(fchownat(m->r->fd, paths[i], HOST_ID, HOST_ID, 0), 0);
	assert_int_equal(fchmod(m->r->fd, 0755), 0);
}

/* Its root owns what is made, and can open a node that it could not make. */
static void test_user_namespace(void **state)
{
	struct machine *m = *state;
	struct stat st;

	give_root_away(m);
	add_mount(m, "host/lib.so", "/usr/lib/new/lib.so");
	add_node(m, "/dev/bound", true);
	add_node(m, "/dev/made", false);
	start_container(m, WITH_USER_NAMESPACE);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "usr/lib/new/lib.so"));
	expect_null_device(m, "dev/bound");
	expect_null_device(m, "dev/made");
	assert_int_equal(fstatat(m->r->fd, "root/usr/lib/new", &st, 0), 0);
	assert_int_equal(st.st_uid, HOST_ID);
}

static void test_undo_in_user_namespace(void **state)
{
	struct machine *m = *state;

	give_root_away(m);
	make_dir(m->r, "root/usr/lib/conflict");
	add_mount(m, "host/lib.so", "/usr/lib/new/lib.so");
	add_mount(m, "host/lib.so", "/usr/lib/conflict");
	start_container(m, WITH_USER_NAMESPACE);
	expect_failure(m, NVB_ERR_UNSAFE_PATH, "is a directory");
	assert_false(exists(m, "root/usr/lib/new"));
}

/* As a hook of LXC or enroot, which is in the container's namespaces already. */
static void test_own_namespace(void **state)
{
	struct machine *m = *state;

	assert_int_equal(mount(m->rootfs, m->rootfs, NULL, MS_BIND, NULL), 0);
	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	add_node(m, "/dev/made", false);
	assert_int_equal(attach_open_root(0, m->rootfs, &m->root_fd, &m->r->err), 0);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "usr/lib/lib.so"));
	expect_null_device(m, "dev/made");
}

/* Storage of engines is often reached through a link. */
static void test_root_behind_a_link(void **state)
{
	struct machine *m = *state;

	assert_int_equal(symlinkat(m->r->path, m->r->fd, "link"), 0);
	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	start_container(m, PLAIN);
	closep(&m->root_fd);
	assert_int_equal(attach_open_root(m->pid, arena_printf(m->r->a, "%s/link/root", m->r->path),
				 &m->root_fd, &m->r->err),
		0);
	expect_ok(m);
	assert_true(is_host_file(m->root_fd, "usr/lib/lib.so"));
}

static void test_refused_roots(void **state)
{
	struct machine *m = *state;
	static const struct {
		pid_t pid;
		const char *rootfs;
		int status;
	} table[] = {
		{ 0, "/", NVB_ERR_USAGE },
		{ 0, "//", NVB_ERR_USAGE },
		{ 0, "", NVB_ERR_USAGE },
		{ 0, "relative", NVB_ERR_USAGE },
		{ 0, "/.", NVB_ERR_UNSAFE_PATH },
		{ 0, "/tmp/..", NVB_ERR_UNSAFE_PATH },
		{ 0, "/proc/self/root", NVB_ERR_IO },
		{ 0, "/no/such/directory", NVB_ERR_NOT_FOUND },
		{ 0, "/etc/passwd", NVB_ERR_IO },
		{ 0x7ffffff0, "/tmp", NVB_ERR_NOT_FOUND },
	};

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		assert_int_equal(
			attach_open_root(table[i].pid, table[i].rootfs, &m->root_fd, &m->r->err),
			table[i].status);
		nvb_error_clear(&m->r->err);
	}
}

static void test_options(void **state)
{
	struct machine *m = *state;

	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	assert_int_equal(
		string_list_add(m->plan->arena, &m->plan->mounts.items[0].options, "x-unknown"), 0);
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_UNSUPPORTED, "'x-unknown'");
}

static void test_other_file_systems(void **state)
{
	struct machine *m = *state;

	add_mount(m, "host/lib.so", "/usr/lib/lib.so");
	m->plan->mounts.items[0].type = "tmpfs";
	start_container(m, PLAIN);
	expect_failure(m, NVB_ERR_UNSUPPORTED, "'tmpfs'");
}

#define MANY 200

static void add_many(struct machine *m)
{
	for (int i = 0; i < MANY; i++)
		add_mount(m, "host/lib.so",
			arena_printf(m->plan->arena, "/usr/lib/deep/lib%03d.so", i));
}

/* What attach_plan() answers to a process with these limits, which cannot be raised again. */
static int attach_limited(struct machine *m, rlim_t soft, rlim_t hard)
{
	const struct rlimit limit = { soft, hard };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(setrlimit(RLIMIT_NOFILE, &limit) < 0 ? 2 : attach(m) < 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status);
}

/* As systemd starts programs: a low limit that may be raised. */
static void test_soft_descriptor_limit(void **state)
{
	struct machine *m = *state;
	struct rlimit now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	add_many(m);
	start_container(m, PLAIN);
	assert_int_equal(attach_limited(m, MANY / 2, now.rlim_max), 0);
	assert_true(is_host_file(m->root_fd, "usr/lib/deep/lib199.so"));
}

/* One for each mount, and few for the files made for them. */
static void test_hard_descriptor_limit(void **state)
{
	struct machine *m = *state;

	add_many(m);
	start_container(m, PLAIN);
	assert_int_equal(attach_limited(m, MANY + 50, MANY + 50), 0);
	assert_true(is_host_file(m->root_fd, "usr/lib/deep/lib199.so"));
}

/* Wherever the limit is met, nothing stays. */
static void test_descriptor_limit_undo(void **state)
{
	struct machine *m = *state;
	bool done = false;

	for (int i = 0; i < 8; i++)
		add_mount(m, "host/lib.so",
			arena_printf(m->plan->arena, "/usr/lib/deep/%d/lib.so", i));
	start_container(m, PLAIN);
	for (rlim_t limit = (rlim_t)m->root_fd + 2; !done; limit++) {
		done = attach_limited(m, limit, limit) == 0;
		assert_int_equal(exists(m, "root/usr/lib/deep"), done);
		assert_true(limit < 200);
	}
}

/* What the child says, and what it never would. */
static void test_reports(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		int status;
	} table[] = {
#define REPORT(text, status) { text, sizeof(text) - 1, status }
		REPORT("0\0\0\0", 0),
		REPORT("5016\0no\0\0", NVB_ERR_UNSAFE_PATH),
		REPORT("5016\0no\0do\0", NVB_ERR_UNSAFE_PATH),
		REPORT("", NVB_ERR_FAILED),
		REPORT("\0", NVB_ERR_FAILED),
		REPORT("\0\0\0", NVB_ERR_FAILED),
		REPORT("0", NVB_ERR_FAILED),
		REPORT("0\0", NVB_ERR_FAILED),
		REPORT("0\0\0", NVB_ERR_FAILED),
		REPORT("0\0\0\0x", NVB_ERR_FAILED),
		REPORT("0x\0\0\0", NVB_ERR_FAILED),
		REPORT("-2\0no\0\0", NVB_ERR_FAILED),
		REPORT("nonsense\0\0\0", NVB_ERR_FAILED),
		REPORT("65536\0\0\0", NVB_ERR_FAILED),
	};
	struct machine *m = *state;
	struct nvb_error **err = &m->r->err;

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(send(fds[0], table[i].text, table[i].length, 0), table[i].length);
		(void)close(fds[0]);
		assert_int_equal(attach_report_receive(fds[1], err), table[i].status);
		assert_int_equal(*err != NULL, table[i].status != 0);
		nvb_error_clear(err);
		(void)close(fds[1]);
	}
}

static void test_report_of_an_error(void **state)
{
	struct machine *m = *state;
	_cleanup_error_ struct nvb_error *error = NULL;
	int fds[2], r = NVB_RAISE(&error, NVB_ERR_UNSAFE_PATH, 0, "do '%s'", "it");

	r = NVB_HINT(&error, r, "do something else");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	attach_report_send(fds[0], r, error);
	assert_int_equal(attach_report_receive(fds[1], &m->r->err), NVB_ERR_UNSAFE_PATH);
	assert_string_equal(nvb_error_message(m->r->err), "do 'it'");
	assert_string_equal(nvb_error_get_hint(m->r->err), "do something else");
	attach_report_send(fds[0], 0, NULL);
	assert_int_equal(attach_report_receive(fds[1], NULL), 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_mounts),
		TEST(test_shared_propagation),
		TEST(test_undo),
		TEST(test_missing_source),
		TEST(test_links),
		TEST(test_link_loop),
		TEST(test_root_itself),
		TEST(test_fifo),
		TEST(test_nodes),
		TEST(test_without_nodes),
		TEST(test_user_namespace),
		TEST(test_undo_in_user_namespace),
		TEST(test_own_namespace),
		TEST(test_root_behind_a_link),
		TEST(test_refused_roots),
		TEST(test_options),
		TEST(test_other_file_systems),
		TEST(test_soft_descriptor_limit),
		TEST(test_hard_descriptor_limit),
		TEST(test_descriptor_limit_undo),
		TEST(test_reports),
		TEST(test_report_of_an_error),
	};

	/* Nothing of this shows outside. */
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		(void)puts("1..0 # SKIP needs root and mount namespaces");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
