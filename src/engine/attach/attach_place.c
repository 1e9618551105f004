/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/path.h"
#include "engine/attach/attach_steps.h"

#define PLACE_MODE     0644
#define DIRECTORY_MODE 0755
/* Enough for "2147483647". */
#define NAME_BYTES 16

/*
 * Where a mount begins at this directory, what is mounted below it no longer spreads to its peers:
 * a container made with shared propagation would hand our mounts to the host.
 */
static errint_t isolate(int dir_fd)
{
	struct mount_attr attr = { .propagation = MS_SLAVE };

	if (syscall(SYS_mount_setattr, dir_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	/* EINVAL: no mount begins here. */
	return errno == EINVAL ? 0 : -errno;
}

/* One descriptor for each directory: a container may get a thousand files in one. */
static errint_t keep_parent(const struct attach_work *work, int parent_fd, struct stat *ret_st)
{
	int fd;

	if (fstat(parent_fd, ret_st) < 0)
		return -errno;
	for (size_t i = work->deeds.n; i > 0; i--) {
		const struct attach_deed *deed = &work->deeds.items[i - 1];

		if (deed->parent_fd >= 0 && deed->parent_device == ret_st->st_dev &&
			deed->parent_inode == ret_st->st_ino)
			return deed->parent_fd;
	}
	fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int add_deed(struct attach_work *work, int parent_fd, const char *name, bool is_directory,
	struct nvb_error **err)
{
	struct stat st;
	char *copy = arena_strdup(work->arena, name);
	int kept_fd = keep_parent(work, parent_fd, &st);
	struct attach_deed *deed;

	if (kept_fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-kept_fd, NVB_ERR_IO), -kept_fd,
			"keep the directory of '%s' open", name);
	deed = copy ? vec_push(work->arena, &work->deeds) : NULL;
	if (!deed)
		return NVB_OOM(err);
	*deed = (struct attach_deed){ .mount_fd = -1,
		.parent_fd = kept_fd,
		.parent_device = st.st_dev,
		.parent_inode = st.st_ino,
		.name = copy,
		.is_directory = is_directory };
	return 0;
}

static int raise_create(const char *path, struct nvb_error **err)
{
	int errnum = errno;
	int r = NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum,
		"make a place for '%s' in the container", path);

	if (errnum == EROFS)
		return NVB_HINT(err, r,
			"the GPU's files need a container root that can be written "
			"to until the container starts");
	return r;
}

/* Makes `name` as an empty file or a directory. What somebody else makes at once is no error yet.
 */
static int create(struct attach_work *work, int parent_fd, const char *name, bool is_directory,
	const char *path, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (is_directory) {
		if (mkdirat(parent_fd, name, DIRECTORY_MODE) < 0)
			return errno == EEXIST ? 0 : raise_create(path, err);
	} else {
		fd = openat(parent_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			PLACE_MODE);
		if (fd < 0)
			return errno == EEXIST ? 0 : raise_create(path, err);
	}
	r = add_deed(work, parent_fd, name, is_directory, err);
	/* What cannot be undone later is undone now. */
	if (r < 0)
		(void)unlinkat(parent_fd, name, is_directory ? AT_REMOVEDIR : 0);
	return r;
}

/* One step down, to what is there or is made now. No link is followed. */
static int step(struct attach_work *work, int *dir_fd, const char *name, bool is_directory,
	const char *path, struct nvb_error **err)
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = openat(*dir_fd, name, flags);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = create(work, *dir_fd, name, is_directory, path, err);
		if (r < 0)
			return r;
		fd = openat(*dir_fd, name, flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"open '%s' of the container's '%s'", name, path);
	if (S_ISLNK(st.st_mode))
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"the container's '%s' became a link while it was looked at", path);
	if (S_ISDIR(st.st_mode) != is_directory)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0, "'%s' of the container's '%s' is %s",
			name, path, is_directory ? "no directory" : "a directory");
	if (is_directory && isolate(fd) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"isolate the mount of '%s' of the container's '%s'", name, path);
	closep(dir_fd);
	*dir_fd = TAKE_FD(fd);
	return 0;
}

/*
 * The links are resolved first, then the path without links is walked by name: whoever changes
 * the tree in between makes the walk end at his link.
 */
static int open_place(struct attach_work *work, const char *path, bool is_directory, int *ret_fd,
	struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved resolved = PATH_RESOLVED_INIT;
	_cleanup_close_ int fd = fcntl(work->root_fd, F_DUPFD_CLOEXEC, 0);
	errint_t e = path_resolve_in(work->root_fd, path, &resolved);
	char *save = NULL, *name;
	int r = 0;

	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_UNSAFE_PATH, -e, "resolve the container's '%s'", path);
	name = strtok_r(resolved.path, "/", &save);
	if (fd < 0 || !name)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"the container's '%s' leads to its root", path);
	while (r >= 0 && name) {
		char *next = strtok_r(NULL, "/", &save);

		r = step(work, &fd, name, next || is_directory, path, err);
		name = next;
	}
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int attach_place_mount(
	struct attach_work *work, const struct attach_mount *mount, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	struct attach_deed *deed;
	int r;

	if (isolate(work->root_fd) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"isolate the mount of the container's root");
	r = open_place(work, mount->destination, mount->is_directory, &fd, err);
	if (r < 0)
		return r;
	deed = vec_push(work->arena, &work->deeds);
	if (!deed)
		return NVB_OOM(err);
	*deed = (struct attach_deed){ .mount_fd = -1, .parent_fd = -1 };
	if (syscall(SYS_move_mount, mount->fd, "", fd, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
			"mount '%s' in the container", mount->destination);
	deed->mount_fd = mount->fd;
	return 0;
}

static void unmount(const struct attach_work *work, int mount_fd)
{
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "%d", mount_fd);
	if (fchdir(work->fds_fd) == 0)
		(void)umount2(name, MNT_DETACH);
}

void attach_place_undo(struct attach_work *work)
{
	for (size_t i = work->deeds.n; i > 0; i--) {
		const struct attach_deed *deed = &work->deeds.items[i - 1];

		if (deed->mount_fd >= 0)
			unmount(work, deed->mount_fd);
		else if (deed->parent_fd >= 0)
			(void)unlinkat(
				deed->parent_fd, deed->name, deed->is_directory ? AT_REMOVEDIR : 0);
	}
	work->deeds.n = 0;
}
