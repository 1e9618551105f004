/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: looks at a container from inside.
 *
 * Integration tests run it as the container's program and read what it prints: one line per
 * question, the question first, then the answer. A refused operation is an answer, not a failure:
 * the exit status is 0 whenever the operation was tried, 1 when probe itself could not work, 2 for
 * a wrong command line.
 *
 * It needs nothing but a libc, so that it runs in a root that has nothing else. Built static
 * (-DPROBE_STATIC), it runs in a root that has nothing at all, and dlopen answers that it cannot.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define EXIT_USAGE	2
#define EXIT_TERMINATED 42

struct name {
	int value;
	const char *text;
};

/* clang-format off */
/* strerrorname_np() and sigabbrev_np() are glibc's; musl has neither. */
#define NAME(x) {x, #x}
static const struct name errno_names[] = {
	{0, "OK"}, NAME(EACCES), NAME(EBUSY), NAME(EDQUOT), NAME(EEXIST), NAME(EFBIG), NAME(EINVAL),
	NAME(EIO), NAME(EISDIR), NAME(ELOOP), NAME(EMFILE), NAME(ENAMETOOLONG), NAME(ENODEV),
	NAME(ENOENT), NAME(ENOMEM), NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTDIR), NAME(ENXIO),
	NAME(EOPNOTSUPP), NAME(EPERM), NAME(EROFS), NAME(ETXTBSY),
};

#define SIGNAL(x) {SIG##x, #x}
static const struct name signal_names[] = {
	SIGNAL(ABRT), SIGNAL(ALRM), SIGNAL(BUS), SIGNAL(CHLD), SIGNAL(CONT), SIGNAL(FPE),
	SIGNAL(HUP), SIGNAL(ILL), SIGNAL(INT), SIGNAL(KILL), SIGNAL(PIPE), SIGNAL(QUIT),
	SIGNAL(SEGV), SIGNAL(STOP), SIGNAL(TERM), SIGNAL(TSTP), SIGNAL(TTIN), SIGNAL(TTOU),
	SIGNAL(URG), SIGNAL(USR1), SIGNAL(USR2), SIGNAL(WINCH),
};
/* clang-format on */

#define NAME_OF(table, value) name_of(table, ARRAY_SIZE(table), value)

static const char *name_of(const struct name *table, size_t n, int value)
{
	static char number[16];

	for (size_t i = 0; i < n; i++)
		if (table[i].value == value)
			return table[i].text;
	snprintf(number, sizeof(number), "%d", value);
	return number;
}

/* "OK", or the name of errno. R is the result of the system call just made. */
static const char *outcome(long r)
{
	return NAME_OF(errno_names, r < 0 ? errno : 0);
}

/* strtoul() is avoided: with new headers it becomes a symbol that old C libraries lack. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	unsigned long value = 0, digit;

	if (!*text)
		return false;
	for (; *text; text++) {
		digit = (unsigned char)*text - (unsigned long)'0';
		if (digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return true;
}

static int cmd_open(char **args)
{
	static const struct name modes[] = {{O_RDONLY, "r"}, {O_WRONLY, "w"}, {O_RDWR, "rw"}};
	int flags = args[1] ? -1 : O_RDONLY, fd;

	for (size_t i = 0; args[1] && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(modes[i].text, args[1]))
			flags = modes[i].value;
	if (flags < 0)
		return EXIT_USAGE;

	fd = open(args[0], flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	printf("open %s %s\n", args[0], outcome(fd));
	if (fd >= 0)
		close(fd);
	return 0;
}

static int cmd_mknod(char **args)
{
	unsigned long major_number, minor_number;

	if (!parse_number(args[1], UINT_MAX, &major_number) ||
		!parse_number(args[2], UINT_MAX, &minor_number))
		return EXIT_USAGE;
	printf("mknod %s %s\n", args[0],
		outcome(mknod(args[0], S_IFCHR | 0666,
			makedev((unsigned)major_number, (unsigned)minor_number))));
	return 0;
}

static void *load(const char *name, char path[PATH_MAX], const char **ret_error)
{
#ifdef PROBE_STATIC
	(void)name;
	(void)path;
	*ret_error = "this probe is static";
	return NULL;
#else
	void *handle = dlopen(name, RTLD_NOW);
	struct link_map *map;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) < 0) {
		*ret_error = dlerror();
		return NULL;
	}
	/* The name in the link map is how the loader got there; links lead on to the file. */
	if (!realpath(map->l_name, path))
		snprintf(path, PATH_MAX, "%s", map->l_name);
	return handle;
