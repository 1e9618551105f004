/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/overlay.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define FD_PATH_BYTES 32

static void fd_path(char ret[static FD_PATH_BYTES], int fd)
{
	(void)snprintf(ret, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
}

static errint_t mount_with(const struct overlay *o, const char *extra)
{
	char lower[FD_PATH_BYTES], upper[FD_PATH_BYTES], work[FD_PATH_BYTES], target[FD_PATH_BYTES];
	char middle[FD_PATH_BYTES] = "";
	char options[8 * FD_PATH_BYTES];

	fd_path(lower, o->lower_fd);
	fd_path(upper, o->upper_fd);
	fd_path(work, o->work_fd);
	fd_path(target, o->target_fd);
	if (o->middle_fd >= 0)
		fd_path(middle, o->middle_fd);
	(void)snprintf(options, sizeof(options), "lowerdir=%s%s%s,upperdir=%s,workdir=%s%s%s",
		middle, o->middle_fd >= 0 ? ":" : "", lower, upper, work,
		o->in_user_namespace ? ",userxattr" : "", extra);
	return mount("overlay", target, "overlay", o->no_devices ? MS_NODEV : 0, options) < 0
		       ? -errno
		       : 0;
}

static errint_t mount_above_tmpfs(const struct overlay *o, int tmpfs_fd)
{
	_cleanup_close_ int upper_fd = -1, work_fd = -1;
	struct overlay on_tmpfs = *o;

	if (mkdirat(tmpfs_fd, "upper", 0755) < 0 || mkdirat(tmpfs_fd, "work", 0700) < 0)
		return -errno;
	upper_fd = openat(tmpfs_fd, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	work_fd = openat(tmpfs_fd, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (upper_fd < 0 || work_fd < 0)
		return -errno;
	on_tmpfs.upper_fd = upper_fd;
	on_tmpfs.work_fd = work_fd;
	/* Where there is a middle layer the upper one is still empty. */
	if (o->middle_fd < 0)
		on_tmpfs.middle_fd = o->upper_fd;
	return mount_with(&on_tmpfs, ",volatile");
}

/*
 * A tmpfs over `dir_fd`; returns its root. A descriptor from before a mount names what is below it,
 * by its /proc path too, so the mount itself has to hand one out.
 */
static errint_t cover_with_tmpfs(int dir_fd)
{
	_cleanup_close_ int fs_fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	_cleanup_close_ int mount_fd = -1;

	if (fs_fd < 0 || syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
		syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount_fd = (int)syscall(
		SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mount_fd < 0 || syscall(SYS_move_mount, mount_fd, "", dir_fd, "",
				    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return TAKE_FD(mount_fd);
}

static errint_t mount_on_tmpfs(const struct overlay *o)
{
	_cleanup_close_ int tmpfs_fd = cover_with_tmpfs(o->work_fd);
	char path[FD_PATH_BYTES];
	errint_t r;

	if (tmpfs_fd < 0)
		return tmpfs_fd;
	r = mount_above_tmpfs(o, tmpfs_fd);
	if (r < 0) {
		fd_path(path, tmpfs_fd);
		(void)umount2(path, MNT_DETACH);
	}
	return r;
}

errint_t overlay_mount(const struct overlay *overlay)
{
	/* The layer is thrown away at the end: it needs no sync ("volatile", Linux 5.10). */
	errint_t r = mount_with(overlay, ",volatile");
	errint_t on_tmpfs;

	if (r < 0)
		r = mount_with(overlay, "");
	if (r == 0)
		return 0;
	on_tmpfs = mount_on_tmpfs(overlay);
	return on_tmpfs == 0 ? 0 : r;
}
