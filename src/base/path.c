/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#define MAX_LINKS 40
#define MAX_PATH_BYTES 4096
/* A rename storm can make openat2() answer EAGAIN again and again; it must not stall us. */
#define MAX_AGAIN 128

static errint_t walk_open(int root_fd, const char *path, int flags, mode_t mode);

static errint_t reopen(int fd, int flags)
{
	char proc_path[32];
	int r;

	if (flags & O_PATH)
		return fcntl(fd, F_DUPFD_CLOEXEC, 0);
	(void)snprintf(proc_path, sizeof(proc_path), "/proc/self/fd/%d", fd);
	r = open(proc_path, (flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL)) | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

errint_t path_open_in(int root_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	while (*path == '/')
		path++;
	if (!*path)
		path = ".";
	for (int i = 0; i < MAX_AGAIN; i++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == EAGAIN || errno == EINTR)
			continue;
		/* Before Linux 5.6, or a seccomp filter that does not know the call (EPERM too). */
		if (errno == ENOSYS || errno == EPERM)
			return walk_open(root_fd, path, flags, mode);
		return -errno;
	}
	return -EAGAIN;
}

errint_t path_open_regular_in(int root_fd, const char *path)
{
	_cleanup_close_ int fd = path_open_in(root_fd, path, O_PATH, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return S_ISREG(st.st_mode) ? reopen(fd, O_RDONLY) : -ENODEV;
}

errint_t path_stat_in(int root_fd, const char *path, struct stat *ret_st)
{
	_cleanup_close_ int fd = path_open_in(root_fd, path, O_PATH, 0);

	if (fd < 0)
		return fd;
	return fstat(fd, ret_st) < 0 ? -errno : 0;
}

/* The state of a walk: where it is, how it got there, and what is left to go. */
struct walk {
	int root_fd;
	int fd;
	char *canonical; /* "" for the root, else "/a/b" */
	char *rest;
	unsigned links;
	bool keep_last_link; /* O_NOFOLLOW */
};

static void walk_done(struct walk *w)
{
	closep(&w->fd);
	free(w->canonical);
	free(w->rest);
}

/* Enters the directory `w->canonical`, whose components are known to be no links. */
static errint_t walk_enter_canonical(struct walk *w)
{
	_cleanup_close_ int fd = fcntl(w->root_fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_free_ char *copy = strdup(w->canonical);
	char *save = NULL;

	if (fd < 0)
		return -errno;
	if (!copy)
		return -ENOMEM;
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next = openat(fd, part, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

		if (next < 0)
			return -errno;
		closep(&fd);
		fd = next;
	}
	closep(&w->fd);
	w->fd = TAKE_FD(fd);
	return 0;
}

static errint_t walk_up(struct walk *w)
{
	char *slash = strrchr(w->canonical, '/');

	if (slash)
		*slash = '\0';
	return walk_enter_canonical(w);
}

static errint_t walk_append(char **path, const char *part)
{
	char *joined = NULL;

	if (strlen(*path) + strlen(part) + 2 > MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	if (asprintf(&joined, "%s/%s", *path, part) < 0)
		return -ENOMEM;
	free(*path);
	*path = joined;
	return 0;
}

/* Takes the next component out of w->rest; NULL at the end. The result points into w->rest. */
static char *walk_next(const struct walk *w, char **ret_after)
{
	char *part = w->rest + strspn(w->rest, "/");
	size_t length = strcspn(part, "/");

	if (!length)
		return NULL;
	*ret_after = part + length;
	if (**ret_after) {
		**ret_after = '\0';
		(*ret_after)++;
	}
	return part;
}

/* `last`: nothing stands behind the link, not even a slash. */
static errint_t walk_link(struct walk *w, int link_fd, const char *after, bool last)
{
	char target[MAX_PATH_BYTES];
	char *rest = NULL;
	ssize_t length;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	length = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	if (!length)
		return -ENOENT;
	if (strlen(after) + (size_t)length + 2 > MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	if (asprintf(&rest, "%s%s%s", target, last ? "" : "/", after) < 0)
		return -ENOMEM;
	free(w->rest);
	w->rest = rest;
	if (target[0] != '/')
		return 0;
	w->canonical[0] = '\0';
	return walk_enter_canonical(w);
}

/* One step. Returns 1 to go on, 0 at the end, -errno. */
static errint_t walk_step(struct walk *w)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *after_copy = NULL;
	struct stat st;
	char *part, *after = NULL;
	bool last;
	errint_t r;

	part = walk_next(w, &after);
	if (!part)
		return 0;
	last = after == part + strlen(part);
	if (strcmp(part, ".") == 0) {
		memmove(w->rest, after, strlen(after) + 1);
		return 1;
	}
	if (strcmp(part, "..") == 0) {
		memmove(w->rest, after, strlen(after) + 1);
		r = walk_up(w);
		return r < 0 ? r : 1;
	}
	fd = openat(w->fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		int saved = errno;

		/* Put the component back: the caller may want the missing tail. */
		if (!last)
			after[-1] = '/';
		return -saved;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	after_copy = strdup(after);
	if (!after_copy)
		return -ENOMEM;
	if (S_ISLNK(st.st_mode) && !(last && w->keep_last_link)) {
		r = walk_link(w, fd, after_copy, last);
		return r < 0 ? r : 1;
	}
	r = walk_append(&w->canonical, part);
	if (r < 0)
		return r;
	if (!S_ISDIR(st.st_mode) && !last)
		return -ENOTDIR;
	memmove(w->rest, after, strlen(after) + 1);
	closep(&w->fd);
	w->fd = TAKE_FD(fd);
	return 1;
}

static errint_t walk_start(struct walk *w, int root_fd, const char *path)
{
	*w = (struct walk){ .root_fd = root_fd, .fd = -1 };
	if (strlen(path) >= MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	w->fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	w->canonical = strdup("");
	w->rest = strdup(path);
	return w->canonical && w->rest ? 0 : -ENOMEM;
}

/* What is left of a path whose next component does not exist. */
static errint_t append_missing_tail(struct walk *w)
{
	char *save = NULL;

	for (char *part = strtok_r(w->rest, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		errint_t r;

		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			return -ENOENT;
		r = walk_append(&w->canonical, part);
		if (r < 0)
			return r;
	}
	return 0;
}

static errint_t resolve(int root_fd, const char *path, bool keep_last_link,
	struct path_resolved *ret)
{
	_cleanup_(walk_done) struct walk w;
	bool exists = true;
	errint_t r;

	r = walk_start(&w, root_fd, path);
	w.keep_last_link = keep_last_link;
	while (r >= 0) {
		r = walk_step(&w);
		if (r == 0)
			break;
		if (r == -ENOENT) {
			exists = false;
			r = append_missing_tail(&w);
			break;
		}
	}
	if (r < 0)
		return r;
	if (!*w.canonical) {
		free(w.canonical);
		w.canonical = strdup("/");
		if (!w.canonical)
			return -ENOMEM;
	}
	*ret = (struct path_resolved){
		.path = TAKE_PTR(w.canonical),
		.fd = exists ? TAKE_FD(w.fd) : -1,
		.exists = exists,
	};
	return 0;
}

/*
 * Most paths hold no link: one call tells, and then the path is its own answer. 1 or 0. So it is
 * where a part is missing: a link before that part would have been ELOOP.
 */
static errint_t resolve_without_links(int root_fd, const char *path, struct path_resolved *ret)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int fd = -1;
	char *copy;

	if (!path_is_normal(path))
		return 0;
	fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	if (fd < 0 && errno != ENOENT)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	*ret = (struct path_resolved){ .path = copy, .exists = fd >= 0 };
	ret->fd = TAKE_FD(fd);
	return 1;
}

errint_t path_resolve_in(int root_fd, const char *path, struct path_resolved *ret)
{
	errint_t r = resolve_without_links(root_fd, path, ret);

	if (r != 0)
		return r < 0 ? r : 0;
	return resolve(root_fd, path, false, ret);
}

void path_resolved_done(struct path_resolved *r)
{
	free(r->path);
	closep(&r->fd);
	*r = (struct path_resolved)PATH_RESOLVED_INIT;
}

/* openat2(RESOLVE_IN_ROOT) by hand. */
static errint_t walk_open(int root_fd, const char *path, int flags, mode_t mode)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	_cleanup_(path_resolved_done) struct path_resolved parent = PATH_RESOLVED_INIT;
	_cleanup_free_ char *dir = NULL;
	struct stat st;
	const bool exclusive = (flags & O_CREAT) && (flags & O_EXCL);
	char *slash;
	errint_t r;

	r = resolve(root_fd, path, (flags & O_NOFOLLOW) || exclusive, &found);
	if (r < 0)
		return r;
	if (found.exists) {
		if (exclusive)
			return -EEXIST;
		if (fstat(found.fd, &st) < 0)
			return -errno;
		if ((flags & O_DIRECTORY) && !S_ISDIR(st.st_mode))
			return -ENOTDIR;
		if (S_ISLNK(st.st_mode) && !(flags & O_PATH))
			return -ELOOP;
		return reopen(found.fd, flags);
	}
	if (!(flags & O_CREAT))
		return -ENOENT;
	dir = strdup(found.path);
	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	*slash = '\0';
	r = path_resolve_in(root_fd, dir, &parent);
	if (r < 0)
		return r;
	if (!parent.exists)
		return -ENOENT;
	r = openat(parent.fd, slash + 1, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	return r < 0 ? -errno : r;
}

errint_t path_mkdir_all_in(int root_fd, const char *path, mode_t mode)
{
	_cleanup_close_ int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_free_ char *copy = strdup(path);
	char *save = NULL;

	if (fd < 0)
		return -errno;
	if (!copy)
		return -ENOMEM;
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next;

		if (strcmp(part, "..") == 0)
			return -EINVAL;
		if (mkdirat(fd, part, mode) < 0 && errno != EEXIST)
			return -errno;
		next = openat(fd, part, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
		if (next < 0)
			return -errno;
		closep(&fd);
		fd = next;
	}
	return TAKE_FD(fd);
}

bool path_is_normal(const char *path)
{
	if (path[0] != '/' || strlen(path) >= MAX_PATH_BYTES)
		return false;
	if (!path[1])
		return true;
	for (const char *part = path; *part;) {
		size_t length = strcspn(part + 1, "/");

		if (length == 0 || (length == 1 && part[1] == '.') ||
			(length == 2 && part[1] == '.' && part[2] == '.'))
			return false;
		part += length + 1;
	}
	return true;
}

const char *path_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_is_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	while (length && dir[length - 1] == '/')
		length--;
	return strncmp(path, dir, length) == 0 && (path[length] == '/' || !path[length]);
}
