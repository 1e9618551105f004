/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and prints the most memory it ever had, in KiB.
 *
 *	peak-memory PROGRAM [ARGUMENT...]
 *
 * The kernel counts what a process was before exec() too: measured from a script, it would be the
 * script's interpreter. This program is smaller than whatever is worth measuring.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2) {
		(void)fputs("usage: peak-memory PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0) {
		(void)execv(argv[1], argv + 1);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 1;
	printf("%ld\n", usage.ru_maxrss);
	return 0;
}
