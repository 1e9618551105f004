/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peak memory of a program, from the kernel's account of its address space. What wait4(2) tells
 * is no use: it counts what the process was before exec() too, and that is us. The account is gone
 * when the process has ended, so that it is stopped at the last moment: as its tracer we may.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/number.h"
#include "base/spawn.h"
#include "bench/process.h"

#define STATUS_BYTES 65536
#define PEAK_KEY     "VmHWM:"

static void __attribute__((noreturn)) become(const struct process *p)
{
	int null_fd = open("/dev/null", O_RDWR);

	if (null_fd < 0 || setpgid(0, 0) < 0)
		_exit(127);
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(null_fd, fd) < 0)
			_exit(127);
	spawn_reset_child();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
		_exit(127);
	(void)execve(p->argv[0], (char *const *)p->argv, (char *const *)p->envp);
	_exit(127);
}

/* Source: proc_pid_status(5). False: it does not tell. */
static bool read_peak(pid_t pid, int64_t *ret_bytes)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	const char *line;
	uint64_t kib;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read_path(path, STATUS_BYTES, &text, NULL) < 0)
		return false;
	line = strstr(text, PEAK_KEY);
	if (!line)
		return false;
	line += strlen(PEAK_KEY);
	line += strspn(line, " \t");
	if (!number_parse_n(line, strcspn(line, " \n"), INT64_MAX / 1024, &kib))
		return false;
	*ret_bytes = (int64_t)kib * 1024;
	return true;
}

/* Of a stop: what the tracee gets when it goes on. */
static int signal_of(int status)
{
	int signum = WSTOPSIG(status);

	return status >> 16 || signum == SIGTRAP || signum == SIGSTOP ? 0 : signum;
}

/* Returns how often it became another program, until it ends. */
static unsigned follow(pid_t pid, int64_t *ret_bytes)
{
	unsigned n_execs = 0;
	int status = 0;

	for (;;) {
		pid_t r = waitpid(pid, &status, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 || !WIFSTOPPED(status))
			return n_execs;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			n_execs++;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8) && !read_peak(pid, ret_bytes))
			*ret_bytes = 0;
		(void)ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal_of(status));
	}
}

int process_peak(const struct process *p, int64_t *ret_bytes, struct nvb_error **err)
{
	const long options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
	pid_t pid = fork(), r;
	int64_t bytes = 0;
	int status = 0;

	if (pid == 0)
		become(p);
	if (pid < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "start '%s'", p->argv[0]);
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0 || !WIFSTOPPED(status))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"look at the memory of '%s': this machine does not let processes be traced",
			p->argv[0]);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0 ||
		ptrace(PTRACE_CONT, pid, NULL, NULL) < 0) {
		int e = errno;

		(void)kill(pid, SIGKILL);
		(void)follow(pid, &bytes);
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, e, "trace '%s'", p->argv[0]);
	}
	if (follow(pid, &bytes) != 1 || !bytes)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0,
			"look at the memory of '%s': it did not come to its end", p->argv[0]);
	*ret_bytes = bytes;
	return 0;
}
