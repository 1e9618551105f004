/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/host_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define LIMIT_BYTES ((size_t)4096)

static errint_t open_regular(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -ENOTSUP;
}

errint_t host_file_read(struct arena *a, const char *path, const char **ret_value)
{
	_cleanup_close_ int fd = open_regular(path, O_RDONLY);
	_cleanup_free_ char *text = NULL;
	const char *value;
	size_t length;
	errint_t e;

	e = fd < 0 ? fd : file_read_fd(fd, LIMIT_BYTES, &text, &length);
	if (e < 0)
		return e;
	while (length && isspace((unsigned char)text[length - 1]))
		text[--length] = '\0';
	if (strlen(text) != length || strchr(text, '\n'))
		return -EILSEQ;
	value = arena_strdup(a, text);
	if (!value)
		return -ENOMEM;
	*ret_value = value;
	return 0;
}

errint_t host_file_write(const char *path, const char *value)
{
	_cleanup_close_ int fd = open_regular(path, O_WRONLY);
	_cleanup_free_ char *line = NULL;
	int length = asprintf(&line, "%s\n", value);
	ssize_t n;

	if (length < 0) {
		line = NULL;
		return -ENOMEM;
	}
	if (fd < 0)
		return fd;
	do
		n = write(fd, line, (size_t)length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != length)
		return -EIO;
	/* sysfs has nothing to cut off (EINVAL, where it says so); a file that stands for one has.
	 */
	return ftruncate(fd, n) < 0 && errno != EINVAL ? -errno : 0;
}
