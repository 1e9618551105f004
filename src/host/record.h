/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was asked of a machine, and what it answered: so that it can be asked again later whether
 * all is as it was. Every answer is a digest, an error's number included.
 *
 * A tree with a record notes each question of its host_tree_* functions, with the answer that
 * the caller got, not with one that is asked for afterwards. How a change is seen:
 *
 *	HOST_ENTRY	lstat(): what the name itself is. Links and regular files with their times.
 *	HOST_FILE	stat(): what the name leads to. A regular file with its size and times, so
 *			it stands for the content; a node with its numbers, owner and mode.
 *	HOST_EXISTS	that it can be reached at all
 *	HOST_KIND	what kind of thing it is: a directory that is on the way to another
 *	HOST_DIRECTORY	the directory with its times: it stands for the names in it. Not on
 *			overlayfs, where a merged directory has the times of its topmost layer,
 *			whatever is below; nor in a read-only image, whose times are the ones its
 *			builder chose: another image may have the same, and be mounted as the same
 *			device. There nothing is kept.
 *	HOST_NAMES	the names in it with their inodes: in procfs and sysfs, whose times tell
 *			nothing. Inodes tell a device from one that took its place: sysfs does not
 *			give a number twice (64-bit kernels since 5.5; Source: fs/kernfs/dir.c,
 *			__kernfs_new_node()).
 *	HOST_CHILDREN	how many directories are in it: in procfs, where none stays none. (Source:
 *			fs/proc/generic.c, proc_getattr(): it counts them as links.)
 *	HOST_CONTENT	the bytes: in procfs and sysfs
 *	HOST_LINK	the link's text: the drivers of devices
 *	HOST_MODULE	host_tree_has_module()
 *
 * A write through a shared mapping changes the times when its page is first dirtied, and again only
 * after the page was written back: what is written in between does not show. Whoever can do that
 * may write the driver's files, and so decides what a container gets in any case.
 *
 * A simulated machine has files with times below /proc and /sys, and is asked for these.
 *
 * Thread safety: a record belongs to one thread; a tree that has one, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/digest.h"
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
	HOST_KIND,
	HOST_CHILDREN,
	HOST_QUESTION_COUNT,
};

struct host_fact {
	const char *path; /* absolute as the machine sees it; HOST_MODULE: the module's name */
	enum host_question question;
	/* The path has no link in it, and its last part is not followed if it has become one. */
	bool is_exact;
	bool is_link; /* HOST_ENTRY: the thing itself is one */
	uint64_t answer;
	uint64_t object; /* of what has an inode: its answer without times; else 0 */
};

struct host_fact_list VEC(struct host_fact);

#define HOST_RECORD_FILE_SYSTEMS 8

struct host_record {
	struct arena *arena;
	struct host_fact_list facts;
	int64_t newest_ns;  /* the last time that an answer depends on, since the epoch */
	int64_t settled_ns; /* what changed before, at a time that is distinct from any later one */
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
/* True if a change of what is behind `fd` shows in its times. Learns which file systems do that. */
bool host_record_keeps_times(struct host_record *record, int fd, const struct stat *st);
/* The later of its times, in nanoseconds since the epoch. */
int64_t host_newest_ns(const struct stat *st);
/* The answer will depend on this as well. */
void host_record_give_up(struct host_record *record, const char *why);

/*
 * A directory whose entries are asked for, to be asked again about paths that a record has. Links
 * lead where they lead in the tree: of the running machine the kernel's own root is the tree's;
 * in another an exact path has none, as long as the questions about the way to it have their
 * answers (gpu/cache_ways.h), and any other takes an openat2() of its own.
 */
struct host_place {
	const struct host_tree *tree;
	const char *path; /* "" is the root */
	bool is_exact;
	int fd; /* O_PATH, or -1: each question goes by its whole path */
};

#define HOST_PLACE_INIT(of_tree) { .tree = (of_tree), .fd = -1 }

/* Pays for many questions: a short way instead of two calls. */
void host_place_open(struct host_place *place);
void host_place_done(struct host_place *place);
/* Asks for `name` in the place, or for the place itself: "". HOST_MODULE: the module `name`. */
uint64_t host_place_ask(const struct host_place *place, enum host_question question,
	const char *name);

#define HOST_ANSWER_EXISTS DIGEST_START

/* What host_record_stat() and host_record_bytes() note; what a thing is apart from its times. */
uint64_t host_answer_stat(enum host_question question, const struct stat *st);
uint64_t host_answer_object(const struct stat *st);
uint64_t host_answer_bytes(const void *data, size_t length);
uint64_t host_answer_error(errint_t r);
/* Adds one name of HOST_NAMES. Start: DIGEST_START. */
uint64_t host_answer_name(uint64_t answer, const char *name, uint64_t inode);
