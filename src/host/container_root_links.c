/* SPDX-License-Identifier: Apache-2.0 */
/* Links of the image where our libraries are to be placed: a leftover driver has many. */
#include <fcntl.h>
#include <string.h>

#include "host/container_root_read.h"

static int add_link(struct root_reader *r, const char *path)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e = path_resolve_in(r->root_fd, path, &found);
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

/* `dir_fd` is the library directory: a plain name in it needs no resolution to be looked at. */
static bool is_link(const struct root_reader *r, int dir_fd, const char *dir, const char *name)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (!strchr(name, '/'))
		return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return false;
	}
	fd = path_open_in(r->root_fd, path, O_PATH | O_NOFOLLOW, 0);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

static int read_dir_links(struct root_reader *r, const char *dir, const struct string_list *names)
{
	_cleanup_close_ int fd = path_open_in(r->root_fd, dir, O_PATH | O_DIRECTORY, 0);

	if (fd < 0)
		return 0;
	vec_foreach (const char *, name, names) {
		const char *path;

		if (!is_link(r, fd, dir, *name))
			continue;
		path = root_join(r->a, dir, *name);
		if (!path || add_link(r, path) < 0)
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
