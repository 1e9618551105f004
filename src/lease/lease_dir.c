/* SPDX-License-Identifier: Apache-2.0 */
/* Where leases are: one directory for root, one for each user, and one per boot where it stays. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/runtime_dir.h"
#include "base/state_dir.h"
#include "lease/witness.h"

#define CGROUP_DIR	"/sys/fs/cgroup"
#define BOOT_DIR_PREFIX "boot-"
#define OPEN_DIR	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int io_error(const char *verb, const char *path, int errnum, struct nvb_error **err)
{
	return NVB_RAISE(
		err, nvb_status_from_errno(errnum, NVB_ERR_IO), errnum, "%s '%s'", verb, path);
}

static int choose_path(char **ret_path, struct nvb_error **err)
{
	const char *given = secure_getenv("NVBIND_LEASE_DIR");

	if (!given || !given[0])
		return runtime_dir_path("leases", ret_path, err);
	if (given[0] != '/')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"NVBIND_LEASE_DIR '%s' is not an absolute path", given);
	*ret_path = strdup(given);
	return *ret_path ? 0 : NVB_OOM(err);
}

/* For us alone: who may read a file can lock it, and who may write beside it can replace it. */
static int check_alone(int fd, const char *path, struct nvb_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return io_error("look at", path, errno, err);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IRWXG | S_IRWXO)))
		return 0;
	return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "others may enter '%s'", path),
		"it must belong to you alone: owner and mode 700");
}

static int make_dir(const char *path, struct nvb_error **err)
{
	_cleanup_free_ char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int r;

	if (!slash)
		return NVB_OOM(err);
	/* Before anything is made: a place that is refused stays as it was. */
	r = state_dir_check_way(path, err);
	if (r < 0)
		return r;
	*slash = '\0';
	/* A parent that cannot be made shows in the next line. */
	(void)mkdir(parent, 0755);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	return 0;
}

/* Leases of an earlier boot: nobody lives that could hold one. */
static void sweep_boots(int fd, const char *current)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int own = openat(fd, ".", OPEN_DIR);

	dir = own >= 0 ? fdopendir(own) : NULL;
	if (!dir) {
		closep(&own);
		return;
	}
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, BOOT_DIR_PREFIX, strlen(BOOT_DIR_PREFIX)) == 0 &&
			strcmp(entry->d_name, current) != 0)
			(void)path_remove_tree(fd, entry->d_name);
}

static int enter_boot(struct lease_dir *dir, struct nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	char id[BOOT_ID_LENGTH + 1], name[sizeof(BOOT_DIR_PREFIX) + BOOT_ID_LENGTH];
	errint_t e = runtime_dir_read_boot_id(id);
	int fd;

	if (e < 0)
		return io_error("read", BOOT_ID_PATH, -e, err);
	(void)snprintf(name, sizeof(name), BOOT_DIR_PREFIX "%s", id);
	if (asprintf(&path, "%s/%s", dir->path, name) < 0) {
		path = NULL;
		return NVB_OOM(err);
	}
	if (mkdirat(dir->fd, name, 0700) == 0)
		sweep_boots(dir->fd, name);
	else if (errno != EEXIST)
		return io_error("create the directory", path, errno, err);
	fd = openat(dir->fd, name, OPEN_DIR);
	if (fd < 0)
		return io_error("open the directory", path, errno, err);
	closep(&dir->fd);
	dir->fd = fd;
	freep(&dir->path);
	dir->path = TAKE_PTR(path);
	return check_alone(dir->fd, dir->path, err);
}

/* What a tmpfs holds ends with the boot. */
static int choose_boot(struct lease_dir *dir, struct nvb_error **err)
{
	struct statfs fs;

	if (fstatfs(dir->fd, &fs) < 0)
		return io_error("look at", dir->path, errno, err);
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return 0;
	return enter_boot(dir, err);
}

/* 1, or 0 if there is none. */
static int open_existing(const char *path, struct lease_dir *ret, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	int r;

	dir.fd = open(path, OPEN_DIR);
	if (dir.fd < 0 && errno == ENOENT)
		return 0;
	if (dir.fd < 0)
		return io_error("open the directory", path, errno, err);
	dir.path = strdup(path);
	dir.cgroup_path = CGROUP_DIR;
	dir.namespaces = witness_namespaces();
	if (!dir.path)
		return NVB_OOM(err);
	/* Every time: whoever may change the way there can put another directory in its place. */
	r = state_dir_check_way(path, err);
	if (r >= 0)
		r = check_alone(dir.fd, path, err);
	if (r >= 0)
		r = choose_boot(&dir, err);
	if (r < 0)
		return r;
	*ret = dir;
	dir = (struct lease_dir)LEASE_DIR_INIT;
	return 1;
}

int lease_dir_open_path(const char *path, struct lease_dir *ret, struct nvb_error **err)
{
	int r = open_existing(path, ret, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = make_dir(path, err);
	if (r >= 0)
		r = open_existing(path, ret, err);
	return r == 0  ? NVB_RAISE(err, NVB_ERR_IO, ENOENT, "open the directory '%s'", path)
	       : r < 0 ? r
		       : 0;
}

int lease_dir_open(struct lease_dir *ret, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_free_ char *path = NULL;
	int r = choose_path(&path, err);

	if (r < 0)
		return r;
	r = lease_dir_open_path(path, ret, &problem);
	if (r == NVB_ERR_PERMISSION && strcmp(path, RUNTIME_DIR_SYSTEM "/leases") == 0 &&
		!state_dir_is_root())
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
			"find a directory for leases: '%s' is another user's", path);
	if (r < 0 && err)
		*err = TAKE_PTR(problem);
	return r;
}

int lease_dir_open_existing(struct lease_dir *ret, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_free_ char *path = NULL;
	int r = choose_path(&path, &problem);

	if (r == NVB_ERR_NOT_FOUND)
		return 0;
	if (r < 0) {
		if (err)
			*err = TAKE_PTR(problem);
		return r;
	}
	return open_existing(path, ret, err);
}

void lease_dir_done(struct lease_dir *dir)
{
	closep(&dir->fd);
	freep(&dir->path);
}
