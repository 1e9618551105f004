/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/state.h"

#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "format/json_syntax.h"
#include "hook/json_find.h"

#define STATE_LIMIT_BYTES  ((size_t)4 << 20)
#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)

struct state {
	struct arena *a;
	const char *bundle;
	const char *root; /* absolute, or relative to the bundle */
};

static int read_state(int fd, struct state *s, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	const char *value;
	errint_t e = file_read_fd(fd, STATE_LIMIT_BYTES, &text, &length);
	int r;

	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read standard input");
	r = json_check_syntax(text, length, err);
	if (r < 0)
		return r;
	value = json_find_root(text);
	r = json_find_string(json_find_member(value, "bundle"), s->a, &s->bundle, err);
	if (r < 0)
		return r;
	if (r == 0 || s->bundle[0] != '/')
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "the state has no absolute 'bundle'");
	r = json_find_string(json_find_member(value, "root"), s->a, &s->root, err);
	/* crun writes "" where the configuration has no root. */
	if (r > 0 && !*s->root)
		s->root = NULL;
	return r;
}

static int read_config(int bundle_fd, struct state *s, struct nvb_error **err)
{
	_cleanup_close_ int fd =
		openat(bundle_fd, "config.json", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	const char *root;
	size_t length;
	errint_t e = fd < 0 ? -errno : file_read_fd(fd, CONFIG_LIMIT_BYTES, &text, &length);
	int r;

	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_IO, -e, "read '%s/config.json'", s->bundle);
	r = json_check_syntax(text, length, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read '%s/config.json'", s->bundle);
	root = json_find_member(json_find_root(text), "root");
	if (root)
		root = json_find_member(root, "path");
	r = json_find_string(root, s->a, &s->root, err);
	if (r == 0 || (r > 0 && !*s->root))
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "'%s/config.json' has no 'root.path'", s->bundle);
	return r;
}

/* Host image mode and mistakes: the hook would write into the machine's own /etc. */
static int check_root(int root_fd, struct nvb_error **err)
{
	struct stat own, st;

	if (fstat(root_fd, &st) < 0 || stat("/", &own) < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "look at the container's root");
	if (own.st_dev == st.st_dev && own.st_ino == st.st_ino)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"the container's root is the root of this machine");
	return 0;
}

static int open_root(int bundle_fd, const char *path, int *ret_fd, struct nvb_error **err)
{
	_cleanup_close_ int fd = openat(bundle_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_IO, errno, "open the container's root '%s'", path);
	r = check_root(fd, err);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int state_open_root(int state_fd, const char *root, int *ret_fd, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_close_ int bundle_fd = -1;
	struct state s = { .a = a };
	int r;

	if (!a)
		return NVB_OOM(err);
	if (root)
		return open_root(AT_FDCWD, root, ret_fd, err);
	r = read_state(state_fd, &s, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read the container's state");
	bundle_fd = open(s.bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* With crun in a user namespace the bundle may be out of reach, and is not needed. */
	if (bundle_fd < 0 && !(s.root && s.root[0] == '/'))
		return NVB_RAISE(err, NVB_ERR_IO, errno, "open the bundle '%s'", s.bundle);
	if (!s.root)
		r = read_config(bundle_fd, &s, err);
	return r < 0 ? r : open_root(bundle_fd, s.root, ret_fd, err);
}
