/* SPDX-License-Identifier: Apache-2.0 */
#include "host/record.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/digest.h"
#include "base/file.h"
#include "host/tree.h"

#define MAX_PATH_BYTES 4096
#define BUFFER_BYTES (16 << 10)
#define MAX_CONTENT_BYTES (1 << 20)
#define NS_PER_S 1000000000

/* Of file systems that <linux/magic.h> does not have. */
#define MAGIC_XFS 0x58465342
#define MAGIC_ZFS 0x2fc12fc1
#define MAGIC_BCACHEFS 0xca451a4e

bool host_path_is_kernel(const char *path)
{
	return path_is_below(path, "/proc") || path_is_below(path, "/sys");
}

uint64_t host_answer_error(errint_t r)
{
	return digest_add_u64(~DIGEST_START, (uint64_t)-r);
}

static uint64_t answer_bytes(const void *data, size_t length)
{
	return digest_add(DIGEST_START, data, length);
}

uint64_t host_answer_name(uint64_t answer, const char *name, uint64_t inode)
{
	return digest_add(digest_add_u64(answer, inode), name, strlen(name));
}

/* Whether the times are a part of the answer. A directory's own times change with its names. */
static bool has_times(enum host_question question, const struct stat *st)
{
	return question == HOST_DIRECTORY || S_ISREG(st->st_mode) || S_ISLNK(st->st_mode);
}

static uint64_t answer_stat(enum host_question question, const struct stat *st)
{
	uint64_t answer = DIGEST_START;

	if (question == HOST_EXISTS)
		return answer;
	answer = digest_add_u64(answer, st->st_dev);
	answer = digest_add_u64(answer, st->st_ino);
	answer = digest_add_u64(answer, (uint64_t)st->st_mode << 32 | st->st_uid);
	answer = digest_add_u64(answer, st->st_gid);
	answer = digest_add_u64(answer, st->st_rdev);
	if (!has_times(question, st))
		return answer;
	answer = digest_add_u64(answer, (uint64_t)st->st_size);
	answer = digest_add_u64(answer, (uint64_t)st->st_mtim.tv_sec);
	answer = digest_add_u64(answer, (uint64_t)st->st_mtim.tv_nsec);
	answer = digest_add_u64(answer, (uint64_t)st->st_ctim.tv_sec);
	return digest_add_u64(answer, (uint64_t)st->st_ctim.tv_nsec);
}

void host_record_give_up(struct host_record *record, const char *why)
{
	if (!record->unprovable)
		record->unprovable = why;
}

void host_record_answer(struct host_record *record, enum host_question question, const char *path,
	uint64_t answer)
{
	struct host_fact *fact;
	const char *copy;

	if (record->unprovable)
		return;
	fact = vec_push(record->arena, &record->facts);
	copy = arena_strdup(record->arena, path);
	if (!fact || !copy || (path[0] != '/' && question != HOST_MODULE)) {
		host_record_give_up(record, fact && copy ? "a path from nowhere" : "out of memory");
		record->facts.n -= fact != NULL;
		return;
	}
	*fact = (struct host_fact){ .path = copy, .question = question, .answer = answer };
}

/*
 * File systems of this kernel that change a file's ctime, and a directory's, with every change of
 * it. Of others (FUSE, 9p, network) the times are what a server says, when it says it; of overlayfs
 * and of read-only images see record.h.
 */
static bool keeps_times(int fd)
{
	static const unsigned long magics[] = { EXT4_SUPER_MAGIC, MAGIC_XFS, BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC, RAMFS_MAGIC, F2FS_SUPER_MAGIC, MAGIC_ZFS, MAGIC_BCACHEFS };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(magics); i++) {
		if ((unsigned long)fs.f_type == magics[i])
			return true;
	}
	return false;
}

static bool is_sound(struct host_record *record, int fd, dev_t dev)
{
	for (size_t i = 0; i < record->n_sound; i++) {
		if (record->sound[i] == dev)
			return true;
	}
	if (!keeps_times(fd))
		return false;
	if (record->n_sound < HOST_RECORD_FILE_SYSTEMS)
		record->sound[record->n_sound++] = dev;
	return true;
}

static int64_t ns_of(struct timespec t)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)t.tv_sec, (int64_t)NS_PER_S, &ns) ||
		__builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
		return INT64_MAX;
	return ns;
}

void host_record_stat(struct host_record *record, enum host_question question, const char *path,
	errint_t r, int fd, const struct stat *st)
{
	if (r < 0) {
		host_record_answer(record, question, path, host_answer_error(r));
		return;
	}
	host_record_answer(record, question, path, answer_stat(question, st));
	if (record->unprovable || question == HOST_EXISTS || !has_times(question, st))
		return;
	if (!is_sound(record, fd, st->st_dev))
		host_record_give_up(record, "a file system that need not keep a file's times");
	if (ns_of(st->st_mtim) > record->newest_ns)
		record->newest_ns = ns_of(st->st_mtim);
	if (ns_of(st->st_ctim) > record->newest_ns)
		record->newest_ns = ns_of(st->st_ctim);
}

void host_record_bytes(struct host_record *record, enum host_question question, const char *path,
	errint_t r, const void *data, size_t length)
{
	host_record_answer(record, question, path,
		r < 0 ? host_answer_error(r) : answer_bytes(data, length));
}

void host_place_open(struct host_place *place)
{
	place->fd = path_open_in(place->tree->root_fd, place->path, O_PATH, 0);
	place->is_open = true;
}

void host_place_done(struct host_place *place)
{
	closep(&place->fd);
}

struct whole_path {
	char text[MAX_PATH_BYTES];
};

