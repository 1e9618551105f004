/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a machine again what a record has of it. One question is one system call where it can be. */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/digest.h"
#include "base/file.h"
#include "host/record.h"
#include "host/tree.h"

#define MAX_PATH_BYTES	  4096
#define BUFFER_BYTES	  (16 << 10)
#define MAX_CONTENT_BYTES (1 << 20)

/* True if the kernel's own way to a path is the tree's. */
static bool is_plain(const struct host_place *place)
{
	return place->is_exact || host_tree_is_live(place->tree);
}

static const char *below_root(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

void host_place_open(struct host_place *place)
{
	if (is_plain(place))
		place->fd = openat(place->tree->root_fd, below_root(place->path),
			O_PATH | O_DIRECTORY | O_CLOEXEC | (place->is_exact ? O_NOFOLLOW : 0));
}

void host_place_done(struct host_place *place)
{
	closep(&place->fd);
}

/* Where a question goes to. */
struct target {
	int fd;
	const char *name;
	char text[MAX_PATH_BYTES];
};

/* False if it is too long for the kernel. */
static bool target_of(const struct host_place *place, const char *name, struct target *ret)
{
	const size_t length = strlen(place->path), name_length = strlen(name);

	ret->fd = place->fd;
	ret->name = name;
	if (place->fd >= 0 && *name)
		return true;
	if (length + name_length + 2 > sizeof(ret->text))
		return false;
	memcpy(ret->text, place->path, length);
	ret->text[length] = '/';
	memcpy(ret->text + length + (*name != '\0'), name, name_length + 1);
	ret->fd = place->tree->root_fd;
	ret->name = below_root(ret->text);
	return true;
}

/* Opens it with the tree as the root of all links. */
static errint_t open_followed(const struct target *target, int flags)
{
	return path_open_in(target->fd, target->name, flags, 0);
}

static uint64_t ask_stat(
	const struct host_place *place, enum host_question question, const struct target *target)
{
	const bool follow = question != HOST_ENTRY && !place->is_exact;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (is_plain(place)) {
		r = fstatat(target->fd, target->name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW);
	} else {
		fd = open_followed(target, O_PATH | (follow ? 0 : O_NOFOLLOW));
		if (fd < 0)
			return host_answer_error(fd);
		r = fstat(fd, &st);
	}
	if (r < 0)
		return host_answer_error(-errno);
	return question == HOST_EXISTS ? HOST_ANSWER_EXISTS : host_answer_stat(question, &st);
}

static uint64_t ask_link(const struct host_place *place, const struct target *target)
{
	_cleanup_close_ int fd = -1;
	char text[MAX_PATH_BYTES];
	ssize_t length;

	if (is_plain(place)) {
		length = readlinkat(target->fd, target->name, text, sizeof(text) - 1);
	} else {
		fd = open_followed(target, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			return host_answer_error(fd);
		length = readlinkat(fd, "", text, sizeof(text) - 1);
	}
	return length < 0 ? host_answer_error(-errno) : host_answer_bytes(text, (size_t)length);
}

static errint_t open_to_read(const struct host_place *place, const struct target *target, int flags)
{
	int fd;

	flags |= O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	if (!is_plain(place))
		return open_followed(target, flags);
	fd = openat(target->fd, target->name, flags | (place->is_exact ? O_NOFOLLOW : 0));
	return fd < 0 ? -errno : fd;
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
	return r < 0 ? host_answer_error(r) : host_answer_bytes(data, length);
}

/*
 * A kernel's file of one value comes in one read, and one of many records stops early only where
 * the next record does not fit into its page: after less than half of it there is no more. (Source:
 * fs/seq_file.c, seq_read_iter(); fs/kernfs/file.c; no record of what is read here is so long.)
 */
#define ONE_READ_BYTES 2048

static uint64_t ask_content(const struct host_place *place, const struct target *target)
{
	_cleanup_close_ int fd = open_to_read(place, target, 0);
	char buffer[BUFFER_BYTES];
	size_t length = 0;
	ssize_t n;

	if (fd < 0)
		return host_answer_error(fd);
	while (length < sizeof(buffer)) {
		n = read(fd, buffer + length, sizeof(buffer) - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return host_answer_error(-errno);
		length += (size_t)n;
		if (n == 0 || length < ONE_READ_BYTES)
			return host_answer_bytes(buffer, length);
	}
	return ask_long_content(fd);
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

static uint64_t ask_names(const struct host_place *place, const struct target *target)
{
	_cleanup_close_ int fd = open_to_read(place, target, O_DIRECTORY);
	_Alignas(struct raw_entry) char buffer[BUFFER_BYTES];
	uint64_t answer = DIGEST_START;
	long n;

	if (fd < 0)
		return host_answer_error(fd);
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		answer = add_entries(answer, buffer, (size_t)n);
	return n < 0 ? host_answer_error(-errno) : answer;
}

uint64_t host_place_ask(
	const struct host_place *place, enum host_question question, const char *name)
{
	struct target target;

	if (question == HOST_MODULE)
		return host_tree_has_module(place->tree, name);
	if (!target_of(place, name, &target))
		return host_answer_error(-ENAMETOOLONG);
	if (question == HOST_LINK)
		return ask_link(place, &target);
	if (question == HOST_CONTENT)
		return ask_content(place, &target);
	if (question == HOST_NAMES)
		return ask_names(place, &target);
	return ask_stat(place, question, &target);
}
