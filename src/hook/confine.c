/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#ifndef MOUNT_ATTR_NOSUID
/* Before glibc 2.36; from then on the two clash. */
#include <linux/mount.h>
#endif

#include "hook/confine_calls.h"
#include "hook/view.h"

#define FIRST_UNUSED_FD	   3
#define FD_SCAN_END	   1024
#define CPU_LIMIT_SECONDS  10
#define MEMORY_LIMIT_BYTES ((rlim_t)1 << 30)
#define FILE_LIMIT_BYTES   ((rlim_t)65 << 20) /* an ld.so.cache has at most 64 MiB */
#define DESCRIPTORS_LIMIT  64

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define CAPABILITY(n) ((uint64_t)1 << (n))

/* Until the container's root is ours; each is used by confine_in_root() or hook/params.c. */
static const uint64_t mounting_capabilities =
	CAPABILITY(CAP_SYS_ADMIN)	/* mount, unshare */
	| CAPABILITY(CAP_SYS_CHROOT)	/* where pivot_root does not work */
	| CAPABILITY(CAP_DAC_OVERRIDE); /* the files of a root that another user owns */
/* In the container's root; an overlay may belong to any user. */
static const uint64_t writing_capabilities = CAPABILITY(CAP_DAC_OVERRIDE);

/* 0, 1 and 2 exist, so that a message never goes into a file that is opened later. */
static int close_inherited(struct nvb_error **err)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return NVB_RAISE(err, NVB_ERR_IO, errno, "open '/dev/null'");
	} while (fd < FIRST_UNUSED_FD);
	if (syscall(SYS_close_range, FIRST_UNUSED_FD, ~0U, 0) == 0)
		return 0;
	for (fd = FIRST_UNUSED_FD; fd < FD_SCAN_END; fd++)
		(void)close(fd);
	return 0;
}

static int set_limits(struct nvb_error **err)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_CPU, CPU_LIMIT_SECONDS },
		{ RLIMIT_AS, MEMORY_LIMIT_BYTES },
		{ RLIMIT_FSIZE, FILE_LIMIT_BYTES },
		{ RLIMIT_NOFILE, DESCRIPTORS_LIMIT },
	};

	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		struct rlimit now, wanted = { limits[i].value, limits[i].value };

		/* A lower limit of the caller stays. */
		if (getrlimit(limits[i].resource, &now) == 0 && now.rlim_max < wanted.rlim_max)
			continue;
		if (setrlimit(limits[i].resource, &wanted) < 0)
			return NVB_RAISE(err, NVB_ERR_FAILED, errno, "lower a resource limit");
	}
	return 0;
}

static int keep_capabilities(uint64_t keep, struct nvb_error **err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "read the capabilities");
	for (size_t i = 0; i < ELEMENTS(sets); i++) {
		sets[i].permitted &= (uint32_t)(keep >> (32 * i));
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, sets) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "drop capabilities");
	return 0;
}

int confine_process(struct nvb_error **err)
{
	int r;

	(void)clearenv();
	/* A limit on files is an error to report, not a death. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(022);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "give up privileges");
	r = close_inherited(err);
	return r < 0 ? r : set_limits(err);
}

int confine_to_mounting(struct nvb_error **err)
{
	return keep_capabilities(mounting_capabilities, err);
}

/* A root that is no mount of its own (--root) becomes one; the working directory moves into it. */
static int make_mount_point(void)
{
	_cleanup_close_ int fd = (int)syscall(
		SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0 || syscall(SYS_move_mount, fd, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -1;
	return fchdir(fd);
}

static int pivot_here(void)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return -1;
	/* The old root now lies on top of the new one. */
	return umount2(".", MNT_DETACH);
}

/* The working directory becomes "/". */
static int enter_here(struct nvb_error **err)
{
	/* EBUSY, EINVAL: the directory is not the root of a mount. */
	bool inside = pivot_here() == 0 || ((errno == EBUSY || errno == EINVAL) &&
						   make_mount_point() == 0 && pivot_here() == 0);

	/* The machine's root is an initial ramfs, or the kernel is older than Linux 5.2. */
	if (!inside && chroot(".") < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "enter the container's root");
	if (chdir("/") < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "enter the container's root");
	return 0;
}

/*
 * For ourselves alone: the container's own view stays as the runtime has made it. Since Linux
 * 5.12; without it, writing answers EROFS.
 */
static void make_writable(void)
{
	struct mount_attr attributes = { .attr_clr = MOUNT_ATTR_RDONLY };

	(void)syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof(attributes));
}

/* Since Linux 5.12; without it, files are still checked before they are opened. */
static void forbid_devices_and_programs(void)
{
	struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};

	(void)syscall(
		SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes));
}

int confine_in_root(int root_fd, int *ret_root_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	bool only_view = view_is_read_only(root_fd);
	int r;

	/* The working directory is what follows us into the copy of the mounts. */
	if (fchdir(root_fd) < 0 || unshare(CLONE_NEWNS) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_FAILED), errno,
			"make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "keep mounts from spreading");
	r = enter_here(err);
	if (r < 0)
		return r;
	forbid_devices_and_programs();
	if (only_view)
		make_writable();
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "open the container's root");
	r = keep_capabilities(writing_capabilities, err);
	if (r >= 0)
		r = confine_calls(err);
	if (r >= 0)
		*ret_root_fd = TAKE_FD(fd);
	return r;
}
