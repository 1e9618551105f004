/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a container start cost that nobody can leave out: the machine's floor.
 *
 *	bench-floor [--runs N] BUILD
 *
 * BUILD is the build directory, which has the programs that end at once. What only root may do is
 * left out for others. The operations take turns. One JSON object goes to standard output.
 */
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/cleanup.h"
#include "base/number.h"
#include "base/path.h"
#include "samples.h"

#define MAX_RUNS   100000
#define PAGES	   64
#define FILE_BYTES 13000
#define STACK	   65536

extern char **environ;

/* The working directory is ours, and private in its mounts where we are root. */
static char programs[3][4096];
static char text[FILE_BYTES];
static int root_fd;

static bool call(void)
{
	return getppid() > 0;
}

static bool cpuid(void)
{
#if defined(__x86_64__)
	unsigned a, b, c, d;

	__cpuid(1, a, b, c, d);
	return d != 0;
#else
	return false;
#endif
}

static bool stat_file(void)
{
	struct stat st;

	return stat("source", &st) == 0;
}

static bool open_file(void)
{
	int fd = path_open_in(root_fd, "/source", O_PATH, 0);

	return fd >= 0 && close(fd) == 0;
}

static bool touch_pages(void)
{
	const size_t size = (size_t)PAGES * 4096;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	for (size_t i = 0; i < PAGES; i++)
		((volatile char *)p)[i * 4096] = 1;
	return munmap(p, size) == 0;
}

static bool replace_file(void)
{
	int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text);

	return fd >= 0 && close(fd) == 0 && good && rename("new", "old") == 0;
}

static bool execute(const char *program)
{
	char *argv[] = { (char *)(uintptr_t)program, NULL };
	int status;
	pid_t pid;

	return posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0 &&
	       waitpid(pid, &status, 0) == pid && status == 0;
}

static bool execute_without_libc(void)
{
	return execute(programs[0]);
}

static bool execute_static(void)
{
	return execute(programs[1]);
}

static bool execute_dynamic(void)
{
	return execute(programs[2]);
}

static int end(void *unused)
{
	(void)unused;
	_exit(0);
}

