/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/dev_char.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define DEV	     "/dev/"
#define CHAR	     "char"
#define NAME_BYTES   32	  /* two numbers of 32 bits */
#define TARGET_BYTES 4096 /* PATH_MAX: no longer link is possible */

static bool leads_to(int dir_fd, const char *path, dev_t number)
{
	struct stat st;

	return fstatat(dir_fd, path, &st, 0) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == number;
}

static errint_t open_char(int dev_fd)
{
	int fd;

	/* The caller's mask must not hide the links from others. */
	if (mkdirat(dev_fd, CHAR, 0755) == 0 && fchmodat(dev_fd, CHAR, 0755, 0) < 0)
		return -errno;
	fd = openat(dev_fd, CHAR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A link may be old: numbers are given out anew when a module is loaded. Others are not ours. */
static errint_t replace_link(int char_fd, const char *name, const char *target)
{
	char temporary[2 * NAME_BYTES], old[1];

	if (readlinkat(char_fd, name, old, sizeof(old)) < 0)
		return errno == EINVAL ? -EEXIST : -errno;
	(void)snprintf(temporary, sizeof(temporary), ".%s.%d", name, (int)getpid());
	(void)unlinkat(char_fd, temporary, 0);
	if (symlinkat(target, char_fd, temporary) < 0)
		return -errno;
	if (renameat(char_fd, temporary, char_fd, name) < 0) {
		errint_t r = -errno;

		(void)unlinkat(char_fd, temporary, 0);
		return r;
	}
	return 0;
}

/* `path` is relative to /dev. */
static errint_t link_node(int dev_fd, int char_fd, const char *path, dev_t number)
{
	char name[NAME_BYTES], target[TARGET_BYTES];

	(void)snprintf(name, sizeof(name), "%u:%u", major(number), minor(number));
	if (leads_to(char_fd, name, number) || !leads_to(dev_fd, path, number))
		return 0;
	if ((size_t)snprintf(target, sizeof(target), "../%s", path) >= sizeof(target))
		return -ENAMETOOLONG;
	if (symlinkat(target, char_fd, name) == 0)
		return 0;
	return errno == EEXIST ? replace_link(char_fd, name, target) : -errno;
}

static void warn(const char *path, errint_t r)
{
	log_warning("link the device number of '%s' in '" DEV CHAR "': %s: 'systemctl "
		    "daemon-reload' may take it from the container",
		path, strerror(-r));
}

void dev_char_link_nodes_in(int dev_fd, const struct plan *plan)
{
	_cleanup_close_ int char_fd = open_char(dev_fd);

	vec_foreach (const struct plan_node, node, &plan->nodes) {
		errint_t r = char_fd;

		if (node->type != 'c' || strncmp(node->host_path, DEV, strlen(DEV)) != 0)
			continue;
		if (r >= 0)
			r = link_node(dev_fd, char_fd, node->host_path + strlen(DEV),
				makedev(node->major, node->minor));
		if (r < 0) {
			/* The others would most likely fare the same. */
			warn(node->host_path, r);
			return;
		}
	}
}

void dev_char_link_nodes(const struct plan *plan)
{
	_cleanup_close_ int fd = open(DEV, O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* A machine without it has no nodes. */
	if (fd >= 0)
		dev_char_link_nodes_in(fd, plan);
}
