/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/root_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "engine/bolt/keeper.h"
#include "engine/bolt/overlay.h"
#include "engine/bolt/split_root.h"

static int mount_proc(struct nvb_error **err)
{
	int errnum, r;

	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	errnum = errno;
	r = NVB_RAISE(err, NVB_ERR_ENGINE, errnum, "mount a procfs");
	if (errnum != EPERM)
		return r;
	return NVB_HINT(err, r, "inside a container, nvbind needs one whose /proc is not masked");
}

static int open_directory(int dir_fd, const char *path, int *ret_fd, struct nvb_error **err)
{
	*ret_fd = openat(dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "open '%s'", path);
	return 0;
}

/*
 * A descriptor from before the clone belongs to another mount namespace, where nothing can be
 * mounted from. So the directory is opened again, and must still be the one of the plan.
 */
static int open_again(const char *path, int planned_fd, int *ret_fd, struct nvb_error **err)
{
	struct stat planned, found;
	int r = open_directory(AT_FDCWD, path, ret_fd, err);

	if (r < 0)
		return r;
	if (fstat(planned_fd, &planned) < 0 || fstat(*ret_fd, &found) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "look at '%s'", path);
	if (planned.st_dev != found.st_dev || planned.st_ino != found.st_ino)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"'%s' was replaced while the container was planned", path);
	return 0;
}

static int mount_root(const struct keeper *k, struct nvb_error **err)
{
	_cleanup_close_ int lower_fd = -1, upper_fd = -1, work_fd = -1, target_fd = -1;
	_cleanup_close_ int capsule_fd = -1;
	struct overlay overlay;
	struct split_root split;
	int r;

	r = open_again(k->capsule->path, k->capsule->dir_fd, &capsule_fd, err);
	if (r >= 0)
		r = open_again(k->lower_path, k->lower_fd, &lower_fd, err);
	if (r >= 0)
		r = open_directory(capsule_fd, "upper", &upper_fd, err);
	if (r >= 0)
		r = open_directory(capsule_fd, "work", &work_fd, err);
	if (r >= 0)
		r = open_directory(capsule_fd, "root", &target_fd, err);
	if (r < 0)
		return r;
	split = (struct split_root){ lower_fd, capsule_fd, k->map->needed,
		!k->runtime->device_cgroup };
	if (split_root_is_needed(lower_fd))
		return split_root_mount(&split, err);
	overlay = (struct overlay){ lower_fd, upper_fd, work_fd, target_fd, k->map->needed,
		!k->runtime->device_cgroup };
	r = overlay_mount(&overlay);
	if (r == 0)
		return 0;
	if (r == -EINVAL && k->map->needed)
		return split_root_mount(&split, err);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, -r, "mount the container's root (overlay)"),
		"'nvbind doctor' tells whether overlayfs works here");
}

static int make_private(const struct keeper *k, struct nvb_error **err)
{
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_ENGINE, errno, "make the mounts private");
	/* Ubuntu since 23.10: the namespace can be made and gives no rights. */
	if (k->map->needed)
		return NVB_HINT(err, r,
			"this machine keeps ordinary users from mounting in their own namespaces; "
			"'nvbind doctor' tells which setting does (on Ubuntu: "
			"kernel.apparmor_restrict_unprivileged_userns)");
	return r;
}

int root_mount_all(const struct keeper *k, struct nvb_error **err)
{
	int r;

	r = make_private(k, err);
	if (r < 0)
		return r;
	r = mount_proc(err);
	if (r >= 0 && k->runtime->mount_cgroup2 &&
		mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			NULL) < 0)
		r = NVB_RAISE(err, NVB_ERR_ENGINE, errno, "mount a unified cgroup tree");
	return r < 0 ? r : mount_root(k, err);
}
