/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/witness.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/number.h"

#define NS_PER_S	   UINT64_C(1000000000)
#define STAT_LIMIT_BYTES   4096
#define CGROUP_LIMIT_BYTES ((size_t)64 << 10)
#define PID_FILE_BYTES	   32
#define MAX_CGROUP_DEPTH   8

uint64_t witness_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/*
 * "pid:[4026531836]": the text of the link, for stat(2) takes twice as long. The time namespace is
 * younger than the others: where there is none, all have the same clock.
 */
uint32_t witness_namespaces(void)
{
	static const char *const paths[] = { "/proc/self/ns/pid", "/proc/self/ns/cgroup",
		"/proc/self/ns/time" };
	uint64_t digest = DIGEST_START;
	uint32_t folded;

	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		char text[64];
		ssize_t n = readlink(paths[i], text, sizeof(text));

		if (n < 0 && (i == 0 || errno != ENOENT))
			return 0;
		digest = digest_add(digest, text, n > 0 ? (size_t)n : 0);
	}
	folded = (uint32_t)(digest ^ digest >> 32);
	return folded ? folded : 1;
}

/* Rounded down, as the kernel does with a process's start. */
static uint64_t to_ticks(uint64_t ns)
{
	const uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	return ns / NS_PER_S * per_second + ns % NS_PER_S * per_second / NS_PER_S;
}

/*
 * Behind the name, which may hold anything: state (3), threads (20), start (22). Of a process whose
 * first thread ended before the others, the state is that of a zombie.
 * Source: proc_pid_stat(5).
 */
static errint_t parse_stat(const char *text, uint64_t *ret_start_ticks)
{
	const char *name_end = strrchr(text, ')');
	uint64_t threads, start;
	char state;

	if (!name_end ||
		sscanf(name_end + 1,
			" %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			"%" SCNu64 " %*d %" SCNu64,
			&state, &threads, &start) != 3)
		return -EBADMSG;
	*ret_start_ticks = start;
	return !(strchr("ZXx", state) && threads <= 1);
}

errint_t witness_process(pid_t pid, uint64_t *ret_start_ticks)
{
	_cleanup_free_ char *text = NULL;
	char path[32];
	errint_t e;

	if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	e = file_read_path(path, STAT_LIMIT_BYTES, &text, NULL);
	if (e >= 0)
		return parse_stat(text, ret_start_ticks);
	/* Ended in between; else it is there and hidden from us (hidepid of procfs). */
	return kill(pid, 0) < 0 && errno == ESRCH ? 0 : e;
}

/* Who took the slot ran before it was written. */
static enum lease_witness ask_creator(const struct lease_head *head, bool whole)
{
	uint64_t start = 0;
	errint_t e = witness_process(head->creator, &start);

	if (e < 0)
		return LEASE_WITNESS_UNKNOWN;
	return e > 0 && (!whole || start <= to_ticks(head->taken_ns)) ? LEASE_WITNESS_CREATOR
								      : LEASE_WITNESS_NONE;
}

static enum lease_witness ask_process(const struct lease_head *head, bool whole)
{
	uint64_t start = 0;
	errint_t e = witness_process(head->process, &start);

	if (e < 0)
		return LEASE_WITNESS_UNKNOWN;
	return e > 0 && (!whole || start == head->process_start_ticks) ? LEASE_WITNESS_PROCESS
								       : LEASE_WITNESS_NONE;
}

/* 1: read. 0: there is none. -errno: it cannot be told what it says. */
static errint_t read_pid_file(const char *path, pid_t *ret_pid)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[PID_FILE_BYTES + 1];
	uint64_t pid;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	n = read(fd, text, PID_FILE_BYTES);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (!number_parse(text, INT32_MAX, &pid))
		return -EBADMSG;
	*ret_pid = (pid_t)pid;
	return 1;
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* 1 if the process is in a control group of the container, 0 if not, -errno. */
static errint_t is_of_container(pid_t pid, const struct lease_body *body)
{
	const char *group = last_component(body->cgroup);
	_cleanup_free_ char *text = NULL;
	char path[32];
	errint_t e;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	e = file_read_path(path, CGROUP_LIMIT_BYTES, &text, NULL);
	if (e < 0)
		return e;
	/* Without a group of its own there is nothing to compare with. */
	if (!group[0])
		return 1;
	return strstr(text, group) || strstr(text, body->holder);
}

/* The pid-file's process, if the container's can be it: 1, 0 or -errno. */
static errint_t find_pid_file_process(
	const struct lease_head *head, const struct lease_body *body, struct lease_process *ret)
{
	errint_t e = body->pid_file[0] ? read_pid_file(body->pid_file, &ret->pid) : 0;

	if (e > 0)
		e = witness_process(ret->pid, &ret->start_ticks);
	if (e <= 0)
		return e;
	/* The container's first process started after the slot was written. */
	if (ret->start_ticks < to_ticks(head->taken_ns))
		return 0;
	/* It was noted, and its number is now another one's. */
	return head->process != ret->pid || head->process_start_ticks == ret->start_ticks;
}

