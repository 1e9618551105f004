/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs_links.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"

void rootfs_links_open(int root_fd, struct rootfs_links *ret)
{
	struct stat own, st;

	*ret = (struct rootfs_links){ .root_fd = -1, .dir_fd = -1 };
	if (stat("/", &own) == 0 && fstat(root_fd, &st) == 0 &&
		(own.st_dev != st.st_dev || own.st_ino != st.st_ino))
		ret->root_fd = root_fd;
}

void rootfs_links_done(struct rootfs_links *links)
{
	closep(&links->dir_fd);
}

/*
 * RESOLVE_NO_XDEV: a root may have directories of the machine mounted in it, where a link would
 * stay on the machine.
 */
static int open_dir(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};

	path += strspn(path, "/");
	return (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
}

/* True if links->dir_fd is the directory of `path`. */
static bool enter_dir(struct rootfs_links *links, const char *path)
{
	size_t length = (size_t)(path_base_name(path) - path);
	char dir[PATH_MAX];
	struct stat st;

	if (links->dir && links->dir_length == length && memcmp(links->dir, path, length) == 0)
		return links->dir_fd >= 0;
	closep(&links->dir_fd);
	links->dir = path;
	links->dir_length = length;
	if (links->root_fd < 0 || !length || length >= sizeof(dir))
		return false;
	memcpy(dir, path, length);
	dir[length] = '\0';
	links->dir_fd = open_dir(links->root_fd, dir);
	if (links->dir_fd < 0)
		return false;
	if (fstat(links->dir_fd, &st) < 0) {
		closep(&links->dir_fd);
		return false;
	}
	links->uid = st.st_uid;
	links->gid = st.st_gid;
	links->is_ours = st.st_uid == geteuid() && st.st_gid == getegid();
	return true;
}

/*
 * 0 or -errno. As the directory's owner: a container in a user namespace must be able to remove it,
 * and to change the owner later could hit what somebody puts in its place. Where that identity
 * cannot be taken, a link of our own does as well.
 */
static errint_t make(const struct rootfs_links *links, const char *text, const char *name)
{
	errint_t e;

	if (!links->is_ours) {
		(void)setfsgid(links->gid);
		(void)setfsuid(links->uid);
	}
	e = symlinkat(text, links->dir_fd, name) < 0 ? -errno : 0;
	if (!links->is_ours) {
		(void)setfsuid(geteuid());
		(void)setfsgid(getegid());
	}
	return e;
}

static size_t stem_length(const char *name)
{
	const char *so = strstr(name, ".so");

	return so ? (size_t)(so - name) : 0;
}

/* True for two names of one library, in one directory. */
static bool is_same_library(const char *x, const char *y)
{
	size_t length = stem_length(x);

	return length && length == stem_length(y) && memcmp(x, y, length) == 0 && !strchr(x, '/') &&
	       !strchr(y, '/');
}

/*
 * True if a link with this text is what an earlier driver left: it names another version of the
 * library, of which there is nothing, or the empty file that a runtime makes for a mount.
 */
static bool is_left_over(const struct rootfs_links *links, const char *text, const char *ours)
{
	struct stat st;

	if (!is_same_library(text, ours))
		return false;
	if (fstatat(links->dir_fd, text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_size == 0;
}

/* By rename: whoever looks meanwhile sees the old or the new link. */
static errint_t replace(const struct rootfs_links *links, const char *text, const char *name)
{
	char beside[48];
	errint_t e;

	(void)snprintf(beside, sizeof(beside), ".nvbind-link-%ld", (long)getpid());
	e = make(links, text, beside);
	if (e < 0)
		return e;
	if (renameat(links->dir_fd, beside, links->dir_fd, name) == 0)
		return 0;
	e = -errno;
	(void)unlinkat(links->dir_fd, beside, 0);
	return e;
}

/* Something has the name. */
static errint_t take_over(const struct rootfs_links *links, const char *text, const char *name)
{
	char there[NAME_MAX + 2];
	ssize_t length = readlinkat(links->dir_fd, name, there, sizeof(there));

	if (length < 0)
		return errno == EINVAL ? -EEXIST : -errno;
	if ((size_t)length == sizeof(there))
		return -EEXIST;
	there[length] = '\0';
	if (strcmp(there, text) == 0)
		return 0;
	return is_left_over(links, there, text) ? replace(links, text, name) : -EEXIST;
}

bool rootfs_links_make(struct rootfs_links *links, const struct plan_link *link)
{
	const char *name = path_base_name(link->path);
	errint_t e;

	if (!*name || !*link->text || strchr(link->text, '/') || !enter_dir(links, link->path))
		return false;
	e = make(links, link->text, name);
	if (e == -EEXIST)
		e = take_over(links, link->text, name);
	if (e < 0)
		log_debug("links", "'%s' becomes a mount: %s", link->path, strerror(-e));
	return e >= 0;
}
