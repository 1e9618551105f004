/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/session_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "host/xauthority.h"

#define HOST_NAME_BYTES 256

/* A user may have made a link of a parent, to a larger disk: links are followed here. */
static errint_t make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;

		*slash = '\0';
		r = mkdir(path, 0755);
		*slash = '/';
		if (r < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

errint_t session_files_make_directory(const char *path, uint32_t uid, uint32_t gid)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;
	errint_t r;

	if (!copy)
		return -ENOMEM;
	r = make_parents(copy);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) == 0) {
		/* Without the right to, it stays ours: the container's root can write to it. */
		(void)!lchown(path, uid, gid);
		return 0;
	}
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Only a file: whatever XAUTHORITY names, opening it must neither wait nor act. */
static errint_t read_authority(const char *path, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENODEV;
	return file_read_fd(fd, XAUTHORITY_LIMIT_BYTES, ret, ret_length);
}

errint_t session_files_write_cookie(
	const struct plan_x11 *x11, int dir_fd, const char *name, uint32_t uid, uint32_t gid)
{
	_cleanup_free_ char *all = NULL, *one = NULL;
	char hostname[HOST_NAME_BYTES] = "";
	size_t length = 0, one_length = 0;
	errint_t r = read_authority(x11->authority, &all, &length);

	if (r < 0)
		return r;
	if (gethostname(hostname, sizeof(hostname) - 1) < 0)
		hostname[0] = '\0';
	r = xauthority_make(all, length, x11->display, hostname, &one, &one_length);
	if (r <= 0)
		return r;
	r = file_replace_at(dir_fd, name, one, one_length, 0600);
	if (r < 0)
		return r;
	/* As above: without it, the container's root reads the file. */
	(void)!fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return 1;
}
