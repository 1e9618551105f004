/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the image where our libraries are to be placed: a leftover driver has many. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "host/container_root_read.h"

static int add_link(struct root_reader *r, const char *path)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e = root_resolve(r, path, &found);
	struct root_link *link;

	link = vec_push(r->a, &r->root->links);
	if (e == -ENOMEM || !link)
		return -1;
	*link = (struct root_link){ .path = path };
	if (e < 0) {
		link->problem = e == -ELOOP ? "it is a loop of links" : "it is a link to nowhere";
		return 0;
	}
	if (!root_is_library_place(found.path)) {
		link->problem = arena_printf(r->a, "it leads to '%s'", found.path);
		return link->problem ? 0 : -1;
	}
	link->resolved = arena_strdup(r->a, found.path);
	return link->resolved ? 0 : -1;
}

/*
 * Names come sorted: a library's own one, to which its links lead, is looked at behind them. It is
 * asked for once.
 */
static bool is_noted(const struct root_reader *r, const char *dir, const char *name)
{
	return r->no_link && r->no_link_dir == dir && strcmp(r->no_link, name) == 0;
}

static int note(struct root_reader *r, const char *dir, const char *name)
{
	if (is_noted(r, dir, name))
		return 0;
	r->no_link = arena_strdup(r->a, name);
	r->no_link_dir = dir;
	return r->no_link ? 0 : -1;
}

/*
 * A link to a name beside it, which is none itself: so are those that a start of ours leaves, one
 * for each further name of a library. Then its end is known. 1, 0, or -1: out of memory.
 */
static int add_link_beside(struct root_reader *r, int dir_fd, const char *dir, const char *path,
	const char *text)
{
	const char *resolved;
	struct root_link *link;
	struct stat st;

	if (!*text || strchr(text, '/') || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return 0;
	if (!is_noted(r, dir, text) &&
		(fstatat(dir_fd, text, &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno != ENOENT :
								       S_ISLNK(st.st_mode)))
		return 0;
	if (note(r, dir, text) < 0)
		return -1;
	resolved = root_join(r->a, dir, text);
	link = vec_push(r->a, &r->root->links);
	if (!resolved || !link)
		return -1;
	*link = (struct root_link){ .path = path, .resolved = resolved };
	return 1;
}

/* `dir_fd` is the library directory: a plain name in it needs no resolution to be looked at. */
static int look_at(struct root_reader *r, int dir_fd, const char *dir, const char *name)
{
	char text[NAME_MAX + 2];
	const char *path;
	ssize_t length;
	int known = 0;

	if (is_noted(r, dir, name))
		return 0;
	length = readlinkat(dir_fd, name, text, sizeof(text));
	if (length < 0)
		return 0;
	path = root_join(r->a, dir, name);
	if (!path)
		return -1;
	if ((size_t)length < sizeof(text)) {
		text[length] = '\0';
		known = add_link_beside(r, dir_fd, dir, path, text);
	}
	return known ? known : add_link(r, path);
}

/* The same for a name with directories, which may be links too. */
static int look_below(struct root_reader *r, const char *dir, const char *name)
{
	const char *path = root_join(r->a, dir, name);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!path)
		return -1;
	fd = path_open_in(r->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) ? add_link(r, path) : 0;
}

static int read_dir_links(struct root_reader *r, const char *dir, const struct string_list *names)
{
	_cleanup_close_ int fd = path_open_in(r->root_fd, dir, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return 0;
	vec_foreach (const char *, name, names) {
		if ((strchr(*name, '/') ? look_below(r, dir, *name) :
					  look_at(r, fd, dir, *name)) < 0)
			return -1;
	}
	return 0;
}

int root_read_links(struct root_reader *r, const struct string_list *names, struct nvb_error **err)
{
	const char *const dirs[] = { r->root->lib64_dir, r->root->lib32_dir };

	for (size_t i = 0; i < ELEMENTS(dirs); i++) {
		if (dirs[i] && read_dir_links(r, dirs[i], names) < 0)
			return NVB_OOM(err);
	}
	return 0;
}
