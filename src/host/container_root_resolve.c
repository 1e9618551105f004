/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path in a container root leads. Most roots have /usr merged: half of the paths that are
 * asked for begin with one of a few links. Each is read once, and then most paths hold no link and
 * take one call instead of a walk.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/container_root_read.h"

static const char *const top_names[ROOT_TOPS] = { "lib", "lib64", "lib32", "bin", "sbin" };

/* "/usr/lib" where /lib is a link to it; NULL: no link, or none that is this simple. */
static const char *read_top(struct root_reader *r, size_t i)
{
	char text[256] = "/";
	const size_t room = sizeof(text) - 2;
	ssize_t length = readlinkat(r->root_fd, top_names[i], text + 1, room);
	const char *target = text[1] == '/' ? text + 1 : text;

	if (length <= 0 || (size_t)length == room)
		return NULL;
	text[length + 1] = '\0';
	return path_is_normal(target) ? arena_strdup(r->a, target) : NULL;
}

int root_rewrite(struct root_reader *r, const char *path, const char **ret_path)
{
	*ret_path = path;
	for (size_t i = 0; i < ROOT_TOPS; i++) {
		const size_t length = strlen(top_names[i]);

		if (strncmp(path + 1, top_names[i], length) != 0 ||
			(path[1 + length] && path[1 + length] != '/'))
			continue;
		if (!r->tops[i].is_read)
			r->tops[i] = (struct root_top){ .target = read_top(r, i), .is_read = true };
		if (r->tops[i].target)
			*ret_path =
				arena_printf(r->a, "%s%s", r->tops[i].target, path + 1 + length);
		return *ret_path ? 0 : -1;
	}
	return 0;
}

errint_t root_resolve(struct root_reader *r, const char *path, struct path_resolved *ret)
{
	const char *rewritten;

	if (root_rewrite(r, path, &rewritten) < 0)
		return -ENOMEM;
	return path_resolve_in(r->root_fd, rewritten, ret);
}