/* False if it is too long for the kernel. */
static bool whole_path(const struct host_place *place, const char *name, struct whole_path *ret)
{
	return snprintf(ret->text, sizeof(ret->text), "%s%s%s", place->path, *name ? "/" : "",
		       name) < (int)sizeof(ret->text);
}

/* Opens `name` with the tree as the root of all links. */
static errint_t open_whole(const struct host_place *place, const char *name, int flags)
{
	struct whole_path path;

	if (!whole_path(place, name, &path))
		return -ENAMETOOLONG;
	return path_open_in(place->tree->root_fd, path.text, flags, 0);
}

static uint64_t ask_stat_whole(const struct host_place *place, enum host_question question,
	const char *name)
{
	int flags = question == HOST_ENTRY ? O_NOFOLLOW : 0;
	_cleanup_close_ int fd = open_whole(place, name, O_PATH | flags);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return host_answer_error(fd < 0 ? fd : -errno);
	return answer_stat(question, &st);
}

/* Of the running machine the kernel's own root is the root of links, too. */
static uint64_t ask_stat_live(const struct host_place *place, enum host_question question,
	const char *name)
{
	int flags = question == HOST_ENTRY ? AT_SYMLINK_NOFOLLOW : 0;
	struct whole_path path;
	struct stat st;

	if (!whole_path(place, name, &path))
		return host_answer_error(-ENAMETOOLONG);
	if (fstatat(AT_FDCWD, path.text, &st, flags) < 0)
		return host_answer_error(-errno);
	return answer_stat(question, &st);
}

static uint64_t ask_stat(const struct host_place *place, enum host_question question,
	const char *name)
{
	const bool is_live = host_tree_is_live(place->tree);
	const bool follow = question != HOST_ENTRY && is_live;
	const int flags = *name ? 0 : AT_EMPTY_PATH;
	struct stat st;

	if (!place->is_open)
		return is_live ? ask_stat_live(place, question, name)
			       : ask_stat_whole(place, question, name);
	if (fstatat(place->fd, name, &st, flags | (follow ? 0 : AT_SYMLINK_NOFOLLOW)) < 0)
		return host_answer_error(-errno);
	if (question != HOST_ENTRY && S_ISLNK(st.st_mode))
		return ask_stat_whole(place, question, name);
	return answer_stat(question, &st);
}

static uint64_t ask_link(const struct host_place *place, const char *name)
{
	_cleanup_close_ int own = -1;
	char target[MAX_PATH_BYTES];
	ssize_t length;

	if (place->is_open) {
		length = readlinkat(place->fd, name, target, sizeof(target) - 1);
	} else {
		own = open_whole(place, name, O_PATH | O_NOFOLLOW);
		if (own < 0)
			return host_answer_error(own);
		length = readlinkat(own, "", target, sizeof(target) - 1);
	}
	return length < 0 ? host_answer_error(-errno) : answer_bytes(target, (size_t)length);
}

static errint_t open_to_read(const struct host_place *place, const char *name, int flags)
{
	int fd;

	flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	if (!place->is_open || !*name)
		return open_whole(place, name, flags);
	fd = openat(place->fd, name, flags | O_NOFOLLOW);
	if (fd >= 0 || errno != ELOOP)
		return fd < 0 ? -errno : fd;
	return open_whole(place, name, flags);
}

/* More than a page of it: rare, and then large. */
static uint64_t ask_long_content(int fd)
{
	_cleanup_free_ char *data = NULL;
	size_t length;
	errint_t r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return host_answer_error(-errno);
	r = file_read_fd(fd, MAX_CONTENT_BYTES, &data, &length);
	return r < 0 ? host_answer_error(r) : answer_bytes(data, length);
}

static uint64_t ask_content(const struct host_place *place, const char *name)
{
	_cleanup_close_ int fd = open_to_read(place, name, 0);
	char buffer[BUFFER_BYTES];
	size_t length = 0;
	ssize_t n;

	if (fd < 0)
		return host_answer_error(fd);
	do {
		n = read(fd, buffer + length, sizeof(buffer) - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return host_answer_error(-errno);
		length += (size_t)n;
	} while (n && length < sizeof(buffer));
	return length < sizeof(buffer) ? answer_bytes(buffer, length) : ask_long_content(fd);
}

/* What <dirent.h> does not give away: one buffer on the stack, no allocation. */
struct raw_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static uint64_t add_entries(uint64_t answer, const char *buffer, size_t length)
{
	for (size_t at = 0; at < length;) {
		const struct raw_entry *entry = (const void *)(buffer + at);

		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
			answer = host_answer_name(answer, entry->name, entry->inode);
		at += entry->length;
	}
	return answer;
}

static uint64_t ask_names(const struct host_place *place, const char *name)
{
	_cleanup_close_ int fd = open_to_read(place, name, O_DIRECTORY);
	_Alignas(struct raw_entry) char buffer[BUFFER_BYTES];
	uint64_t answer = DIGEST_START;
	long n;

	if (fd < 0)
		return host_answer_error(fd);
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		answer = add_entries(answer, buffer, (size_t)n);
	return n < 0 ? host_answer_error(-errno) : answer;
}

uint64_t host_place_ask(const struct host_place *place, enum host_question question,
	const char *name)
{
	if (question == HOST_MODULE)
		return host_tree_has_module(place->tree, name);
	if (place->is_open && place->fd < 0)
		return host_answer_error(place->fd);
	if (question == HOST_LINK)
		return ask_link(place, name);
	if (question == HOST_CONTENT)
		return ask_content(place, name);
	if (question == HOST_NAMES)
		return ask_names(place, name);
	return ask_stat(place, question, name);
}
