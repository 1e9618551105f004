/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/root_mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "engine/bolt/bundle.h"
#include "engine/bolt/keeper.h"
#include "engine/bolt/overlay.h"
#include "engine/bolt/split_root.h"

#define CGROUP_ROOT	   "/sys/fs/cgroup"
#define CGROUP_HYBRID_TREE CGROUP_ROOT "/unified"
/* Room for the largest config.json, the low-level runtime's state and log, and /etc/hosts. */
#define FILES_OPTIONS "mode=0700,size=64m"

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

/* What a container's root is made of, as this mount namespace has it. */
struct parts {
	int capsule_fd, lower_fd, upper_fd, work_fd; /* on their file systems */
	int files_fd, layer_fd, target_fd;	     /* in memory */
};

#define PARTS_INIT                                                                                 \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1                                                         \
	}

static void parts_done(struct parts *p)
{
	closep(&p->capsule_fd);
	closep(&p->lower_fd);
	closep(&p->upper_fd);
	closep(&p->work_fd);
	closep(&p->files_fd);
	closep(&p->layer_fd);
	closep(&p->target_fd);
}

/*
 * Covers the capsule's directory: what only this namespace needs is in memory, and vanishes with
 * it. The writable layer is not: a container may write more than the memory holds. Descriptors from
 * before go on to name what is below.
 */
static int cover_capsule(const struct keeper *k, struct parts *p, struct nvb_error **err)
{
	static const char *const folders[] = { "root", "layer", "runtime" };
	char target[32];
	int r;

	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", p->capsule_fd);
	if (mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, FILES_OPTIONS) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "mount a tmpfs");
	r = open_directory(AT_FDCWD, k->capsule->path, &p->files_fd, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTS(folders); i++)
		if (mkdirat(p->files_fd, folders[i], 0755) < 0)
			return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "create the directory '%s'",
				folders[i]);
	r = open_directory(p->files_fd, "layer", &p->layer_fd, err);
	return r < 0 ? r : open_directory(p->files_fd, "root", &p->target_fd, err);
}

static int open_parts(const struct keeper *k, struct parts *p, struct nvb_error **err)
{
	int r;

	r = open_again(k->capsule->path, k->capsule->dir_fd, &p->capsule_fd, err);
	if (r >= 0)
		r = open_again(k->lower_path, k->lower_fd, &p->lower_fd, err);
	if (r >= 0)
		r = open_directory(p->capsule_fd, "upper", &p->upper_fd, err);
	if (r >= 0)
		r = open_directory(p->capsule_fd, "work", &p->work_fd, err);
	return r < 0 ? r : cover_capsule(k, p, err);
}

/* A split root is no stack of layers: its places are in the writable one. */
static int mount_split(const struct keeper *k, const struct parts *p, struct nvb_error **err)
{
	const struct split_root split = { p->lower_fd, p->capsule_fd, p->files_fd, k->map->needed,
		!k->runtime->device_cgroup };
	int r = bundle_write(k->bundle, p->files_fd, p->upper_fd, err);

	return r < 0 ? r : split_root_mount(&split, err);
}

static int mount_root(const struct keeper *k, const struct parts *p, struct nvb_error **err)
{
	const struct overlay overlay = { p->lower_fd, p->layer_fd, p->upper_fd, p->work_fd,
		p->target_fd, k->map->needed, !k->runtime->device_cgroup };
	int r;

	if (split_root_is_needed(p->lower_fd))
		return mount_split(k, p, err);
	r = bundle_write(k->bundle, p->files_fd, p->layer_fd, err);
	if (r < 0)
		return r;
	r = overlay_mount(&overlay);
	if (r == 0)
		return 0;
	if (r == -EINVAL && k->map->needed)
		return mount_split(k, p, err);
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, -r, "mount the container's root (overlay)"),
		"'nvbind doctor' tells whether overlayfs works here");
}

/*
 * The machine's own tree is bound where it can be: to mount cgroup2 once more lets the kernel set
 * the options of all its mounts anew, and it waits for a grace period of RCU to do so.
 * Source: Linux 6.18, kernel/cgroup/cgroup.c, apply_cgroup_root_flags().
 */
static int mount_cgroup2(struct nvb_error **err)
{
	if (mount(CGROUP_HYBRID_TREE, CGROUP_ROOT, NULL, MS_BIND, NULL) == 0 ||
		mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ==
			0)
		return 0;
	return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "mount a unified cgroup tree");
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

int root_mount_all(const struct keeper *k, int *ret_files_fd, struct nvb_error **err)
{
	_cleanup_(parts_done) struct parts parts = PARTS_INIT;
	int r;

	r = make_private(k, err);
	if (r >= 0)
		r = mount_proc(err);
	if (r >= 0 && k->runtime->mount_cgroup2)
		r = mount_cgroup2(err);
	if (r >= 0)
		r = open_parts(k, &parts, err);
	if (r >= 0)
		r = mount_root(k, &parts, err);
	if (r >= 0)
		*ret_files_fd = TAKE_FD(parts.files_fd);
	return r;
}
