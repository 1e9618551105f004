/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edited copy lies in a tmpfs that is mounted over the container's /proc/driver/nvidia for the
 * length of three calls, so that no place in the container's root is needed. Mounts are made
 * on /proc/self/fd/N of descriptors, which no name in the container can redirect.
 *
 * These mounts must stay in this namespace, or the container would not see them; so each
 * mount below which they are made stops to spread its changes first (a container with shared
 * propagation would hand them to the machine).
 */
#include "hook/params.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include "base/file.h"
#include "base/strbuf.h"

#define PARAMS_LIMIT_BYTES ((size_t)64 << 10)
#define HOST_PARAMS	   "/proc/driver/nvidia/params"
#define MODIFY		   "ModifyDeviceFiles: "
#define HARMLESS	   (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct place {
	int driver_fd; /* /proc/driver of the container */
	int nvidia_fd;
	int params_fd; /* the driver's own file, O_PATH */
};

struct fd_path {
	char text[32];
};

static struct fd_path path_of(int fd)
{
	struct fd_path path;

	(void)snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

int params_edit(const char *text, char **ret_edited, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf edited = STRBUF_INIT(PARAMS_LIMIT_BYTES + 16);
	bool changed = false;

	while (*text) {
		size_t length = strcspn(text, "\n");

		if (strncmp(text, MODIFY, sizeof(MODIFY) - 1) == 0 &&
			!(length == sizeof(MODIFY) && text[length - 1] == '0')) {
			strbuf_str_add(&edited, MODIFY "0");
			changed = true;
		} else {
			strbuf_add(&edited, text, length);
		}
		text += length;
		if (*text) {
			strbuf_char_add(&edited, '\n');
			text++;
		}
	}
	if (!changed)
		return 0;
	*ret_edited = strbuf_take(&edited);
	return *ret_edited ? 1 : NVB_OOM(err);
}

/* A directory one level down that no link leads to; where a mount begins there, it is isolated. */
static int open_below(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	/* EINVAL: no mount begins here. */
	if (fchdir(fd) < 0 || (mount(NULL, ".", NULL, MS_SLAVE, NULL) < 0 && errno != EINVAL))
		closep(&fd);
	return fd;
}

/* Returns 1; 0: the container does not see the driver's parameters. */
static int find_place(int root_fd, struct place *ret, struct nvb_error **err)
{
	_cleanup_close_ int proc_fd = open_below(root_fd, "proc"), driver_fd = -1, nvidia_fd = -1;
	struct statfs fs;

	if (proc_fd >= 0 && (fstatfs(proc_fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC))
		return 0;
	driver_fd = proc_fd < 0 ? -1 : open_below(proc_fd, "driver");
	nvidia_fd = driver_fd < 0 ? -1 : open_below(driver_fd, "nvidia");
	ret->params_fd =
		nvidia_fd < 0 ? -1 : openat(nvidia_fd, "params", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (ret->params_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return NVB_RAISE(
			err, NVB_ERR_FAILED, errno, "open the container's '%s'", HOST_PARAMS);
	if (ret->params_fd < 0)
		return 0;
	ret->driver_fd = TAKE_FD(driver_fd);
	ret->nvidia_fd = TAKE_FD(nvidia_fd);
	return 1;
}

static void place_done(struct place *place)
{
	closep(&place->driver_fd);
	closep(&place->nvidia_fd);
	closep(&place->params_fd);
}

/* The tmpfs over the container's /proc/driver/nvidia, as a descriptor of its top. */
static int open_covering(const struct place *place)
{
	int fd;

	if (mount("tmpfs", path_of(place->nvidia_fd).text, "tmpfs", HARMLESS,
		    "mode=0755,size=128k,nr_inodes=8") < 0)
		return -1;
	fd = openat(place->driver_fd, "nvidia", O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)umount2(path_of(place->nvidia_fd).text, MNT_DETACH);
	return fd;
}

static errint_t bind_copy(int tmpfs_fd, const struct place *place, const char *text)
{
	_cleanup_close_ int fd = openat(
		tmpfs_fd, "params", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	errint_t e = fd < 0 ? -errno : file_write_fd(fd, text, strlen(text));

	if (e < 0)
		return e;
	/* The underlying file is reached through its descriptor, though it is covered. */
	return mount(path_of(fd).text, path_of(place->params_fd).text, NULL, MS_BIND, NULL) < 0
		       ? -errno
		       : 0;
}

static errint_t uncover(int tmpfs_fd)
{
	return fchdir(tmpfs_fd) < 0 || umount2(".", MNT_DETACH) < 0 ? -errno : 0;
}

/* Against root in the container, which may write to a file of mode 0444. */
static errint_t make_read_only(const struct place *place)
{
	_cleanup_close_ int fd =
		openat(place->nvidia_fd, "params", O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || mount(NULL, path_of(fd).text, NULL,
			      MS_BIND | MS_REMOUNT | MS_RDONLY | HARMLESS, NULL) < 0)
		return -errno;
	return 0;
}

int params_disable_modification(int root_fd, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL, *edited = NULL;
	_cleanup_(place_done) struct place place = { -1, -1, -1 };
	_cleanup_close_ int tmpfs_fd = -1;
	errint_t e = file_read_path(HOST_PARAMS, PARAMS_LIMIT_BYTES, &text, NULL), uncovered;
	int r;

	if (e == -ENOENT)
		return 0;
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read '%s'", HOST_PARAMS);
	r = params_edit(text, &edited, err);
	if (r > 0)
		r = find_place(root_fd, &place, err);
	if (r <= 0)
		return r;
	tmpfs_fd = open_covering(&place);
	if (tmpfs_fd < 0)
		return NVB_RAISE(
			err, NVB_ERR_FAILED, errno, "mount over the container's '%s'", HOST_PARAMS);
	e = bind_copy(tmpfs_fd, &place, edited);
	uncovered = uncover(tmpfs_fd);
	if (e == 0)
		e = uncovered;
	if (e == 0)
		e = make_read_only(&place);
	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_FAILED, -e, "mount over the container's '%s'", HOST_PARAMS);
	return 1;
}
