/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/links.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "hook/place.h"

/* Names of other hooks' remains; more than a few is an attack. */
#define MAX_TRIES 16

static bool has_text(int dir_fd, const char *name, const char *target)
{
	char text[4096];
	ssize_t length = readlinkat(dir_fd, name, text, sizeof(text));

	return length >= 0 && (size_t)length == strlen(target) &&
	       memcmp(text, target, (size_t)length) == 0;
}

/* A link beside the place, under a name that nobody has. */
static errint_t make_beside(int dir_fd, const char *target, char *ret_name, size_t size)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		(void)snprintf(ret_name, size, ".nvbind-link.%d.%d", (int)getpid(), i);
		if (symlinkat(target, dir_fd, ret_name) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static errint_t replace(int dir_fd, const char *name, const char *target)
{
	char beside[48];
	errint_t e = make_beside(dir_fd, target, beside, sizeof(beside));

	if (e < 0)
		return e;
	if (renameat(dir_fd, beside, dir_fd, name) < 0) {
		e = -errno;
		(void)unlinkat(dir_fd, beside, 0);
	}
	return e;
}

static errint_t make(int dir_fd, const char *name, const char *target, enum links_result *ret)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return -errno;
	} else if (!S_ISLNK(st.st_mode)) {
		*ret = LINKS_OCCUPIED;
		return 0;
	} else if (has_text(dir_fd, name, target)) {
		*ret = LINKS_KEPT;
		return 0;
	}
	*ret = LINKS_MADE;
	return replace(dir_fd, name, target);
}

void links_directory_done(struct links_directory *last)
{
	free(last->path);
	last->path = NULL;
	closep(&last->fd);
}

static int enter_directory(
	int root_fd, const char *link_path, struct links_directory *last, struct nvb_error **err)
{
	size_t length = (size_t)(path_base_name(link_path) - link_path);
	int r;

	if (last->path && strlen(last->path) == length &&
		strncmp(last->path, link_path, length) == 0)
		return 0;
	links_directory_done(last);
	last->path = strndup(link_path, length);
	if (!last->path)
		return NVB_OOM(err);
	r = place_open_directory(root_fd, last->path, &last->fd, err);
	if (r < 0)
		links_directory_done(last);
	return r;
}

int links_make(int root_fd, const struct hook_link *link, struct links_directory *last,
	enum links_result *ret, struct nvb_error **err)
{
	enum links_result result = LINKS_KEPT;
	errint_t e;
	int r;

	r = enter_directory(root_fd, link->path, last, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "make the link '%s'", link->path);
	e = make(last->fd, path_base_name(link->path), link->target, &result);
	if (e < 0)
		return place_raise(-e, "make the link", link->path, err);
	*ret = result;
	return 0;
}
