/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/user_namespace.h"

#define NOBODY 65534
#define EXIT_CANNOT_EXEC 127
#define DEATH_TIMEOUT_MS 1000
#define KERNEL_SIGNALS 64
#define KERNEL_SIGSET_BYTES 8

int spawn_exit_code(struct spawn_exit e)
{
	return e.by_signal ? 128 + e.code : e.code;
}

int spawn_wait(pid_t pid, struct spawn_exit *ret_exit, struct nvb_error **err)
{
	int status = 0;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "wait for process %d", (int)pid);
	if (WIFSIGNALED(status))
		*ret_exit = (struct spawn_exit){ .by_signal = true, .code = WTERMSIG(status) };
	else
		*ret_exit = (struct spawn_exit){ .code = WEXITSTATUS(status) };
	return 0;
}

/* SIG_ERR: never asked for. */
static sighandler_t file_limit_before = SIG_ERR;

void spawn_ignore_file_limit(void)
{
	sighandler_t before = signal(SIGXFSZ, SIG_IGN);

	if (file_limit_before == SIG_ERR)
		file_limit_before = before;
}

void spawn_restore_file_limit(void)
{
	if (file_limit_before != SIG_ERR)
		(void)signal(SIGXFSZ, file_limit_before);
}

void spawn_reset_child(void)
{
	/* The kernel's own structure, all zero: SIG_DFL. glibc keeps signals 32 and 33 to itself, and
	 * make(1) leaves them ignored. */
	static const unsigned long action[4];
	sigset_t none;

	for (int signum = 1; signum <= KERNEL_SIGNALS; signum++)
		(void)syscall(SYS_rt_sigaction, signum, action, NULL, KERNEL_SIGSET_BYTES);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
}

static bool become_nobody(void)
{
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* With no_new_privs, exec() gives root none of them back: capabilities(7). */
static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	static const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capset, &header, none) == 0;
}

/*
 * Root of a user namespace of one user (enroot, Apptainer, Podman without subordinate ids) is that
 * user and can become nobody else: there it loses its rights over the namespace.
 */
static bool drop_privileges(bool has_nobody)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	if (geteuid() != 0)
		return true;
	return has_nobody ? become_nobody() : drop_capabilities();
}

/* Set behind every change of user: the kernel forgets it then. */
static bool die_with(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static void __attribute__((noreturn))
run_child(const struct spawn_capture_options *o, bool has_nobody, int out_fd, pid_t parent)
{
	static const char *const no_environment[] = { NULL };
	int null_fd = open("/dev/null", O_RDWR);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(out_fd, 1) < 0)
		_exit(EXIT_CANNOT_EXEC);
	if (!o->keep_stderr && dup2(null_fd, 2) < 0)
		_exit(EXIT_CANNOT_EXEC);
	spawn_reset_child();
	if (o->unprivileged && !drop_privileges(has_nobody))
		_exit(EXIT_CANNOT_EXEC);
	if (!die_with(parent))
		_exit(EXIT_CANNOT_EXEC);
	(void)execve(o->argv[0], (char *const *)o->argv,
		(char *const *)(o->envp ? o->envp : no_environment));
	_exit(EXIT_CANNOT_EXEC);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int raise_late(const struct spawn_capture_options *o, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_FAILED, 0, "'%s' did not answer in %u ms", o->argv[0],
		o->timeout_ms);
}

/* Reads until end of file. A program that keeps the pipe open past the time is too slow too. */
static int read_until_end(int fd, const struct spawn_capture_options *o, uint64_t deadline_ms,
	struct strbuf *out, struct nvb_error **err)
{
	char chunk[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ms();
		ssize_t n;

		if (o->timeout_ms && now >= deadline_ms)
			return raise_late(o, err);
		if (poll(&p, 1, o->timeout_ms ? (int)(deadline_ms - now) : -1) <= 0)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NVB_RAISE(err, NVB_ERR_IO, errno, "read from '%s'", o->argv[0]);
		if (n == 0)
			return 0;
		strbuf_add(out, chunk, (size_t)n);
		if (strbuf_failed(out))
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0, "'%s' prints more than %zu bytes",
				o->argv[0], o->limit_bytes);
	}
}

/*
 * Waits until the program has ended: it may close its output and go on. False: it has not by the
 * deadline. Before Linux 5.3 there is no descriptor to wait for, and then no limit either.
 */
static bool await_end(pid_t pid, uint64_t deadline_ms)
{
	_cleanup_close_ int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

	while (pid_fd >= 0) {
		struct pollfd p = { .fd = pid_fd, .events = POLLIN };
		uint64_t now = now_ms();

		if (now >= deadline_ms)
			return false;
		if (poll(&p, 1, (int)(deadline_ms - now)) > 0)
			break;
	}
	return true;
}

/* A program stuck in the kernel (a GPU that fell off the bus) does not die of SIGKILL: it is left
 * behind rather than waited for. */
static void kill_and_reap(pid_t pid)
{
	struct spawn_exit ignored;

	(void)kill(pid, SIGKILL);
	if (await_end(pid, now_ms() + DEATH_TIMEOUT_MS))
		(void)spawn_wait(pid, &ignored, NULL);
}

int spawn_capture(const struct spawn_capture_options *options, char **ret_output,
	struct spawn_exit *ret_exit, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(options->limit_bytes);
	_cleanup_close_ int read_fd = -1;
	/* Not in the child: between fork and exec no memory may be asked for. */
	const bool has_nobody = options->unprivileged && user_namespace_has_id(NOBODY);
	int pipe_fds[2], r;
	uint64_t deadline_ms;
	pid_t pid, self = getpid();

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "create a pipe");
	read_fd = pipe_fds[0];
	pid = fork();
	if (pid == 0)
		run_child(options, has_nobody, pipe_fds[1], self);
	r = errno;
	closep(&pipe_fds[1]);
	if (pid < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, r, "start '%s'", options->argv[0]);

	deadline_ms = now_ms() + options->timeout_ms;
	r = read_until_end(read_fd, options, deadline_ms, &out, err);
	if (r >= 0 && options->timeout_ms && !await_end(pid, deadline_ms))
		r = raise_late(options, err);
	if (r < 0) {
		kill_and_reap(pid);
		return r;
	}
	r = spawn_wait(pid, ret_exit, err);
	if (r < 0)
		return r;
	if (ret_exit->by_signal)
		return NVB_RAISE(err, NVB_ERR_FAILED, 0, "'%s' was killed by signal %d",
			options->argv[0], ret_exit->code);
	*ret_output = strbuf_take(&out);
	return *ret_output ? 0 : NVB_OOM(err);
}

static bool is_executable_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

char *spawn_find_program(const char *name, const char *search_path)
{
	if (strchr(name, '/'))
		return is_executable_file(name) ? strdup(name) : NULL;
	for (const char *dir = search_path; *dir;) {
		size_t length = strcspn(dir, ":");
		_cleanup_free_ char *path = NULL;

		if (length && asprintf(&path, "%.*s/%s", (int)length, dir, name) < 0)
			return NULL;
		if (path && is_executable_file(path))
			return TAKE_PTR(path);
		dir += length;
		if (*dir == ':')
			dir++;
	}
	return NULL;
}
