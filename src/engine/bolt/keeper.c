/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/keeper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/bolt/idle.h"
#include "engine/bolt/root_mount.h"
#include "engine/bolt/runtime_log.h"

#define HANGUP_GRACE_S	   10
#define REPORT_LIMIT_BYTES ((size_t)64 << 10)
/* A report: see report(). */
#define OUT_OF_MEMORY "-5001\0\0start the container: out of memory"
_Static_assert(NVB_ERR_NO_MEMORY == -5001, "as in OUT_OF_MEMORY");

/* The stop signals stay as they are: job control stops the whole process group. */
static const int handled_signals[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
	SIGALRM, SIGWINCH, SIGCONT, SIGPIPE };
static const int ending_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ELEMENTS(handled_signals); i++)
		sigaddset(set, handled_signals[i]);
}

void keeper_block_signals(void)
{
	struct sigaction action;
	sigset_t set;

	fill_set(&set);
	/* A blocked signal is kept even where it is ignored: nohup(1) must go on to work. */
	if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
		sigdelset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	/* Where a parent ignored it, the end of a child would never be told. */
	(void)signal(SIGCHLD, SIG_DFL);
}

int keeper_pending_signal(void)
{
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < ELEMENTS(ending_signals); i++)
		if (sigismember(&pending, ending_signals[i]) == 1)
			return ending_signals[i];
	return 0;
}

static bool is_ending(int signum)
{
	for (size_t i = 0; i < ELEMENTS(ending_signals); i++)
		if (ending_signals[i] == signum)
			return true;
	return false;
}

/*
 * True if /proc/PID/exe is the low-level runtime. Against CVE-2019-5736 it runs from a copy: in
 * memory, or (runc 1.2 and later) from a detached mount, which shows as "/runc".
 */
static bool is_runtime(const struct keeper *k, const char *link)
{
	struct stat program, runtime;
	char path[4096];
	ssize_t n = readlink(link, path, sizeof(path) - 1);

	/* Gone: it has ended, and whatever it was ends by itself. */
	if (n < 0)
		return false;
	path[n] = '\0';
	if (strncmp(path, "/memfd:", 7) == 0 ||
		(strrchr(path, '/') == path &&
			strcmp(path + 1, path_base_name(k->runtime->path)) == 0))
		return true;
	return stat(link, &program) == 0 && stat(k->runtime->path, &runtime) == 0 &&
	       program.st_dev == runtime.st_dev && program.st_ino == runtime.st_ino;
}

/* Whether the container's first process is the command, not the runtime that will become it. */
static bool command_has_started(const struct keeper *k, int files_fd)
{
	_cleanup_free_ char *pid_text = NULL;
	char link[64];
	uint64_t pid;

	if (file_read_in(files_fd, "pid", 64, &pid_text, NULL) < 0)
		return false;
	pid_text[strcspn(pid_text, "\n")] = '\0';
	if (!number_parse(pid_text, INT32_MAX, &pid))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	return !is_runtime(k, link);
}

static void forward(pid_t pid, int signum)
{
	/* A gone child is reaped next; a broken pipe and our own stop are not for it. */
	if (signum != SIGCHLD && signum != SIGPIPE && signum != SIGCONT)
		(void)kill(pid, signum);
}

/*
 * Waits for `pid`, passing on signals. Reaps every other child. In the keeper
 * (`k` and the capsule's directory given), a signal that asks to end before the command runs ends
 * everything at once: the runtime's half-made container would swallow it. A terminal that is gone
 * (SIGHUP) takes the container with it, also one whose first process does not listen.
 */
static void wait_and_forward(
	const struct keeper *k, int files_fd, pid_t pid, struct spawn_exit *ret_exit)
{
	sigset_t set;

	fill_set(&set);
	for (;;) {
		siginfo_t info = { 0 };
		int status, signum;
		pid_t done;

		while ((done = waitpid(-1, &status, WNOHANG)) > 0) {
			if (done != pid)
				continue;
			*ret_exit = WIFSIGNALED(status)
					    ? (struct spawn_exit){ true, WTERMSIG(status) }
					    : (struct spawn_exit){ false, WEXITSTATUS(status) };
			return;
		}
		signum = sigwaitinfo(&set, &info);
		if (k && is_ending(signum) && !command_has_started(k, files_fd))
			_exit(128 + signum);
		/* Our own clock, not another process's signal: nobody is there any more. */
		if (k && signum == SIGALRM && info.si_code == SI_KERNEL)
			_exit(128 + SIGHUP);
		if (k && signum == SIGHUP)
			(void)alarm(HANGUP_GRACE_S);
		if (signum > 0)
			forward(pid, signum);
	}
}

