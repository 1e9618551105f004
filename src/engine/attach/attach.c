/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of things. A child does the work, because it enters the container's namespaces:
 *
 *	child: clone sources on the host | enter | mount | report | wait          | done, or undo
 *	parent:                                            allow the devices | verdict
 *
 * Its clones vanish with it, so a child that is killed leaves nothing on the host. One whose
 * parent dies sees the end of the pipe and undoes its work.
 */
#include "engine/attach/attach.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/user_namespace.h"
#include "engine/attach/attach_steps.h"

#define PROC_PATH_BYTES 48
#define VERDICT_KEEP	'k'

/* What is opened before anything is changed. */
struct entry {
	int proc_fd; /* of the process in the container, or our own */
	int mount_ns, own_mount_ns;
	int user_ns; /* -1: it is ours */
	bool other_mount_ns;
};

#define ENTRY_INIT                                                                                 \
	{                                                                                          \
		-1, -1, -1, -1, false                                                              \
	}

static void entry_done(struct entry *entry)
{
	closep(&entry->proc_fd);
	closep(&entry->mount_ns);
	closep(&entry->own_mount_ns);
	closep(&entry->user_ns);
}

static int open_process(pid_t pid, const char *path, int flags, int *ret_fd, struct nvb_error **err)
{
	char proc_path[PROC_PATH_BYTES];
	int fd;

	if (pid)
		(void)snprintf(proc_path, sizeof(proc_path), "/proc/%d/%s", (int)pid, path);
	else
		(void)snprintf(proc_path, sizeof(proc_path), "/proc/self/%s", path);
	fd = open(proc_path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "there is no process %d", (int)pid);
	if (fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			proc_path);
	*ret_fd = fd;
	return 0;
}

/* A mistake that would mount the driver over the machine's own files. */
static int check_root(int root_fd, const char *rootfs, struct nvb_error **err)
{
	struct stat own, st;

	if (fstat(root_fd, &st) < 0 || stat("/", &own) < 0)
		return NVB_RAISE(
			err, NVB_ERR_IO, errno, "look at the container's root '%s'", rootfs);
	if (own.st_dev == st.st_dev && own.st_ino == st.st_ino)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"the container's root '%s' is the root of this machine", rootfs);
	return 0;
}

int attach_open_root(pid_t pid, const char *rootfs, int *ret_root_fd, struct nvb_error **err)
{
	_cleanup_close_ int top_fd = -1, fd = -1;
	const char *below = rootfs + strspn(rootfs, "/");
	int r;

	if (below == rootfs || !*below)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'%s' is no container root: it must be absolute and not '/'", rootfs);
	r = open_process(pid, "root", O_PATH | O_DIRECTORY, &top_fd, err);
	if (r < 0)
		return r;
	/* An absolute link on the way must not lead back into our own mount namespace. */
	fd = path_open_in(top_fd, below, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return NVB_RAISE(err,
			nvb_status_from_errno(-fd, fd == -ENOENT ? NVB_ERR_NOT_FOUND : NVB_ERR_IO),
			-fd, "open the container's root '%s'", rootfs);
	r = check_root(fd, rootfs, err);
	if (r >= 0)
		*ret_root_fd = TAKE_FD(fd);
	return r;
}

static int differ(int fd, int other_fd, bool *ret, struct nvb_error **err)
{
	struct stat st, other;

	if (fstat(fd, &st) < 0 || fstat(other_fd, &other) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at the container's namespaces");
	*ret = st.st_dev != other.st_dev || st.st_ino != other.st_ino;
	return 0;
}

static int open_entry(pid_t pid, struct entry *entry, struct nvb_error **err)
{
	_cleanup_close_ int own_user_ns = -1;
	bool other_user_ns = false;
	int r = open_process(pid, ".", O_PATH | O_DIRECTORY, &entry->proc_fd, err);

	if (r >= 0)
		r = open_process(pid, "ns/mnt", O_RDONLY, &entry->mount_ns, err);
	if (r >= 0)
		r = open_process(0, "ns/mnt", O_RDONLY, &entry->own_mount_ns, err);
	if (r >= 0)
		r = open_process(pid, "ns/user", O_RDONLY, &entry->user_ns, err);
	if (r >= 0)
		r = open_process(0, "ns/user", O_RDONLY, &own_user_ns, err);
	if (r >= 0)
		r = differ(entry->mount_ns, entry->own_mount_ns, &entry->other_mount_ns, err);
	if (r >= 0)
		r = differ(entry->user_ns, own_user_ns, &other_user_ns, err);
	if (r >= 0 && !other_user_ns)
		closep(&entry->user_ns);
	return r;
}

/* Becomes root of the container's user namespace: what is made in its file systems is its own. */
static int enter_user_namespace(int user_ns, struct nvb_error **err)
{
	if (setns(user_ns, CLONE_NEWUSER) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_FAILED), errno,
			"enter the container's user namespace");
	/* Forbidden where the namespace was made without privileges. */
	(void)setgroups(0, NULL);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno,
			"become root of the container's user namespace");
	return 0;
}