static bool make_namespaces(void)
{
	static char stack[STACK] __attribute__((aligned(16)));
	const int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
	int status;
	pid_t pid = clone(end, stack + sizeof(stack), flags | SIGCHLD, NULL);

	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool bind(void)
{
	return mount("source", "target", NULL, MS_BIND, NULL) == 0;
}

static bool remount(void)
{
	return mount(NULL, "target", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
		       NULL) == 0;
}

static bool make_private(void)
{
	return mount(NULL, "target", NULL, MS_PRIVATE, NULL) == 0;
}

static bool unmount(void)
{
	return umount2("target", MNT_DETACH) == 0;
}

static bool make_node(void)
{
	return mknod("node", S_IFCHR | 0600, makedev(1, 3)) == 0;
}

static bool remove_node(void)
{
	return unlink("node") == 0;
}

/* In this order: some need what the one before did. */
static const struct operation {
	const char *key, *name;
	unsigned batch;
	bool root;
	bool (*run)(void);
} operations[] = {
	{ "syscall", "a system call that does nothing", 256, false, call },
	{ "cpuid", "CPUID: the hypervisor of a virtual machine answers", 16, false, cpuid },
	{ "page", "64 new pages of memory, mapped and touched", 1, false, touch_pages },
	{ "stat", "stat()", 16, false, stat_file },
	{ "open", "openat2() below a root, and close()", 16, false, open_file },
	{ "replace", "write a file of 13 kB beside another and rename it", 1, false, replace_file },
	{ "exec_bare", "start and end a program without a C library", 1, false,
		execute_without_libc },
	{ "exec_static", "the same with a static C library", 1, false, execute_static },
	{ "exec_dynamic", "the same with a dynamic C library", 1, false, execute_dynamic },
	{ "namespaces", "a process with five new namespaces, and its end", 1, true,
		make_namespaces },
	{ "bind", "bind a file", 1, true, bind },
	{ "remount", "make the mount read-only", 1, true, remount },
	{ "private", "make the mount private", 1, true, make_private },
	{ "unmount", "unmount it", 1, true, unmount },
	{ "mknod", "make a device node", 1, true, make_node },
	{ "unlink", "remove it", 1, true, remove_node },
};

/* False: the operation is not possible here. */
static bool run_operation(const struct operation *operation, uint64_t *ret_ns)
{
	uint64_t start_ns = samples_now_ns();
	bool good = true;

	for (unsigned i = 0; good && i < operation->batch; i++)
		good = operation->run();
	*ret_ns = samples_now_ns() - start_ns;
	return good;
}

static void print_operation(const struct operation *operation, struct samples *samples, bool last)
{
	printf("  {\"key\": \"%s\", \"name\": \"%s\"", operation->key, operation->name);
	if (samples->n) {
		(void)fputs(", ", stdout);
		samples_print("warm", samples);
	} else {
		printf(", \"skipped\": \"%s\"",
			operation->root && geteuid() != 0 ? "only root may" : "not possible here");
	}
	(void)fputs(last ? "}\n" : "},\n", stdout);
}

static int measure(size_t runs)
{
	_cleanup_free_ uint64_t *ns = calloc(runs, sizeof(*ns) * ELEMENTS(operations));
	bool possible[ELEMENTS(operations)];

	if (!ns)
		return -1;
	for (size_t i = 0; i < ELEMENTS(operations); i++)
		possible[i] = (!operations[i].root || geteuid() == 0) &&
			      run_operation(&operations[i], ns);
	for (size_t run = 0; run < runs; run++)
		for (size_t i = 0; i < ELEMENTS(operations); i++)
			if (possible[i] && !run_operation(&operations[i], &ns[i * runs + run]))
				return -1;
	for (size_t i = 0; i < ELEMENTS(operations); i++) {
		struct samples samples = { .ns = ns + i * runs,
			.n = possible[i] ? runs : 0,
			.batch = operations[i].batch };

		print_operation(&operations[i], &samples, i + 1 == ELEMENTS(operations));
	}
	return 0;
}

static int make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

/* A mount in the machine's own namespace could outlive us. */
static int prepare(const char *directory)
{
	if (chdir(directory) < 0 || make_file("source") < 0 || make_file("target") < 0)
		return -1;
	root_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || geteuid() != 0)
		return root_fd < 0 ? -1 : 0;
	return unshare(CLONE_NEWNS) < 0 ? -1 : mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static bool find_programs(const char *build)
{
	static const char *const names[] = { "exit-bare", "exit-static", "exit-dynamic" };
	int cwd_length = 0;
	char cwd[2048] = "";

	if (build[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return false;
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		cwd_length = snprintf(programs[i], sizeof(programs[i]), "%s%s%s/tests/bench/%s",
			cwd, build[0] == '/' ? "" : "/", build, names[i]);
		if (cwd_length < 0 || (size_t)cwd_length >= sizeof(programs[i]))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "runs", required_argument, NULL, 'r' }, { 0 } };
	char directory[] = "/dev/shm/nvbind-bench-XXXXXX";
	uint64_t runs = 1000;
	int c, r, cpu;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (c != 'r' || !number_parse(optarg, MAX_RUNS, &runs) || !runs)
			return 2;
	if (argc - optind != 1 || !find_programs(argv[optind])) {
		(void)fputs("usage: bench-floor [--runs N] BUILD\n", stderr);
		return 2;
	}
	cpu = samples_pin();
	if (!mkdtemp(directory)) {
		perror("bench-floor");
		return 1;
	}
	printf("{\"cpu\": %d, \"steps\": [\n", cpu);
	r = prepare(directory);
	if (r >= 0)
		r = measure((size_t)runs);
	if (r < 0)
		perror("bench-floor");
	(void)fputs("]}\n", stdout);
	(void)path_remove_tree(AT_FDCWD, directory);
	return r < 0;
}
