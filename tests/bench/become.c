/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becomes $NVBIND_BENCH_PROGRAM with $NVBIND_BENCH_OPTION before the other arguments: a runtime
 * that engines cannot give an option of its own. Static: a script would cost a start more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGUMENTS 64

int main(int argc, char **argv)
{
	char *program = getenv("NVBIND_BENCH_PROGRAM"), *option = getenv("NVBIND_BENCH_OPTION");
	char *arguments[MAX_ARGUMENTS] = { program, option };

	if (!program || !option || argc > MAX_ARGUMENTS - 2)
		return 2;
	if (argc > 1)
		memcpy(arguments + 2, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
	(void)execv(program, arguments);
	perror(program);
	return 1;
}