static int enter(const struct entry *entry, bool moved, struct nvb_error **err)
{
	int mount_ns = entry->other_mount_ns ? entry->mount_ns : moved ? entry->own_mount_ns : -1;

	if (mount_ns >= 0 && setns(mount_ns, CLONE_NEWNS) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_FAILED), errno,
			"enter the container's mount namespace");
	return entry->user_ns >= 0 ? enter_user_namespace(entry->user_ns, err) : 0;
}

/* All that happens in the child before its report. */
static int mount_all(const struct attach_target *target, const struct plan *plan,
	const struct entry *entry, struct attach_work *work, struct nvb_error **err)
{
	struct attach_mount_list mounts = { 0 };
	bool moved = false;
	int r = attach_mount_clone(plan, work->arena, &mounts, err);

	if (r >= 0 && target->nodes)
		r = attach_device_clone(plan, work->arena, &mounts, &moved, err);
	if (r >= 0)
		r = enter(entry, moved, err);
	vec_foreach (struct attach_mount, mount, &mounts) {
		if (r >= 0)
			r = attach_place_mount(work, mount, err);
	}
	if (r < 0)
		attach_place_undo(work);
	else
		log_debug("attach", "%zu mounts are in place", mounts.n);
	return r;
}

/*
 * Each mount takes a descriptor, and systemd starts programs with a soft limit of 1024 for the sake
 * of select(2), which is not used here. No program is started that could inherit ours.
 * Source: systemd NEWS, 240.
 */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static _Noreturn void run_child(const struct attach_target *target, const struct plan *plan,
	const struct entry *entry, int fd)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct attach_work work = { .arena = a, .root_fd = target->root_fd };
	char verdict = 0;
	int r;

	/* Root of the container's user namespace must not get at this process. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	raise_descriptor_limit();
	work.fds_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!a)
		r = NVB_OOM(&err);
	else if (work.fds_fd < 0)
		r = NVB_RAISE(&err, NVB_ERR_IO, errno, "open '/proc/self/fd'");
	else
		r = mount_all(target, plan, entry, &work, &err);
	attach_report_send(fd, r, err);
	if (r >= 0 && (recv(fd, &verdict, 1, 0) != 1 || verdict != VERDICT_KEEP))
		attach_place_undo(&work);
	_exit(r < 0);
}

/*
 * Root of a user namespace may not rule over devices. Nor could the runtime of such a container, so
 * nothing keeps it from its nodes, unless the caller itself is kept from them.
 */
static int allow_devices(int proc_fd, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *why = NULL;
	int r = device_cgroup_allow(proc_fd, plan, &why);

	if (r == NVB_ERR_PERMISSION && !user_namespace_is_initial()) {
		log_debug("attach", "the device cgroup stays: %s", nvb_error_message(why));
		return 0;
	}
	if (err)
		*err = TAKE_PTR(why);
	return r;
}

static int finish(const struct attach_target *target, const struct plan *plan,
	const struct entry *entry, int fd, struct nvb_error **err)
{
	const char verdict = VERDICT_KEEP;
	int r = attach_report_receive(fd, err);

	if (r >= 0 && target->nodes && target->device_cgroup)
		r = allow_devices(entry->proc_fd, plan, err);
	if (r >= 0 && send(fd, &verdict, 1, MSG_NOSIGNAL) != 1)
		r = NVB_RAISE(err, NVB_ERR_FAILED, errno,
			"tell the process in the container that all is well");
	return r;
}

int attach_plan(const struct attach_target *target, const struct plan *plan, struct nvb_error **err)
{
	_cleanup_(entry_done) struct entry entry = ENTRY_INIT;
	struct spawn_exit child_exit = { 0 };
	int fds[2], r, waited;
	pid_t pid;

	r = open_entry(target->pid, &entry, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "make a socket pair");
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		run_child(target, plan, &entry, fds[1]);
	}
	(void)close(fds[1]);
	r = pid < 0 ? NVB_RAISE(err, NVB_ERR_FAILED, errno, "start a process")
		    : finish(target, plan, &entry, fds[0], err);
	/* Without a verdict the child sees the end, and undoes. */
	(void)close(fds[0]);
	if (pid < 0)
		return r;
	waited = spawn_wait(pid, &child_exit, r < 0 ? NULL : err);
	if (r >= 0 && waited < 0)
		return waited;
	if (r >= 0 && (child_exit.by_signal || child_exit.code))
		return NVB_RAISE(err, NVB_ERR_FAILED, 0,
			"give the container its GPUs: the process that does it ended early");
	return r;
}
