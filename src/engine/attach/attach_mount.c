/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/attach/attach_steps.h"

/*
 * Options of a bind mount. Those that only take a restriction back say nothing here: a clone has
 * the restrictions of its source, and taking these away is not what a plan is for. Source: OCI
 * runtime specification 1.2.0, config.md, "Linux mount options".
 */
static const struct option {
	const char *word;
	unsigned long long attribute;
	bool recursive;
} options[] = {
	{ "bind", 0, false },
	{ "rbind", 0, true },
	{ "ro", MOUNT_ATTR_RDONLY, false },
	{ "rro", MOUNT_ATTR_RDONLY, false },
	{ "nosuid", MOUNT_ATTR_NOSUID, false },
	{ "rnosuid", MOUNT_ATTR_NOSUID, false },
	{ "nodev", MOUNT_ATTR_NODEV, false },
	{ "rnodev", MOUNT_ATTR_NODEV, false },
	{ "noexec", MOUNT_ATTR_NOEXEC, false },
	{ "rnoexec", MOUNT_ATTR_NOEXEC, false },
	{ "rw", 0, false },
	{ "suid", 0, false },
	{ "dev", 0, false },
	{ "exec", 0, false },
	/* All are private: nothing spreads out of the container. */
	{ "private", 0, false },
	{ "rprivate", 0, false },
	{ "slave", 0, false },
	{ "rslave", 0, false },
};

static const struct option *find_option(const char *word)
{
	for (size_t i = 0; i < ELEMENTS(options); i++)
		if (strcmp(options[i].word, word) == 0)
			return &options[i];
	return NULL;
}

errint_t attach_mount_clone_fd(int source_fd, bool recursive, unsigned long long attributes)
{
	struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
	unsigned int depth = recursive ? AT_RECURSIVE : 0;
	_cleanup_close_ int fd = (int)syscall(SYS_open_tree, source_fd, "",
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | depth);

	if (fd < 0 ||
		syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | depth, &attr, sizeof(attr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int raise_clone(const char *source, errint_t e, struct nvb_error **err)
{
	int r;

	if (e == -ENOSYS)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, -e,
			"enter a container that exists already (Linux 5.12 or newer can)");
	r = NVB_RAISE(
		err, nvb_status_from_errno(-e, NVB_ERR_IO), -e, "clone the mount of '%s'", source);
	if (e == -EPERM)
		return NVB_HINT(err, r,
			"run it as root, or as root of a user namespace that "
			"has the mount namespace");
	return r;
}

static int read_options(const struct plan_mount *mount, unsigned long long *ret_attributes,
	bool *ret_recursive, struct nvb_error **err)
{
	vec_foreach (const char *, word, &mount->options) {
		const struct option *option = find_option(*word);

		if (!option)
			return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"mount '%s' with the option '%s' in a container that exists "
				"already",
				mount->destination, *word);
		*ret_attributes |= option->attribute;
		*ret_recursive |= option->recursive;
	}
	return 0;
}

static int clone_one(const struct plan_mount *mount, struct arena *a,
	struct attach_mount_list *list, struct nvb_error **err)
{
	_cleanup_close_ int source_fd = -1;
	unsigned long long attributes = 0;
	bool recursive = false;
	struct attach_mount *added;
	struct stat st;
	errint_t e;
	int r;

	if (mount->type)
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"mount a '%s' on '%s' of a container that exists already", mount->type,
			mount->destination);
	r = read_options(mount, &attributes, &recursive, err);
	if (r < 0)
		return r;
	source_fd = open(mount->source, O_PATH | O_CLOEXEC);
	if (source_fd < 0 || fstat(source_fd, &st) < 0)
		return NVB_RAISE(err, nvb_status_from_errno(errno, NVB_ERR_IO), errno, "open '%s'",
			mount->source);
	e = attach_mount_clone_fd(source_fd, recursive && S_ISDIR(st.st_mode), attributes);
	if (e < 0)
		return raise_clone(mount->source, e, err);
	added = vec_push(a, list);
	if (!added) {
		(void)close(e);
		return NVB_OOM(err);
	}
	*added = (struct attach_mount){ e, mount->destination, S_ISDIR(st.st_mode) };
	return 0;
}

int attach_mount_clone(const struct plan *plan, struct arena *a, struct attach_mount_list *list,
	struct nvb_error **err)
{
	vec_foreach (struct plan_mount, mount, &plan->mounts) {
		int r = clone_one(mount, a, list, err);

		if (r < 0)
			return r;
	}
	return 0;
}
