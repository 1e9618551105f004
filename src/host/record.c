/* SPDX-License-Identifier: Apache-2.0 */
#include "host/record.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/digest.h"
#include "host/tree.h"

#define NS_PER_S 1000000000

/* Of file systems that <linux/magic.h> does not have. */
#define MAGIC_XFS      0x58465342
#define MAGIC_ZFS      0x2fc12fc1
#define MAGIC_BCACHEFS 0xca451a4e

bool host_path_is_kernel(const char *path)
{
	return path_is_below(path, "/proc") || path_is_below(path, "/sys");
}

uint64_t host_answer_error(errint_t r)
{
	return digest_add_u64(~DIGEST_START, (uint64_t)-r);
}

uint64_t host_answer_bytes(const void *data, size_t length)
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
	if (question == HOST_KIND || question == HOST_CHILDREN)
		return false;
	return question == HOST_DIRECTORY || S_ISREG(st->st_mode) || S_ISLNK(st->st_mode);
}

uint64_t host_answer_object(const struct stat *st)
{
	uint64_t answer = DIGEST_START;

	answer = digest_add_u64(answer, st->st_dev);
	answer = digest_add_u64(answer, st->st_ino);
	answer = digest_add_u64(answer, (uint64_t)st->st_mode << 32 | st->st_uid);
	answer = digest_add_u64(answer, st->st_gid);
	return digest_add_u64(answer, st->st_rdev);
}

static uint64_t add_times(uint64_t answer, const struct stat *st)
{
	answer = digest_add_u64(answer, (uint64_t)st->st_size);
	answer = digest_add_u64(answer, (uint64_t)st->st_mtim.tv_sec);
	answer = digest_add_u64(answer, (uint64_t)st->st_mtim.tv_nsec);
	answer = digest_add_u64(answer, (uint64_t)st->st_ctim.tv_sec);
	return digest_add_u64(answer, (uint64_t)st->st_ctim.tv_nsec);
}

uint64_t host_answer_stat(enum host_question question, const struct stat *st)
{
	const uint64_t kind = digest_add_u64(DIGEST_START, st->st_mode & S_IFMT);

	if (question == HOST_KIND)
		return kind;
	if (question == HOST_CHILDREN)
		return digest_add_u64(kind, st->st_nlink);
	return has_times(question, st) ? add_times(host_answer_object(st), st)
				       : host_answer_object(st);
}

void host_record_give_up(struct host_record *record, const char *why)
{
	if (!record->unprovable)
		record->unprovable = why;
}

static void add_fact(struct host_record *record, const struct host_fact *fact)
{
	struct host_fact *slot;
	const char *copy;

	if (record->unprovable)
		return;
	slot = vec_push(record->arena, &record->facts);
	copy = arena_strdup(record->arena, fact->path);
	if (!slot || !copy || (copy[0] != '/' && fact->question != HOST_MODULE)) {
		host_record_give_up(record, slot && copy ? "a path from nowhere" : "out of memory");
		record->facts.n -= slot != NULL;
		return;
	}
	*slot = *fact;
	slot->path = copy;
}

void host_record_answer(
	struct host_record *record, enum host_question question, const char *path, uint64_t answer)
{
	add_fact(record,
		&(struct host_fact){ .path = path, .question = question, .answer = answer });
}

/*
 * File systems of this kernel that change a file's ctime, and a directory's, with every call that
 * changes it. Of others (FUSE, 9p, network) the times are what a server says, when it says it; of
 * writes through a mapping, of overlayfs and of read-only images see record.h.
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

bool host_record_keeps_times(struct host_record *record, int fd, const struct stat *st)
{
	for (size_t i = 0; i < record->n_sound; i++) {
		if (record->sound[i] == st->st_dev)
			return true;
	}
	if (!keeps_times(fd))
		return false;
	if (record->n_sound < HOST_RECORD_FILE_SYSTEMS)
		record->sound[record->n_sound++] = st->st_dev;
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

int64_t host_newest_ns(const struct stat *st)
{
	const int64_t changed = ns_of(st->st_ctim), modified = ns_of(st->st_mtim);

	return changed > modified ? changed : modified;
}

void host_record_stat(struct host_record *record, enum host_question question, const char *path,
	errint_t r, int fd, const struct stat *st)
{
	struct host_fact fact = { .path = path, .question = question };

	if (r < 0 || question == HOST_EXISTS) {
		fact.answer = r < 0 ? host_answer_error(r) : HOST_ANSWER_EXISTS;
		add_fact(record, &fact);
		return;
	}
	fact.answer = host_answer_stat(question, st);
	fact.object = host_answer_object(st);
	fact.is_link = question == HOST_ENTRY && S_ISLNK(st->st_mode);
	add_fact(record, &fact);
	if (record->unprovable || !has_times(question, st))
		return;
	if (!host_record_keeps_times(record, fd, st))
		host_record_give_up(record, "a file system that need not keep a file's times");
	if (host_newest_ns(st) > record->newest_ns)
		record->newest_ns = host_newest_ns(st);
}

void host_record_bytes(struct host_record *record, enum host_question question, const char *path,
	errint_t r, const void *data, size_t length)
{
	host_record_answer(record, question, path,
		r < 0 ? host_answer_error(r) : host_answer_bytes(data, length));
}
