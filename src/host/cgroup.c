/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "base/file.h"
#include "base/number.h"
#include "base/path.h"

#define CGROUP_ROOT	"/sys/fs/cgroup"
#define BUSY_TRIES	100
#define BUSY_PAUSE_NS	10000000L
#define MAX_DEPTH	16
#define PROCESSES_BYTES ((size_t)1 << 20)

enum cgroup_layout cgroup_layout_read(void)
{
	struct statfs fs;

	if (statfs(CGROUP_ROOT, &fs) < 0)
		return CGROUP_NONE;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		return CGROUP_UNIFIED;
	if (statfs(CGROUP_ROOT "/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		return CGROUP_HYBRID;
	if (statfs(CGROUP_ROOT "/devices", &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC)
		return CGROUP_LEGACY;
	return CGROUP_NONE;
}

const char *cgroup_layout_name(enum cgroup_layout layout)
{
	static const char *const names[] = {
		[CGROUP_NONE] = "none",
		[CGROUP_UNIFIED] = "unified (v2)",
		[CGROUP_LEGACY] = "legacy (v1)",
		[CGROUP_HYBRID] = "hybrid (v1 and v2)",
	};

	return names[layout];
}

/* Files of a cgroup cannot be unlinked: only rmdir() of the leaf directories, bottom up. */
static errint_t remove_cgroup_dir(int parent_fd, const char *name, unsigned depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	if (errno != EBUSY || depth > MAX_DEPTH)
		return -errno;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		closep(&fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		(void)remove_cgroup_dir(dirfd(dir), entry->d_name, depth + 1);
	}
	return unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

static int remove_patiently(int hierarchy_fd, const char *name, struct nvb_error **err)
{
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_NS };
	errint_t r = 0;

	for (int i = 0; i < BUSY_TRIES; i++) {
		r = remove_cgroup_dir(hierarchy_fd, name, 0);
		if (r != -EBUSY)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r < 0)
		return NVB_RAISE(err, r == -EBUSY ? NVB_ERR_BUSY : NVB_ERR_IO, -r,
			"remove the cgroup '%s'", name);
	return 0;
}

/* 1: `fd` is a hierarchy of version 1 below the top. 0: a link to one, or no directory. */
static int open_hierarchy(
	int top_fd, const struct dirent *entry, int *ret_fd, struct nvb_error **err)
{
	if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
		return 0;
	*ret_fd = openat(top_fd, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*ret_fd < 0)
		return NVB_RAISE(
			err, NVB_ERR_IO, errno, "open '%s/%s'", CGROUP_ROOT, entry->d_name);
	return 1;
}

/* Every controller is a hierarchy of its own, one directory below. */
static int remove_from_all(DIR *dir, const char *name, struct nvb_error **err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct dirent *entry;
		int r;

		errno = 0;
		entry = readdir(dir);
		if (!entry && errno)
			return NVB_RAISE(err, NVB_ERR_IO, errno, "read '%s'", CGROUP_ROOT);
		if (!entry)
			return 0;
		r = open_hierarchy(dirfd(dir), entry, &fd, err);
		if (r > 0)
			r = remove_patiently(fd, name, err);
		if (r < 0)
			return r;
	}
}

static void kill_in(int hierarchy_fd, const char *name)
{
	_cleanup_close_ int fd =
		openat(hierarchy_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	uint64_t pid;

	if (fd < 0 || file_read_in(fd, "cgroup.procs", PROCESSES_BYTES, &text, NULL) < 0)
		return;
	/* 0 is a process that our namespace does not show. */
	for (const char *line = text; *line; line += strspn(line, "\n")) {
		const size_t length = strcspn(line, "\n");

		if (number_parse_n(line, length, INT_MAX, &pid) && pid > 1)
			(void)kill((pid_t)pid, SIGKILL);
		line += length;
	}
}

void cgroup_kill(const char *name)
{
	_cleanup_closedir_ DIR *dir = opendir(CGROUP_ROOT);
	struct dirent *entry;

	if (!dir)
		return;
	kill_in(dirfd(dir), name);
	while ((entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;

		if (open_hierarchy(dirfd(dir), entry, &fd, NULL) > 0)
			kill_in(fd, name);
	}
}

int cgroup_remove(const char *name, struct nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = opendir(CGROUP_ROOT);

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : NVB_RAISE(err, NVB_ERR_IO, errno, "open '%s'", CGROUP_ROOT);
	if (cgroup_layout_read() == CGROUP_UNIFIED)
		return remove_patiently(dirfd(dir), name, err);
	return remove_from_all(dir, name, err);
}
