/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device nodes are bind mounts too, the host's own where it has them. A node that is known by its
 * number alone is made in a tmpfs of ours and bound from there: in the container's /dev a user
 * namespace could forbid to make it, and to open it.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "engine/attach/attach_steps.h"

#define NODE_MODE 0666
/* Enough for "4294967295". */
#define NAME_BYTES 16

static bool is_made_by_number(const struct plan_node *node)
{
	return !node->is_device && (node->type == 'c' || node->type == 'b');
}

/* A tmpfs over the root of a mount namespace of our own: only mounts in a namespace can be cloned.
 */
static errint_t open_nursery(void)
{
	_cleanup_close_ int fs_fd = -1, mount_fd = -1;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	fs_fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (fs_fd < 0 || syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
		syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount_fd = (int)syscall(
		SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (mount_fd < 0 ||
		syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return TAKE_FD(mount_fd);
}

static errint_t make_node(int nursery_fd, const char *name, const struct plan_node *node)
{
	mode_t type = node->type == 'b' ? S_IFBLK : S_IFCHR;
	mode_t mode = node->exists ? node->mode & 0777 : NODE_MODE;
	int fd;

	if (mknodat(nursery_fd, name, type | mode, makedev(node->major, node->minor)) < 0 ||
		fchmodat(nursery_fd, name, mode, 0) < 0)
		return -errno;
	if (node->exists &&
		fchownat(nursery_fd, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	fd = openat(nursery_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Returns a descriptor of the node, O_PATH. */
static int open_node(
	int nursery_fd, size_t number, const struct plan_node *node, struct nvb_error **err)
{
	char name[NAME_BYTES];
	errint_t e;
	int r, fd;

	if (!is_made_by_number(node)) {
		fd = open(node->host_path, O_PATH | O_CLOEXEC);
		return fd >= 0 ? fd
			       : NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno,
					 "open '%s'", node->host_path);
	}
	(void)snprintf(name, sizeof(name), "%zu", number);
	e = make_node(nursery_fd, name, node);
	if (e >= 0)
		return e;
	r = NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e,
		"make the device node '%s' (%u:%u), which the host does not have", node->path,
		node->major, node->minor);
	return e == -EPERM ? NVB_HINT(err, r,
				     "let root make it on the host; 'nvbind doctor' tells "
				     "how")
			   : r;
}

static int clone_node(int nursery_fd, const struct plan_node *node, struct arena *a,
	struct attach_mount_list *list, struct nvb_error **err)
{
	_cleanup_close_ int fd = open_node(nursery_fd, list->n, node, err);
	struct attach_mount *added;
	errint_t e;

	if (fd < 0)
		return fd;
	e = attach_mount_clone_fd(fd, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (e < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-e, NVB_ERR_IO), -e,
			"clone the mount of '%s'", node->host_path);
	added = vec_push(a, list);
	if (!added) {
		(void)close(e);
		return NVB_OOM(err);
	}
	*added = (struct attach_mount){ .fd = e, .destination = node->path };
	return 0;
}

int attach_device_clone(const struct plan *plan, struct arena *a, struct attach_mount_list *list,
	bool *ret_moved, struct nvb_error **err)
{
	_cleanup_close_ int nursery_fd = -1;
	int r = 0;

	vec_foreach (struct plan_node, node, &plan->nodes) {
		if (nursery_fd >= 0 || !is_made_by_number(node))
			continue;
		nursery_fd = open_nursery();
		if (nursery_fd < 0)
			return NVB_RAISE(err, nvb_status_from_errno(-nursery_fd, NVB_ERR_IO),
				-nursery_fd, "make a place for device nodes");
		*ret_moved = true;
	}
	vec_foreach (struct plan_node, node, &plan->nodes) {
		if (r >= 0)
			r = clone_node(nursery_fd, node, a, list, err);
	}
	return r;
}
