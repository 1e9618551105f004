/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of a machine, and what it answered: so that it can be asked again later whether
 * all is as it was. Every answer is a digest, an error's number included.
 *
 * A tree with a record notes each question of its host_tree_* functions, with the answer that
 * the caller got, not with one that is asked for afterwards. How a change is seen:
 *
 *	HOST_ENTRY	lstat(): what the name itself is. Links and regular files with their times.
 *	HOST_FILE	stat(): what the name leads to. A regular file with its size and times, so it
 *			stands for the content; a node with its numbers, owner and mode.
 *	HOST_EXISTS	that it can be reached at all
 *	HOST_DIRECTORY	the directory with its times: it stands for the names in it. Not on
 *			overlayfs, where a merged directory has the times of its topmost layer,
 *			whatever is below; nor in a read-only image, whose times are the ones its
 *			builder chose: another image may have the same, and be mounted as the same
 *			device. There nothing is kept.
 *	HOST_NAMES	the names in it with their inodes: in procfs and sysfs, whose times tell
 *			nothing. Inodes tell a device from one that took its place: sysfs does not
 *			give a number twice (64-bit kernels since 5.5; Source: fs/kernfs/dir.c,
 *			__kernfs_new_node()).
 *	HOST_CONTENT	the bytes: in procfs and sysfs
 *	HOST_LINK	the link's text: the drivers of devices
 *	HOST_MODULE	host_tree_has_module()
 *
 * Thread safety: a record belongs to one thread; a tree that has one, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/path.h"

struct host_tree;

enum host_question {
	HOST_ENTRY,
	HOST_FILE,
	HOST_EXISTS,
	HOST_DIRECTORY,
	HOST_NAMES,
	HOST_CONTENT,
	HOST_LINK,
	HOST_MODULE,
	HOST_QUESTION_COUNT,
};

struct host_fact {
	const char *path; /* absolute as the machine sees it; HOST_MODULE: the module's name */
	enum host_question question;
	uint64_t answer;
};

struct host_fact_list VEC(struct host_fact);

#define HOST_RECORD_FILE_SYSTEMS 8

struct host_record {
	struct arena *arena;
	struct host_fact_list facts;
	int64_t newest_ns; /* the last time that an answer depends on, since the epoch */
	/*
	 * Something cannot be asked again with an answer that proves anything; why. From then on
	 * nothing is noted any more.
	 */
	const char *unprovable;
	dev_t sound[HOST_RECORD_FILE_SYSTEMS]; /* file systems known to keep times */
	size_t n_sound;
};

/* True below /proc and /sys, where only the content itself is proof. */
bool host_path_is_kernel(const char *path);

/*
 * What a tree calls with its answers, if it has a record. `r` is -errno where there was none, else
 * `st` or the content. `fd` is what was looked at, to learn its file system.
 */
void host_record_stat(struct host_record *record, enum host_question question, const char *path,
	errint_t r, int fd, const struct stat *st);
void host_record_bytes(struct host_record *record, enum host_question question, const char *path,
	errint_t r, const void *data, size_t length);
void host_record_answer(struct host_record *record, enum host_question question, const char *path,
	uint64_t answer);
/* The answer will depend on this as well. */
void host_record_give_up(struct host_record *record, const char *why);

/* A directory whose entries are asked for. */
struct host_place {
	const struct host_tree *tree;
	const char *path;
	bool is_open;
	errint_t fd; /* O_PATH, or why it cannot be opened */
};

#define HOST_PLACE_INIT(of_tree) { .tree = (of_tree), .fd = -1 }

/* Pays for more than one question; without it each goes by its whole path. */
void host_place_open(struct host_place *place);
void host_place_done(struct host_place *place);
/* Asks for `name` in the place, or for the place itself: "". HOST_MODULE: the module `name`. */
uint64_t host_place_ask(const struct host_place *place, enum host_question question,
	const char *name);

uint64_t host_answer_error(errint_t r);
/* Adds one name of HOST_NAMES. Start: DIGEST_START. */
uint64_t host_answer_name(uint64_t answer, const char *name, uint64_t inode);
