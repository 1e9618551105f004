/* SPDX-License-Identifier: Apache-2.0 */
/* What killed benches left. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/number.h"
#include "bench/place_name.h"
#include "host/cgroup.h"

errint_t place_lock(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* "nvbind-bench-PID-XXXXXX". */
static bool read_name(const char *name, pid_t *ret_pid)
{
	const size_t prefix = strlen(PLACE_PREFIX);
	const char *end;
	uint64_t pid;

	if (strncmp(name, PLACE_PREFIX, prefix) != 0)
		return false;
	end = strchr(name + prefix, '-');
	if (!end || !number_parse_n(name + prefix, (size_t)(end - name) - prefix, INT_MAX, &pid) ||
		!pid)
		return false;
	*ret_pid = (pid_t)pid;
	return true;
}

/* The lock is not there yet while a directory is new: its process is. */
static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

/* The directory goes last: without it nobody would look for the rest. */
static void remove_leftovers(const char *path, pid_t pid)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	char cgroup[sizeof(PLACE_PREFIX) + 16];
	errint_t e;

	log_debug("bench", "removing what a killed one left in '%s'", path);
	(void)snprintf(cgroup, sizeof(cgroup), PLACE_PREFIX "%d", (int)pid);
	/* Only root's benches have control groups. */
	if (geteuid() == 0) {
		cgroup_kill(cgroup);
		if (cgroup_remove(cgroup, &err) < 0) {
			log_warning("%s, ignoring", nvb_error_message(err));
			return;
		}
	}
	e = path_remove_tree(AT_FDCWD, path);
	if (e < 0)
		log_warning("remove '%s': %s, ignoring", path, strerror(-e));
}

void place_sweep(const char *parent)
{
	_cleanup_closedir_ DIR *dir = opendir(parent);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		_cleanup_free_ char *path = NULL;
		_cleanup_close_ int fd = -1;
		struct stat st;
		pid_t pid;

		if (!read_name(entry->d_name, &pid) || is_alive(pid))
			continue;
		if (asprintf(&path, "%s/%s", parent, entry->d_name) < 0) {
			path = NULL;
			return;
		}
		/* Of others nothing is believed: the parent is open to all. */
		if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
			continue;
		if (place_lock(path, &fd) == 0)
			remove_leftovers(path, pid);
	}
}