#endif
}

static int cmd_dlopen(char **args)
{
	char path[PATH_MAX];
	const char *error;

	for (; *args; args++) {
		if (load(*args, path, &error))
			printf("dlopen %s OK path=%s\n", *args, path);
		else
			printf("dlopen %s FAIL %s\n", *args, error);
	}
	return 0;
}

/*
 * The number is CUDA's result: 0 success, 100 no device, 999 unknown. A stand-in library answers
 * with its version.
 */
static int cmd_cuinit(char **args)
{
	char path[PATH_MAX];
	const char *error = "no symbol cuInit";
	void *handle = load("libcuda.so.1", path, &error);
	int (*cu_init)(unsigned flags) = NULL;

	(void)args;
	if (handle)
		cu_init = (int (*)(unsigned))dlsym(handle, "cuInit");
	if (cu_init)
		printf("cuinit %d path=%s\n", cu_init(0), path);
	else
		printf("cuinit FAIL %s\n", error);
	return 0;
}

static int cmd_env(char **args)
{
	const char *value = getenv(args[0]);

	if (value)
		printf("env %s=%s\n", args[0], value);
	else
		printf("env %s unset\n", args[0]);
	return 0;
}

static int cmd_id(char **args)
{
	static gid_t groups[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, groups);

	(void)args;
	if (n < 0)
		return EXIT_FAILURE;
	printf("id uid=%u gid=%u groups=", (unsigned)geteuid(), (unsigned)getegid());
	for (int i = 0; i < n; i++)
		printf("%s%u", i ? "," : "", (unsigned)groups[i]);
	putchar('\n');
	return 0;
}

/* mountinfo is "ID PARENT MAJ:MIN ROOT TARGET OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS". */
static int cmd_mounts(char **args)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	unsigned n = 0;

	if (!file) {
		perror("probe: open '/proc/self/mountinfo'");
		return EXIT_FAILURE;
	}
	while (getline(&line, &size, file) > 0) {
		char *fields[6], *rest = line, *type = strstr(line, " - ");

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			fields[i] = strsep(&rest, " ");
		if (!type || !rest || strncmp(fields[4], args[0], strlen(args[0])))
			continue;
		type += strlen(" - ");
		printf("mount %s root=%s type=%s options=%s\n", fields[4], fields[3],
			strsep(&type, " "), fields[5]);
		n++;
	}
	printf("mounts %s %u\n", args[0], n);
	free(line);
	fclose(file);
	return 0;
}

static int cmd_sleep(char **args)
{
	unsigned long seconds;

	if (!parse_number(args[0], INT_MAX, &seconds))
		return EXIT_USAGE;
	printf("sleep %s\n", args[0]);
	fflush(stdout);
	for (struct timespec left = {.tv_sec = (time_t)seconds};
		nanosleep(&left, &left) < 0 && errno == EINTR;)
		;
	return 0;
}

/*
 * Blocks all signals and waits for them. The kernel drops PID 1's signals that have the default
 * action, but not those that are blocked, so no handler is needed.
 */
static int cmd_signal(char **args)
{
	sigset_t all;
	int signo;

	(void)args;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	printf("signal ready\n");
	do {
		fflush(stdout);
		if (sigwait(&all, &signo))
			return EXIT_FAILURE;
		printf("signal %s\n", NAME_OF(signal_names, signo));
	} while (signo != SIGTERM);
	return EXIT_TERMINATED;
}

static int cmd_exit(char **args)
{
	unsigned long status;

	if (!parse_number(args[0], 255, &status))
		return EXIT_USAGE;
	return (int)status;
}

/* PID 1 survives the signals that it sends to itself, except those of a fault. So SEGV is one. */
static int cmd_kill(char **args)
{
	volatile uintptr_t nowhere = 0;
	int signo = 0;

	for (size_t i = 0; i < ARRAY_SIZE(signal_names); i++)
		if (!strcmp(signal_names[i].text, args[0]))
			signo = signal_names[i].value;
	if (!signo)
		return EXIT_USAGE;
	if (signo == SIGSEGV)
		*(volatile int *)nowhere = 1;
	raise(signo);
	printf("kill %s survived\n", args[0]);
	return 0;
}

