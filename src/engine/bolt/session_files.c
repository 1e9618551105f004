/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/session_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/state_dir.h"
#include "base/user_namespace.h"
#include "host/xauthority.h"

#define HOST_NAME_BYTES 256
#define MAX_LINKS	40 /* as the kernel's: path_resolution(7) */

/* A path on the way to its end, by descriptors: what was looked at is what is used. */
struct walk {
	int fd;
	char *rest;	 /* malloc'd; what lies behind `fd` */
	size_t makeable; /* bytes at its end that are of the path itself, not of a link's text */
	unsigned links;
	bool is_new; /* what `fd` is was made here */
};

static void walk_done(struct walk *w)
{
	closep(&w->fd);
	freep(&w->rest);
}

/*
 * As state_dir_open_path() has it: who may change a directory or a link on the way decides where it
 * leads. Without root, the owners of the way may be ones that a user namespace does not know.
 */
static bool is_trusted(const struct stat *st)
{
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX))
		return false;
	return !state_dir_is_root() || st->st_uid == 0;
}

static errint_t restart_at_root(struct walk *w)
{
	closep(&w->fd);
	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->fd < 0 ? -errno : 0;
}

/* A user may have made a link of a directory, to a larger disk. Its target is not made. */
static errint_t follow(struct walk *w, const char *name, const char *behind)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(w->fd, name, text, sizeof(text));
	char *rest;

	if (n <= 0 || n == sizeof(text))
		return n < 0 ? -errno : -ENAMETOOLONG;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (asprintf(&rest, "%.*s%s", (int)n, text, behind) < 0)
		return -ENOMEM;
	if (w->makeable > strlen(behind))
		w->makeable = strlen(behind);
	free(w->rest);
	w->rest = rest;
	return text[0] == '/' ? restart_at_root(w) : 0;
}

static errint_t enter(struct walk *w, const char *name, bool is_last)
{
	struct stat st;
	int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	closep(&w->fd);
	w->fd = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return is_last || is_trusted(&st) ? 0 : -EPERM;
}

/* Goes on by one component, or by the link that it is. Returns 0 at the end. */
static errint_t step(struct walk *w)
{
	char name[NAME_MAX + 1];
	const char *start = w->rest + strspn(w->rest, "/");
	size_t length = strcspn(start, "/");
	const char *behind = start + length;
	const bool is_last = !behind[strspn(behind, "/")];
	struct stat st;
	errint_t r;

	if (!length)
		return 0;
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, start, length);
	name[length] = '\0';
	w->is_new =
		strlen(start) <= w->makeable && mkdirat(w->fd, name, is_last ? 0700 : 0755) == 0;
	/* Why it could not be made: what exists may answer oddly (an automounter's). */
	r = w->is_new ? 0 : -errno;
	if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && r < 0 && r != -EEXIST ? r : -errno;
	if (S_ISLNK(st.st_mode)) {
		r = is_trusted(&st) ? follow(w, name, behind) : -EPERM;
		return r < 0 ? r : 1;
	}
	r = enter(w, name, is_last);
	memmove(w->rest, behind, strlen(behind) + 1);
	return r < 0 ? r : 1;
}

/* Without the right to give it away it stays ours: the container's root can write to it. */
static bool is_for(const struct stat *st, uint32_t uid)
{
	const bool may_give = geteuid() == 0 && user_namespace_has_id(uid);

	return st->st_uid == uid || (st->st_uid == geteuid() && !may_give);
}

errint_t session_files_make_directory(const char *path, uint32_t uid, uint32_t gid)
{
	_cleanup_(walk_done) struct walk w = { .fd = -1, .makeable = SIZE_MAX };
	struct stat st;
	errint_t r;

	w.rest = strdup(path);
	if (!w.rest)
		return -ENOMEM;
	r = restart_at_root(&w);
	while (r >= 0 && (r = step(&w)) > 0)
		;
	if (r < 0)
		return r;
	if (w.is_new)
		(void)!fchownat(w.fd, "", uid, gid, AT_EMPTY_PATH);
	if (fstat(w.fd, &st) < 0)
		return -errno;
	return is_for(&st, uid) ? 0 : -EPERM;
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
	/* Without the right to, the container's root reads the file. */
	(void)!fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return 1;
}
