/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/split_root.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/bolt/overlay.h"

static const char *const own_directories[] = { "dev", "proc", "sys", "run", "tmp", "mnt", "media",
	"lost+found" };

static bool is_own(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(own_directories); i++)
		if (strcmp(own_directories[i], name) == 0)
			return true;
	return false;
}

/* The directories that the parts of a top-level directory are found in. */
struct layers {
	int lower, upper, work, target;
	bool in_user_namespace, no_devices;
};

static void layers_done(struct layers *l)
{
	closep(&l->lower);
	closep(&l->upper);
	closep(&l->work);
	closep(&l->target);
}

static int open_child(int dir_fd, const char *name, int *ret_fd, struct nvb_error **err)
{
	*ret_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? NVB_RAISE(err, NVB_ERR_ENGINE, errno, "open '%s'", name) : 0;
}

static int make_child(
	int dir_fd, const char *name, mode_t mode, int *ret_fd, struct nvb_error **err)
{
	if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "create '%s'", name);
	return open_child(dir_fd, name, ret_fd, err);
}

/* A copy of the directory's mounts, read-only as a whole before anyone can see it. */
static errint_t bind_read_only(const struct layers *part)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_close_ int tree = (int)syscall(SYS_open_tree, part->lower, "",
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);

	if (tree < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
		    sizeof(attr)) < 0)
		return -errno;
	if (syscall(SYS_move_mount, tree, "", part->target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int mount_directory(const struct layers *all, const char *name, struct nvb_error **err)
{
	_cleanup_(layers_done) struct layers part = {
		.lower = -1, .upper = -1, .work = -1, .target = -1
	};
	struct overlay overlay;
	int r;

	/* Not ours to read (/root): an empty one takes its place. */
	part.lower = openat(all->lower, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = make_child(all->upper, name, 0755, &part.upper, err);
	if (r < 0 || part.lower < 0)
		return r;
	r = make_child(all->work, name, 0700, &part.work, err);
	/* `target` is a bind of `upper`: the same directory, as a place to mount on. */
	if (r >= 0)
		r = open_child(all->target, name, &part.target, err);
	if (r < 0)
		return r;
	overlay = (struct overlay){ part.lower, -1, part.upper, part.work, part.target,
		all->in_user_namespace, all->no_devices };
	r = overlay_mount(&overlay);
	if (r == 0)
		return 0;
	log_debug("engine", "'/%s' gets no overlay (%s)", name, strerror(-r));
	r = bind_read_only(&part);
	if (r < 0)
		log_warning("'/%s' stays empty in the container: %s", name, strerror(-r));
	return 0;
}

static int copy_link(const struct layers *all, const char *name, struct nvb_error **err)
{
	char target[4096];
	ssize_t n = readlinkat(all->lower, name, target, sizeof(target) - 1);

	if (n < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "read the link '/%s'", name);
	target[n] = '\0';
	if (symlinkat(target, all->upper, name) < 0 && errno != EEXIST)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "create the link '/%s'", name);
	return 0;
}

static int add_entry(const struct layers *all, const char *name, struct nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (fstatat(all->lower, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISLNK(st.st_mode))
		return copy_link(all, name, err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (is_own(name))
		return make_child(
			all->upper, name, strcmp(name, "tmp") == 0 ? 01777 : 0755, &fd, err);
	return mount_directory(all, name, err);
}

static int add_entries(const struct layers *all, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(all->lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "read the image's root");
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return NVB_OOM(err);
	}
	while (r >= 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = add_entry(all, entry->d_name, err);
	return r;
}

bool split_root_is_needed(int lower_fd)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	struct stat root, st;
	int fd = openat(lower_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return false;
	}
	if (fstat(fd, &root) < 0)
		return false;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
			(entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
			!is_own(entry->d_name) &&
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode) && st.st_dev != root.st_dev)
			return true;
	return false;
}

int split_root_mount(const struct split_root *root, struct nvb_error **err)
{
	_cleanup_(layers_done) struct layers all = { .lower = -1,
		.upper = -1,
		.work = -1,
		.target = -1,
		.in_user_namespace = root->in_user_namespace,
		.no_devices = root->no_devices };
	char source[32], target[32];
	mode_t mask;
	int r;

	r = open_child(root->lower_fd, ".", &all.lower, err);
	if (r >= 0)
		r = open_child(root->capsule_fd, "upper", &all.upper, err);
	if (r >= 0)
		r = open_child(root->capsule_fd, "work", &all.work, err);
	if (r >= 0)
		r = open_child(root->files_fd, "root", &all.target, err);
	if (r < 0)
		return r;
	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d", all.upper);
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", all.target);
	if (mount(source, target, NULL, MS_BIND, NULL) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "bind the container's root");
	closep(&all.target);
	r = open_child(root->files_fd, "root", &all.target, err);
	if (r < 0)
		return r;
	mask = umask(0);
	r = add_entries(&all, err);
	(void)umask(mask);
	return r;
}