/* A failed set-up as data: status, hint and message, each ended by a NUL. */
static void report(int fd, const struct nvb_error *error)
{
	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(REPORT_LIMIT_BYTES);
	const char *hint = nvb_error_get_hint(error);

	strbuf_printf(&b, "%d", nvb_error_status(error));
	strbuf_char_add(&b, '\0');
	strbuf_str_add(&b, hint ? hint : "");
	strbuf_char_add(&b, '\0');
	strbuf_str_add(&b, nvb_error_message(error));
	/* Without memory there is only one thing to say, and room for it on the stack. */
	if (strbuf_failed(&b))
		(void)file_write_fd(fd, OUT_OF_MEMORY, sizeof(OUT_OF_MEMORY));
	else
		(void)file_write_fd(fd, b.data, b.length + 1);
}

static void __attribute__((noreturn)) give_up(int report_fd, const struct nvb_error *error)
{
	report(report_fd, error);
	_exit(125);
}

static bool close_stdin(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && dup2(fd, STDIN_FILENO) >= 0;
}

/* The report's descriptor is closed by the exec: until then it tells why there was none. */
static void __attribute__((noreturn)) exec_runtime(const struct keeper *k, int report_fd)
{
	static const char *const environment[] = { "PATH=" SPAWN_SYSTEM_PATH, NULL };
	struct nvb_error *error = NULL;

	if (k->stdin_null && !close_stdin()) {
		NVB_RAISE(&error, NVB_ERR_ENGINE, errno, "open '/dev/null'");
		give_up(report_fd, error);
	}
	spawn_reset_child();
	(void)execve(k->runtime->path, (char *const *)k->runtime_argv, (char *const *)environment);
	NVB_RAISE(&error, NVB_ERR_ENGINE, errno, "start '%s'", k->runtime->path);
	give_up(report_fd, error);
}

static int prepare_keeper(
	const struct keeper *k, int go_fd, int *ret_files_fd, struct nvb_error **err)
{
	char go;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "tie the container to nvbind");
	(void)setsid();
	/* Nothing comes if nvbind died before the line above, or could not map the users. */
	if (read(go_fd, &go, 1) != 1)
		_exit(125);
	return root_mount_all(k, ret_files_fd, err);
}

/*
 * vfork() copies no page tables, and the keeper has nothing to do until the runtime is executed.
 * The child goes on in the parent's memory, but for this function it never returns.
 */
static pid_t start_runtime(const struct keeper *k, int report_fd)
{
	pid_t pid = vfork();

	if (pid == 0)
		exec_runtime(k, report_fd);
	return pid;
}

/* The log is in the keeper's namespace and goes with it. */
static void send_message(int files_fd, int message_fd)
{
	_cleanup_free_ char *message = runtime_log_error(files_fd);

	if (message)
		(void)file_write_fd(message_fd, message, strlen(message));
}

/* Everything behind the clone; ends as the low-level runtime ended. */
static void __attribute__((noreturn))
keeper_main(const struct keeper *k, int go_fd, int report_fd, int message_fd)
{
	struct nvb_error *error = NULL;
	struct spawn_exit exit_status = { .code = 125 };
	int files_fd = -1;
	pid_t pid;

	if (prepare_keeper(k, go_fd, &files_fd, &error) < 0)
		give_up(report_fd, error);
	closep(&go_fd);
	if (keeper_pending_signal())
		_exit(128 + keeper_pending_signal());
	pid = start_runtime(k, report_fd);
	if (pid < 0) {
		NVB_RAISE(&error, NVB_ERR_ENGINE, errno, "start '%s'", k->runtime->path);
		give_up(report_fd, error);
	}
	closep(&report_fd);
	idle_release_memory();
	wait_and_forward(k, files_fd, pid, &exit_status);
	if (spawn_exit_code(exit_status) != 0)
		send_message(files_fd, message_fd);
	_exit(spawn_exit_code(exit_status));
}

static int raise_clone(int errnum, bool user_namespace, struct nvb_error **err)
{
	int r = NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_ENGINE), errnum,
		"create the container's namespaces");

	if (errnum == ENOSPC)
		return NVB_HINT(err, r,
			"a limit of /proc/sys/user is reached: end a container, or raise it");
	if (errnum != EPERM && errnum != EACCES)
		return r;
	return user_namespace
		       ? NVB_HINT(err, r,
				 "ordinary users may not create user namespaces on this machine; "
				 "'nvbind doctor' tells which setting forbids it")
		       : NVB_HINT(err, r,
				 "root needs CAP_SYS_ADMIN here; 'nvbind doctor' tells more");
}

