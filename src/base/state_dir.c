/* SPDX-License-Identifier: Apache-2.0 */
#include "base/state_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/user_namespace.h"

#define SYSTEM_STATE_DIR "/var/lib/nvbind"

bool state_dir_is_root(void)
{
	return geteuid() == 0 && user_namespace_is_initial();
}

int state_dir_path(char **ret_path, struct nvb_error **err)
{
	const char *override = secure_getenv("NVBIND_STATE_DIR");
	const char *data_home = secure_getenv("XDG_DATA_HOME");
	const char *home = secure_getenv("HOME");
	char *path = NULL;
	int n;

	if (override && override[0] && override[0] != '/')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"NVBIND_STATE_DIR '%s' is not an absolute path", override);
	if (override && override[0])
		n = asprintf(&path, "%s", override);
	else if (state_dir_is_root())
		n = asprintf(&path, "%s", SYSTEM_STATE_DIR);
	else if (data_home && data_home[0] == '/')
		n = asprintf(&path, "%s/nvbind", data_home);
	else if (home && home[0] == '/')
		n = asprintf(&path, "%s/.local/share/nvbind", home);
	else
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"find a directory for what nvbind remembers: no HOME"),
			"set NVBIND_STATE_DIR to a directory of yours");
	if (n < 0)
		return NVB_OOM(err);
	*ret_path = path;
	return 0;
}

static int io_error(const char *verb, const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(
		err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s'", verb, path);
}

/* Whoever may write there decides what we do next time. */
static int check_owner(int fd, const char *path, struct nvb_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return io_error("look at", path, errno, err);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may write to '%s'", path),
		"it must belong to you alone: see its owner and mode");
}

static bool is_owned_by_us(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

/*
 * Whoever may rename a directory on the way can put another in its place, and whoever owns a link
 * there can let it lead elsewhere. Without root, the owners of the way may be ones that a user
 * namespace does not know.
 */
static int check_way(const char *path, struct nvb_error **err)
{
	struct stat st, link;

	if (lstat(path, &link) < 0)
		return 0;
	st = link;
	if (S_ISLNK(link.st_mode) && stat(path, &st) < 0)
		return 0;
	if (!((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) &&
		((is_owned_by_us(&st) && is_owned_by_us(&link)) || !state_dir_is_root()))
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may write to '%s'", path),
		"what nvbind remembers must lie where you alone may write: see its owner and mode");
}

static int walk(char *path, bool make, struct nvb_error **err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		/* What exists may answer oddly (an automounter's, a read-only one): the end counts.
		 */
		if (make)
			(void)mkdir(path, 0755);
		r = check_way(path, err);
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_end(const char *path, int *ret_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd < 0)
		return io_error("open the directory", path, errno, err);
	r = check_owner(fd, path, err);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int state_dir_check_way(const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *way = strdup(path);

	return way ? walk(way, false, err) : NVB_OOM(err);
}

int state_dir_open_path(const char *path, int *ret_fd, struct nvb_error **err)
{
	int r = state_dir_check_way(path, err);

	if (r < 0)
		return r;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	return open_end(path, ret_fd, err);
}

int state_dir_open(const char *name, int *ret_fd, struct nvb_error **err)
{
	_cleanup_free_ char *state = NULL, *path = NULL;
	int r = state_dir_path(&state, err);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%s", state, name) < 0) {
		path = NULL;
		return NVB_OOM(err);
	}
	r = walk(path, true, err);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	return open_end(path, ret_fd, err);
}
