/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/path.h"
#include "base/spawn.h"

#define SAID_BYTES  4096
#define SHOWN_BYTES 240

int64_t process_clock_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Advice stands behind the reason: indented, or as a pointer to a help text. */
static bool is_advice(const char *line)
{
	return !line[0] || line[0] == ' ' || line[0] == '\t' || strstr(line, "--help'");
}

/*
 * The last line that a program left on standard error and that is no advice, in `text`; "": there
 * is none.
 */
static const char *read_last_line(int fd, char text[static SAID_BYTES])
{
	off_t end = lseek(fd, 0, SEEK_END);
	off_t start = end > SAID_BYTES - 1 ? end - (SAID_BYTES - 1) : 0;
	ssize_t n = end > 0 ? pread(fd, text, SAID_BYTES - 1, start) : 0;
	char *line;

	text[n > 0 ? n : 0] = '\0';
	for (;;) {
		line = strrchr(text, '\n');
		if (!is_advice(line ? line + 1 : text))
			return line ? line + 1 : text;
		if (!line)
			return "";
		*line = '\0';
	}
}

static int raise_ended(
	const struct process *p, struct spawn_exit ended, int said_fd, struct nvb_error **err)
{
	char text[SAID_BYTES];
	const char *line = read_last_line(said_fd, text);

	return NVB_RAISE(err, NVB_ERR_ENGINE, 0, "run '%s': %s %d%s%.*s", p->argv[0],
		ended.by_signal ? "killed by signal" : "exit status", ended.code,
		line[0] ? ": " : "", SHOWN_BYTES, line);
}

/* posix_spawn() and what it is told; the result is an errno. */
static int spawn(const struct process *p, int said_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int e = posix_spawn_file_actions_init(&actions);

	if (e)
		return e;
	e = posix_spawnattr_init(&attributes);
	if (e) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return e;
	}
	sigfillset(&all);
	sigemptyset(&none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!e)
		e = p->output_fd >= 0 ? posix_spawn_file_actions_adddup2(&actions, p->output_fd, 1)
				      : posix_spawn_file_actions_addopen(
						&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!e)
		e = posix_spawn_file_actions_adddup2(&actions, said_fd, 2);
	if (!e)
		e = posix_spawn(ret_pid, p->argv[0], &actions, &attributes, (char *const *)p->argv,
			(char *const *)p->envp);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return e;
}

/*
 * Waits for its end without reaping it. False: it has not come in time. A kernel without pidfds
 * waits for as long as it takes.
 */
static bool await_end(pid_t pid)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t deadline_ns = process_clock_ns() + (int64_t)PROCESS_TIMEOUT_MS * 1000000;

	while (fd >= 0) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left_ns = deadline_ns - process_clock_ns();

		if (left_ns <= 0)
			return false;
		if (poll(&poll_fd, 1, (int)(left_ns / 1000000) + 1) > 0)
			break;
	}
	return true;
}

static int finish(const struct process *p, pid_t pid, int64_t start_ns, int said_fd,
	int64_t *ret_ns, struct nvb_error **err)
{
	bool in_time = await_end(pid);
	int64_t took_ns = process_clock_ns() - start_ns;
	struct spawn_exit ended;
	int r;

	if (!in_time)
		(void)kill(-pid, SIGKILL);
	r = spawn_wait(pid, &ended, err);
	if (r < 0)
		return r;
	if (!in_time)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0, "run '%s': it did not end in %d s",
			p->argv[0], PROCESS_TIMEOUT_MS / 1000);
	if (ended.by_signal || ended.code)
		return raise_ended(p, ended, said_fd, err);
	if (ret_ns)
		*ret_ns = took_ns;
	return 0;
}

int process_run(const struct process *p, int64_t *ret_ns, struct nvb_error **err)
{
	_cleanup_close_ int said_fd = memfd_create("bench", MFD_CLOEXEC);
	int64_t start_ns;
	pid_t pid;
	int e;

	if (said_fd < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "make a file in memory");
	start_ns = process_clock_ns();
	e = spawn(p, said_fd, &pid);
	if (e)
		return NVB_RAISE(err, NVB_ERR_ENGINE, e, "start '%s'", p->argv[0]);
	return finish(p, pid, start_ns, said_fd, ret_ns, err);
}

int process_measure(void *target, int64_t *ret_ns, struct nvb_error **err)
{
	return process_run(target, ret_ns, err);
}
