/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/layer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"

#define PLACE_NAME "place"

/* File systems that the runtime mounts itself: places below them are its business. */
static bool is_on_runtime_mount(const char *path)
{
	return path_is_below(path, "/dev") || path_is_below(path, "/proc") ||
	       path_is_below(path, "/sys");
}

/* Moves *fd to its child `name`; -1 if there is no such directory. */
static void step_into(int *fd, const char *name)
{
	int next = *fd < 0 ? -1 : openat(*fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

	closep(fd);
	*fd = next;
}

/* The image's, but of a kind that we can go on making places in: Fedora's /usr/lib64 is 0555. */
static mode_t directory_mode(const struct layer *layer, const struct stat *st)
{
	return (st->st_mode & 07777) | (layer->keep_owner ? 0 : S_IRWXU);
}

static int make_directory(const struct layer *layer, int *upper_fd, int lower_fd, const char *name,
	const char *destination, struct nvb_error **err)
{
	struct stat st = { .st_mode = 0755 };
	int fd;

	if (lower_fd >= 0 && fstat(lower_fd, &st) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "look at '%s' of the image", name);
	if (mkdirat(*upper_fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return NVB_RAISE(
				err, NVB_ERR_ENGINE, errno, "make a place for '%s'", destination);
	} else if ((layer->keep_owner && lower_fd >= 0 &&
			   fchownat(*upper_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) <
				   0) ||
		   fchmodat(*upper_fd, name, directory_mode(layer, &st), 0) < 0) {
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "make a place for '%s'", destination);
	}
	fd = openat(*upper_fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0,
			"make a place for '%s': '%s' is the target of another mount", destination,
			name);
	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "make a place for '%s'", destination);
	closep(upper_fd);
	*upper_fd = fd;
	return 0;
}

static errint_t create_file(int dir_fd, const char *name)
{
	_cleanup_close_ int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * All places are one empty file under many names: nobody sees it, a mount lies over each, and to
 * ext4 a name is a tenth of the work of a file.
 */
static errint_t link_file(const struct layer *layer, int upper_fd, const char *name)
{
	errint_t e;

	if (linkat(layer->beside_fd, PLACE_NAME, upper_fd, name, 0) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	e = create_file(layer->beside_fd, PLACE_NAME);
	if (e == 0 && linkat(layer->beside_fd, PLACE_NAME, upper_fd, name, 0) < 0)
		e = -errno;
	return e;
}

static int make_file(const struct layer *layer, int upper_fd, const char *name,
	const char *destination, struct nvb_error **err)
{
	errint_t e = layer->beside_fd < 0 ? -EXDEV : link_file(layer, upper_fd, name);

	/* Not every file system has links, nor endlessly many. */
	if (e == -EXDEV || e == -EPERM || e == -EMLINK || e == -EOPNOTSUPP)
		e = create_file(upper_fd, name);
	return e < 0 ? NVB_RAISE(err, NVB_ERR_ENGINE, -e, "make a place for '%s'", destination) : 0;
}

/* Opens the directory `path`, which is made where it is missing. */
static int walk(const struct layer *layer, const char *path, const char *destination, int *ret_fd,
	struct nvb_error **err)
{
	_cleanup_close_ int lower_fd = fcntl(layer->lower_fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_close_ int upper_fd = fcntl(layer->upper_fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_free_ char *copy = strdup(path);
	char *save = NULL;

	if (lower_fd < 0 || upper_fd < 0 || !copy)
		return NVB_OOM(err);
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int r;

		step_into(&lower_fd, part);
		r = make_directory(layer, &upper_fd, lower_fd, part, destination, err);
		if (r < 0)
			return r;
	}
	*ret_fd = TAKE_FD(upper_fd);
	return 0;
}

/* Makes the directory of `destination` and remembers it. */
static int enter(
	struct layer *layer, const char *destination, const char **ret_name, struct nvb_error **err)
{
	const char *name = path_base_name(destination);
	_cleanup_free_ char *path = strndup(destination, (size_t)(name - destination));
	int fd = -1, r;

	if (!path)
		return NVB_OOM(err);
	if (!*name)
		return NVB_RAISE(
			err, NVB_ERR_ENGINE, ENOTDIR, "make a place for '%s'", destination);
	*ret_name = name;
	if (layer->last_path && strcmp(layer->last_path, path) == 0)
		return 0;
	r = walk(layer, path, destination, &fd, err);
	if (r < 0)
		return r;
	layer_done(layer);
	layer->last_path = TAKE_PTR(path);
	layer->last_fd = fd;
	return 0;
}

void layer_done(struct layer *layer)
{
	freep(&layer->last_path);
	closep(&layer->last_fd);
}

int layer_add_place(
	struct layer *layer, const char *destination, bool is_directory, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	const char *name;
	int r;

	if (is_on_runtime_mount(destination))
		return 0;
	if (is_directory)
		return walk(layer, destination, destination, &fd, err);
	r = enter(layer, destination, &name, err);
	return r < 0 ? r : make_file(layer, layer->last_fd, name, destination, err);
}

static int raise_add(const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_ENGINE, errnum, "make '%s' in the container", path);
}

int layer_add_file(struct layer *layer, const char *path, const char *text, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	const char *name;
	errint_t e;
	int r;

	if (is_on_runtime_mount(path))
		return 0;
	r = enter(layer, path, &name, err);
	if (r < 0)
		return r;
	/* Exclusive: what is there is one file under all the names of places. */
	fd = openat(
		layer->last_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : raise_add(path, errno, err);
	e = fchmod(fd, 0644) < 0 ? -errno : file_write_fd(fd, text, strlen(text));
	return e < 0 ? raise_add(path, -e, err) : 1;
}

int layer_add_link(struct layer *layer, const char *path, const char *text, struct nvb_error **err)
{
	const char *name;
	int r;

	if (is_on_runtime_mount(path))
		return 0;
	r = enter(layer, path, &name, err);
	if (r < 0)
		return r;
	if (symlinkat(text, layer->last_fd, name) == 0)
		return 1;
	return errno == EEXIST ? 0 : raise_add(path, errno, err);
}

int layer_resolve(const struct layer *layer, struct arena *a, const char *destination,
	const char **ret_resolved, struct nvb_error **err)
{
	_cleanup_(path_resolved_done) struct path_resolved found = PATH_RESOLVED_INIT;
	errint_t e;

	e = path_resolve_in(layer->lower_fd, destination, &found);
	if (e < 0)
		return NVB_RAISE(
			err, NVB_ERR_UNSAFE_PATH, -e, "resolve '%s' in the container", destination);
	if (strcmp(found.path, "/") == 0)
		return NVB_RAISE(err, NVB_ERR_UNSAFE_PATH, 0,
			"mount on '%s': it is the container's root", destination);
	*ret_resolved = arena_strdup(a, found.path);
	return *ret_resolved ? 0 : NVB_OOM(err);
}