/*
 * That the process is in another control group proves nothing: the low-level runtime may have been
 * told to make none. It may also be another one that got the number.
 */
static enum lease_witness ask_pid_file(const struct lease_head *head, const struct lease_body *body,
	struct lease_process *ret_found)
{
	struct lease_process process = { 0 };
	errint_t e = find_pid_file_process(head, body, &process);

	if (e <= 0)
		return e < 0 ? LEASE_WITNESS_UNKNOWN : LEASE_WITNESS_NONE;
	e = is_of_container(process.pid, body);
	if (e == -ENOENT || e == -ESRCH)
		return LEASE_WITNESS_NONE;
	if (e <= 0)
		return LEASE_WITNESS_UNKNOWN;
	*ret_found = process;
	return LEASE_WITNESS_PID_FILE;
}

/* Control groups. */

static errint_t read_text_at(int dir_fd, const char *name, char **ret_text)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : file_read_fd(fd, (size_t)1 << 20, ret_text, NULL);
}

static errint_t has_processes(int dir_fd, unsigned depth);

/* A group that is removed meanwhile has none. */
static errint_t has_processes_below(int dir_fd, const char *name, unsigned depth)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	errint_t e = fd < 0 ? -errno : has_processes(fd, depth);

	return e == -ENOENT || e == -ENODEV ? 0 : e;
}

/* One that is found counts more than what cannot be looked at, and that more than the others. */
static errint_t search_below(DIR *dir, unsigned depth)
{
	struct dirent *entry;
	errint_t first = 0;

	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		errint_t e;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		e = has_processes_below(dirfd(dir), entry->d_name, depth + 1);
		if (e > 0)
			return 1;
		first = first ? first : e;
	}
	return errno && !first ? -errno : first;
}

/* Version 1 counts nothing: processes may be in any group below. */
static errint_t has_processes(int dir_fd, unsigned depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_free_ char *text = NULL;
	errint_t e = read_text_at(dir_fd, "cgroup.procs", &text);
	int fd;

	if (e < 0 || text[0])
		return e < 0 ? e : 1;
	if (depth >= MAX_CGROUP_DEPTH)
		return -ELOOP;
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		e = -errno;
		closep(&fd);
		return e;
	}
	return search_below(dir, depth);
}

static errint_t is_populated(int dir_fd)
{
	_cleanup_free_ char *text = NULL;
	errint_t e = read_text_at(dir_fd, "cgroup.events", &text);

	if (e == -ENOENT)
		return has_processes(dir_fd, 0);
	if (e < 0)
		return e;
	return strstr(text, "populated 1") != NULL;
}

static errint_t ask_hierarchy(const struct lease_dir *dir, const char *hierarchy, const char *group)
{
	_cleanup_close_ int fd = -1;
	char path[LEASE_BODY_BYTES + 256];
	errint_t e;

	if (snprintf(path, sizeof(path), "%s%s%s", dir->cgroup_path, hierarchy, group) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	e = is_populated(fd);
	/* Removed while we looked. */
	return e == -ENOENT || e == -ENODEV ? 0 : e;
}

/* Every layout: the unified one, and where version 1 puts all containers. */
static enum lease_witness ask_cgroup(const struct lease_dir *dir, const struct lease_body *body)
{
	static const char *const hierarchies[] = { "", "/unified", "/devices", "/systemd",
		"/memory" };

	if (body->cgroup[0] != '/' || !body->cgroup[1])
		return LEASE_WITNESS_NONE;
	for (size_t i = 0; i < ELEMENTS(hierarchies); i++) {
		errint_t e = ask_hierarchy(dir, hierarchies[i], body->cgroup);

		if (e != 0)
			return e > 0 ? LEASE_WITNESS_CGROUP : LEASE_WITNESS_UNKNOWN;
	}
	return LEASE_WITNESS_NONE;
}

enum lease_witness witness_find(const struct lease_dir *dir, const struct lease_file *file,
	unsigned slot, const struct lease_head *head, const struct lease_body *body,
	bool body_is_whole, struct lease_process *ret_found)
{
	const bool whole = lease_head_is_whole(head);
	enum lease_witness found;
	errint_t e = lease_file_slot_is_locked(file, slot);

	*ret_found = (struct lease_process){ 0 };
	if (e != 0)
		return e > 0 ? LEASE_WITNESS_LOCK : LEASE_WITNESS_UNKNOWN;
	if (!head->namespaces || head->namespaces != dir->namespaces)
		return LEASE_WITNESS_UNKNOWN;
	found = ask_process(head, whole);
	if (found == LEASE_WITNESS_NONE)
		found = ask_creator(head, whole);
	if (found == LEASE_WITNESS_NONE && whole && body_is_whole)
		found = ask_pid_file(head, body, ret_found);
	if (found == LEASE_WITNESS_NONE && whole && body_is_whole)
		found = ask_cgroup(dir, body);
	return found;
}
