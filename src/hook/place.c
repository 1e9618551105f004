/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/place.h"

#include <fcntl.h>
#include <string.h>

#include "base/path.h"

#define DIRECTORY_MODE 0755
/* A directory that becomes a link while it is walked; more is an attack. */
#define MAX_TRIES 8

int place_raise(int errnum, const char *what, const char *path, struct nvb_error **err)
{
	int r = NVB_RAISE(err, errnum == ENOMEM ? NVB_ERR_NO_MEMORY : NVB_ERR_IO, errnum,
		"%s '%s' in the container", what, path);

	if (errnum == EROFS)
		return NVB_HINT(err, r,
			"the root's file system cannot be written; give the container a writable "
			"layer, or write the spec with 'nvbind cdi generate --hookless'");
	return r;
}

int place_open_directory(int root_fd, const char *path, int *ret_fd, struct nvb_error **err)
{
	errint_t e = -ENOTDIR;

	/* The path is resolved first and then created without following links. */
	for (int i = 0; i < MAX_TRIES && e == -ENOTDIR; i++) {
		_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;

		e = path_resolve_in(root_fd, path, &found);
		if (e >= 0)
			e = path_mkdir_all_in(root_fd, found.path, DIRECTORY_MODE);
		else if (e == -ENOTDIR)
			break;
	}
	if (e == -ENOTDIR || e == -ELOOP)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, -e,
			"make the directory '%s' in the container", path);
	if (e < 0)
		return place_raise(-e, "make the directory", path, err);
	*ret_fd = e;
	return 0;
}

int place_open_regular(int root_fd, const char *path)
{
	_cleanup_close_ int checked = path_open_in(root_fd, path, O_PATH, 0), fd = -1;
	struct stat st, again;

	if (checked < 0)
		return checked;
	if (fstat(checked, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	/* Not through /proc/self/fd: the container need not have a procfs. */
	fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &again) < 0)
		return -errno;
	if (again.st_dev != st.st_dev || again.st_ino != st.st_ino)
		return -EINVAL;
	return TAKE_FD(fd);
}
