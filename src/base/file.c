/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/number.h"

#define FIRST_READ_BYTES 4096

errint_t file_read_fd(int fd, size_t limit_bytes, char **ret_data, size_t *ret_length)
{
	_cleanup_free_ char *data = NULL;
	size_t capacity = FIRST_READ_BYTES, length = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	/* procfs and sysfs say 0 or 4096; the size is a guess, never a promise. */
	if (S_ISREG(st.st_mode) && st.st_size > FIRST_READ_BYTES) {
		if ((unsigned long long)st.st_size > limit_bytes)
			return -EFBIG;
		capacity = (size_t)st.st_size + 1;
	}
	for (;;) {
		char *grown = realloc(data, capacity + 1);
		ssize_t n;

		if (!grown)
			return -ENOMEM;
		data = grown;
		n = read(fd, data + length, capacity - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
		if (length > limit_bytes)
			return -EFBIG;
		if (length == capacity)
			capacity *= 2;
	}
	data[length] = '\0';
	*ret_data = TAKE_PTR(data);
	if (ret_length)
		*ret_length = length;
	return 0;
}

errint_t file_read_in(
	int root_fd, const char *path, size_t limit_bytes, char **ret_data, size_t *ret_length)
{
	/* O_NONBLOCK: a FIFO in a hostile root must not hang the open. */
	_cleanup_close_ int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0)
		return fd;
	return file_read_fd(fd, limit_bytes, ret_data, ret_length);
}

errint_t file_read_regular_in(
	int root_fd, const char *path, size_t limit_bytes, char **ret_data, size_t *ret_length)
{
	_cleanup_close_ int fd = path_open_regular_in(root_fd, path);

	if (fd < 0)
		return fd;
	return file_read_fd(fd, limit_bytes, ret_data, ret_length);
}

errint_t file_read_path(const char *path, size_t limit_bytes, char **ret_data, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, limit_bytes, ret_data, ret_length);
}

errint_t file_flush(FILE *stream)
{
	if (fflush(stream) != 0)
		return -errno;
	return ferror(stream) ? -EIO : 0;
}

errint_t file_write_fd(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

/* `like`: owner to give, or NULL: that of the process. */
static errint_t write_new(int dir_fd, const char *name, const void *data, size_t length,
	mode_t mode, const struct stat *like, bool sync)
{
	_cleanup_close_ int fd = -1;
	errint_t r;

	fd = openat(
		dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0700);
	if (fd < 0)
		return -errno;
	/* The owner first: a change of it may take bits of the mode away. */
	if (like && fchown(fd, like->st_uid, like->st_gid) < 0)
		return -errno;
	/* Exactly the mode asked for, whatever the umask of whoever runs this. */
	r = fchmod(fd, mode) < 0 ? -errno : file_write_fd(fd, data, length);
	/* EINVAL: a file system that has nothing to wait for. */
	if (r == 0 && sync && fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	/* close() reports what a delayed write could not store (NFS, quota). */
	if (r == 0 && close(TAKE_FD(fd)) < 0)
		r = -errno;
	return r;
}

/* The new name itself. Without it, the content is still safe under the old one or the new one. */
static void sync_directory(int dir_fd)
{
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)fsync(fd);
}

static errint_t replace(int dir_fd, const char *name, const void *data, size_t length, mode_t mode,
	const struct stat *like, bool sync)
{
	_cleanup_free_ char *temporary = NULL;
	errint_t r;

	if (asprintf(&temporary, ".%s.%d.new", name, (int)getpid()) < 0)
		return -ENOMEM;
	(void)unlinkat(dir_fd, temporary, 0);
	r = write_new(dir_fd, temporary, data, length, mode, like, sync);
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	else if (sync)
		sync_directory(dir_fd);
	return r;
}

errint_t file_replace_at(int dir_fd, const char *name, const void *data, size_t length, mode_t mode)
{
	return replace(dir_fd, name, data, length, mode, NULL, false);
}

errint_t file_replace_like_at(
	int dir_fd, const char *name, const void *data, size_t length, const struct stat *like)
{
	return replace(dir_fd, name, data, length, like->st_mode & 0777, like, false);
}

errint_t file_replace_synced_at(int dir_fd, const char *name, const void *data, size_t length,
	mode_t mode, const struct stat *like)
{
	return replace(dir_fd, name, data, length, like ? like->st_mode & 0777 : mode, like, true);
}

/* ".NAME.PID.new" of a process that is no more, as replace() names it. */
static bool is_left_over(const char *entry, const char *name)
{
	size_t prefix = strlen(name) + 2, length = strlen(entry), suffix = strlen(".new");
	uint64_t pid;

	return length > prefix + suffix && entry[0] == '.' && entry[prefix - 1] == '.' &&
	       memcmp(entry + 1, name, prefix - 2) == 0 &&
	       strcmp(entry + length - suffix, ".new") == 0 &&
	       number_parse_n(entry + prefix, length - prefix - suffix, INT_MAX, &pid) && pid > 0 &&
	       kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void file_sweep_at(int dir_fd, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		closep(&fd);
	while (dir && (entry = readdir(dir)))
		if (is_left_over(entry->d_name, name))
			(void)unlinkat(dir_fd, entry->d_name, 0);
}
