/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/keeper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "engine/bolt/root_mount.h"

#define REPORT_LIMIT_BYTES ((size_t)64 << 10)

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
	sigset_t set;

	fill_set(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
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
 * Whether the container's first process is the command already, not the low-level runtime that
 * will become it. runc runs from a sealed copy in memory.
 */
static bool command_has_started(const struct keeper *k)
{
	_cleanup_free_ char *pid_text = NULL;
	char link[64], program[4096];
	uint64_t pid;
	ssize_t n;

	if (file_read_in(k->capsule->dir_fd, "pid", 64, &pid_text, NULL) < 0)
		return false;
	pid_text[strcspn(pid_text, "\n")] = '\0';
	if (!number_parse(pid_text, INT32_MAX, &pid))
		return false;
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, program, sizeof(program) - 1);
	if (n < 0)
		return errno != ENOENT;
	program[n] = '\0';
	return strncmp(program, "/memfd:", 7) != 0 && strcmp(program, k->runtime->path) != 0;
}

static void forward(pid_t pid, int signum)
{
	/* A gone child is reaped next; a broken pipe and a new size are not for it. */
	if (signum != SIGCHLD && signum != SIGPIPE && signum != SIGWINCH && signum != SIGCONT)
		(void)kill(pid, signum);
}

/*
 * Waits for `pid`, passing on what other processes send. Reaps every other child. In the keeper
 * (`k` given), a signal that asks to end before the command runs ends everything at once: the
 * runtime's half-made container would swallow it.
 */
static void wait_and_forward(const struct keeper *k, pid_t pid, struct spawn_exit *ret_exit)
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
			*ret_exit = WIFSIGNALED(status) ?
				(struct spawn_exit){ true, WTERMSIG(status) } :
				(struct spawn_exit){ false, WEXITSTATUS(status) };
			return;
		}
		signum = sigwaitinfo(&set, &info);
		if (k && is_ending(signum) && !command_has_started(k))
			_exit(128 + signum);
		if (signum > 0 && info.si_code != SI_KERNEL)
			forward(pid, signum);
	}
}

static void __attribute__((noreturn)) exec_runtime(const struct keeper *k)
{
	static const char *const environment[] = { "PATH=" SPAWN_SYSTEM_PATH, NULL };

	if (k->stdin_null) {
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || dup2(fd, 0) < 0)
			_exit(125);
	}
	spawn_reset_child();
	(void)execve(k->runtime->path, (char *const *)k->runtime_argv, (char *const *)environment);
	_exit(125);
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
	if (!strbuf_failed(&b))
		(void)file_write_fd(fd, b.data, b.length + 1);
}

/* Everything behind the clone; ends as the low-level runtime ended. */
static void __attribute__((noreturn)) keeper_main(const struct keeper *k, int go_fd, int report_fd)
{
	struct nvb_error *error = NULL;
	struct spawn_exit exit_status = { .code = 125 };
	pid_t pid;
	char go;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(125);
	/* Nothing comes if nvbind died before the line above, or could not map the users. */
	if (read(go_fd, &go, 1) != 1)
		_exit(125);
	if (root_mount_all(k, &error) < 0) {
		report(report_fd, error);
		_exit(125);
	}
	closep(&report_fd);
	closep(&go_fd);
	if (keeper_pending_signal())
		_exit(128 + keeper_pending_signal());
	pid = fork();
	if (pid == 0)
		exec_runtime(k);
	if (pid < 0)
		_exit(125);
	wait_and_forward(k, pid, &exit_status);
	_exit(spawn_exit_code(exit_status));
}

static int raise_clone(int errnum, bool user_namespace, struct nvb_error **err)
{
	if (!user_namespace)
		return NVB_HINT(err,
			NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_ENGINE), errnum,
				"create the container's namespaces"),
			"root needs CAP_SYS_ADMIN here; 'nvbind doctor' tells more");
	return NVB_HINT(err,
		NVB_RAISE(err, nvb_status_from_errno(errnum, NVB_ERR_ENGINE), errnum,
			"create a user namespace"),
		"ordinary users may not create user namespaces on this machine; "
		"'nvbind doctor' tells which setting forbids it");
}

/* What the keeper reported; an empty report is a root that was put together. */
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

struct channel {
	int go_fd, report_fd; /* our ends */
};

static void channel_done(struct channel *c)
{
	closep(&c->go_fd);
	closep(&c->report_fd);
}

static int start(const struct keeper *k, struct channel *c, pid_t *ret_pid, struct nvb_error **err)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | (k->map->needed ? CLONE_NEWUSER : 0) | SIGCHLD;
	int go[2] = { -1, -1 }, reports[2] = { -1, -1 };
	int errnum;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return NVB_RAISE(err, NVB_ERR_ENGINE, errno, "create a pipe");
	c->go_fd = go[1];
	if (pipe2(reports, O_CLOEXEC) < 0) {
		errnum = errno;
		closep(&go[0]);
		return NVB_RAISE(err, NVB_ERR_ENGINE, errnum, "create a pipe");
	}
	c->report_fd = reports[0];
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		channel_done(c);
		keeper_main(k, go[0], reports[1]);
	}
	errnum = errno;
	closep(&go[0]);
	closep(&reports[1]);
	if (pid < 0)
		return raise_clone(errnum, k->map->needed, err);
	*ret_pid = pid;
	return 0;
}

int keeper_run(const struct keeper *keeper, struct spawn_exit *ret_exit, struct nvb_error **err)
{
	_cleanup_(channel_done) struct channel c = { -1, -1 };
	struct spawn_exit exit_status = { .code = 125 };
	pid_t pid = -1;
	int r;

	r = start(keeper, &c, &pid, err);
	if (r < 0)
		return r;
	if (keeper->map->needed)
		r = idmap_write(keeper->map, pid, err);
	if (r >= 0 && write(c.go_fd, "", 1) != 1)
		r = NVB_RAISE(err, NVB_ERR_ENGINE, errno, "start the container's keeper");
	closep(&c.go_fd);
	if (r >= 0)
		r = read_report(c.report_fd, err);
	wait_and_forward(NULL, pid, &exit_status);
	if (r >= 0)
		*ret_exit = exit_status;
	return r;
}