/* What the keeper reported; an empty report is a low-level runtime that started. */
static int read_report(int fd, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	const char *hint, *message;
	size_t length = 0;
	int status;
	errint_t e;

	e = file_read_fd(fd, REPORT_LIMIT_BYTES, &text, &length);
	if (e < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, -e, "read from the container's keeper");
	if (!length)
		return 0;
	hint = text + strnlen(text, length) + 1;
	message = hint < text + length ? hint + strlen(hint) + 1 : hint;
	if (message >= text + length || sscanf(text, "%d", &status) != 1)
		return NVB_RAISE(err, NVB_ERR_ENGINE, 0, "the container's keeper died");
	status = NVB_RAISE(err, status, 0, "%s", message);
	return *hint ? NVB_HINT(err, status, "%s", hint) : status;
}

/* What nvbind and the keeper have between them: our ends, and the keeper's. */
struct channel {
	int go_fd, report_fd, message_fd;
	int keeper_go_fd, keeper_report_fd, keeper_message_fd;
};

#define CHANNEL_INIT                                                                               \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1                                                             \
	}

static void close_our_ends(struct channel *c)
{
	closep(&c->go_fd);
	closep(&c->report_fd);
	closep(&c->message_fd);
}

static void close_keeper_ends(struct channel *c)
{
	closep(&c->keeper_go_fd);
	closep(&c->keeper_report_fd);
	closep(&c->keeper_message_fd);
}

static void channel_done(struct channel *c)
{
	close_our_ends(c);
	close_keeper_ends(c);
}

static int open_pipe(int *read_fd, int *write_fd, struct nvb_error **err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "create a pipe");
	*read_fd = fds[0];
	*write_fd = fds[1];
	return 0;
}

static int channel_open(struct channel *c, struct nvb_error **err)
{
	int r = open_pipe(&c->keeper_go_fd, &c->go_fd, err);

	if (r >= 0)
		r = open_pipe(&c->report_fd, &c->keeper_report_fd, err);
	if (r >= 0)
		r = open_pipe(&c->message_fd, &c->keeper_message_fd, err);
	return r;
}

static int start(const struct keeper *k, struct channel *c, pid_t *ret_pid, struct nvb_error **err)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | (k->map->needed ? CLONE_NEWUSER : 0) | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	int errnum = errno;

	if (pid == 0) {
		close_our_ends(c);
		keeper_main(k, c->keeper_go_fd, c->keeper_report_fd, c->keeper_message_fd);
	}
	close_keeper_ends(c);
	if (pid < 0)
		return raise_clone(errnum, k->map->needed, err);
	*ret_pid = pid;
	return 0;
}

/* The keeper is gone: what it had to say is in the pipe. NULL: nothing. */
static char *read_message(int fd)
{
	_cleanup_free_ char *message = NULL;
	size_t length = 0;

	if (file_read_fd(fd, REPORT_LIMIT_BYTES, &message, &length) < 0 || !length)
		return NULL;
	return TAKE_PTR(message);
}

int keeper_run(const struct keeper *keeper, struct spawn_exit *ret_exit, char **ret_message,
	struct nvb_error **err)
{
	_cleanup_(channel_done) struct channel c = CHANNEL_INIT;
	struct spawn_exit exit_status = { .code = 125 };
	pid_t pid = -1;
	int r;

	r = channel_open(&c, err);
	if (r >= 0)
		r = start(keeper, &c, &pid, err);
	if (r < 0)
		return r;
	if (keeper->map->needed)
		r = idmap_write(keeper->map, pid, err);
	if (r >= 0 && keeper->lease)
		r = lease_set_process(keeper->lease, pid, err);
	if (r >= 0 && write(c.go_fd, "", 1) != 1)
		r = NVB_RAISE(err, NVB_ERR_ENGINE, errno, "start the container's keeper");
	closep(&c.go_fd);
	if (r >= 0)
		r = read_report(c.report_fd, err);
	if (r >= 0)
		idle_release_memory();
	wait_and_forward(NULL, -1, pid, &exit_status);
	if (r < 0)
		return r;
	if (exit_status.by_signal)
		log_warning("the container's keeper was killed by signal %d", exit_status.code);
	*ret_exit = exit_status;
	*ret_message = exit_status.by_signal ? NULL : read_message(c.message_fd);
	return 0;
}
