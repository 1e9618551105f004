/* SPDX-License-Identifier: Apache-2.0 */
/* A user namespace as an ordinary user makes it: one user and one group, and both are root. */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static inline bool write_namespace_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return written;
}

/* For a process of its own: there is no way back. False: the machine allows none. */
static inline bool enter_namespace_of_one(void)
{
	char users[32], groups[32];

	(void)snprintf(users, sizeof(users), "0 %u 1\n", (unsigned)geteuid());
	(void)snprintf(groups, sizeof(groups), "0 %u 1\n", (unsigned)getegid());
	return unshare(CLONE_NEWUSER) == 0 &&
	       write_namespace_file("/proc/self/setgroups", "deny") &&
	       write_namespace_file("/proc/self/uid_map", users) &&
	       write_namespace_file("/proc/self/gid_map", groups);
}