static int cmd_tty(char **args)
{
	(void)args;
	printf("tty %d %d %d\n", isatty(STDIN_FILENO), isatty(STDOUT_FILENO),
		isatty(STDERR_FILENO));
	return 0;
}

static int cmd_write(char **args)
{
	static char block[64 * 1024];
	unsigned long wanted, written = 0;
	ssize_t r;
	int fd;

	if (!parse_number(args[1], LONG_MAX, &wanted))
		return EXIT_USAGE;
	fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	r = fd;
	while (r >= 0 && written < wanted) {
		r = write(fd, block,
			wanted - written < sizeof(block) ? wanted - written : sizeof(block));
		if (r > 0)
			written += (unsigned long)r;
	}
	printf("write %s %s bytes=%lu\n", args[0], outcome(r), written);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* "ls PATH TYPE", TYPE as find(1) has it, then the target of a link or the numbers of a device. */
static void list_entry(const char *dir, const char *name)
{
	static const char types[] = "?pc?d?b?f?l?s"; /* by the type bits of the mode */
	char path[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", strcmp(dir, "/") ? dir : "", name);
	if (lstat(path, &st) < 0) {
		printf("ls %s %s\n", path, outcome(-1));
		return;
	}
	printf("ls %s %c", path, types[(st.st_mode & S_IFMT) >> 12]);
	if (S_ISLNK(st.st_mode) && (n = readlink(path, target, sizeof(target))) >= 0)
		printf(" %.*s", (int)n, target);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		printf(" %u:%u", major(st.st_rdev), minor(st.st_rdev));
	putchar('\n');
}

static int cmd_ls(char **args)
{
	struct dirent **entries;
	int n = scandir(args[0], &entries, NULL, alphasort);

	if (n < 0) {
		printf("ls %s %s\n", args[0], outcome(n));
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, ".."))
			list_entry(args[0], entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static const struct command {
	const char *name;
	int min_args, max_args;
	int (*run)(char **args); /* the arguments, ended by NULL; returns the exit status */
	const char *args, *help;
} commands[] = {
	{"open", 1, 2, cmd_open, "PATH [r|w|rw]", "open PATH, for reading unless told"},
	{"mknod", 3, 3, cmd_mknod, "PATH MAJOR MINOR", "make a character device"},
	{"dlopen", 1, INT_MAX, cmd_dlopen, "NAME...", "load libraries, tell where each came from"},
	{"cuinit", 0, 0, cmd_cuinit, "", "load libcuda.so.1 and call cuInit(0)"},
	{"env", 1, 1, cmd_env, "NAME", "a variable of the environment"},
	{"id", 0, 0, cmd_id, "", "effective user, group, supplementary groups"},
	{"mounts", 1, 1, cmd_mounts, "PREFIX", "mounts whose target begins with PREFIX"},
	{"ls", 1, 1, cmd_ls, "DIR", "what is in DIR"},
	{"tty", 0, 0, cmd_tty, "", "is each of stdin, stdout, stderr a terminal"},
	{"write", 2, 2, cmd_write, "PATH BYTES", "write a file of that size"},
	{"sleep", 1, 1, cmd_sleep, "SECONDS", "wait"},
	{"signal", 0, 0, cmd_signal, "", "print the signals received; exit 42 on TERM"},
	{"exit", 1, 1, cmd_exit, "STATUS", "exit with STATUS"},
	{"kill", 1, 1, cmd_kill, "SIGNAL", "die by SIGNAL (TERM, SEGV, ...)"},
};

static int usage(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "probe %-8s%-18s%s\n", commands[i].name, commands[i].args,
			commands[i].help);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];
		int n = argc - 2, status;

		if (strcmp(command->name, argv[1]))
			continue;
		if (n < command->min_args || n > command->max_args)
			return usage();
		status = command->run(argv + 2);
		if (fflush(stdout))
			return EXIT_FAILURE;
		return status == EXIT_USAGE && command->run != cmd_exit ? usage() : status;
	}
	return usage();
}
