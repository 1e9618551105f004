/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/overlay.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FD_PATH_BYTES 32

static void fd_path(char ret[static FD_PATH_BYTES], int fd)
{
	(void)snprintf(ret, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
}

/* `middle_fd`: a lower layer above the lower one, or -1. */
static errint_t mount_with(const struct overlay *o, int middle_fd, const char *extra)
{
	char lower[FD_PATH_BYTES], upper[FD_PATH_BYTES], work[FD_PATH_BYTES], target[FD_PATH_BYTES];
	char middle[FD_PATH_BYTES] = "";
	char options[8 * FD_PATH_BYTES];

	fd_path(lower, o->lower_fd);
	fd_path(upper, o->upper_fd);
	fd_path(work, o->work_fd);
	fd_path(target, o->target_fd);
	if (middle_fd >= 0)
		fd_path(middle, middle_fd);
	(void)snprintf(options, sizeof(options), "lowerdir=%s%s%s,upperdir=%s,workdir=%s%s%s",
		middle, middle_fd >= 0 ? ":" : "", lower, upper, work,
		o->in_user_namespace ? ",userxattr" : "", extra);
	return mount("overlay", target, "overlay", o->no_devices ? MS_NODEV : 0, options) < 0 ?
		-errno :
		0;
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
	return mount_with(&on_tmpfs, o->upper_fd, ",volatile");
}

static errint_t mount_on_tmpfs(const struct overlay *o)
{
	_cleanup_close_ int tmpfs_fd = -1;
	char path[FD_PATH_BYTES];
	errint_t r;

	fd_path(path, o->work_fd);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
		return -errno;
	/* The descriptor names the directory below the new mount; its path leads to the mount. */
	tmpfs_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tmpfs_fd < 0)
		return -errno;
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
	errint_t r = mount_with(overlay, -1, ",volatile");
	errint_t on_tmpfs;

	if (r < 0)
		r = mount_with(overlay, -1, "");
	if (r == 0)
		return 0;
	on_tmpfs = mount_on_tmpfs(overlay);
	return on_tmpfs == 0 ? 0 : r;
}
