/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/spawn.h"
#include "runtime/personality.h"

#define HEAP_BYTES (1 << 20)

static const struct personality {
	const char *name;
	int (*main)(int argc, char **argv);
} personalities[] = {
	{ "nvidia-container-runtime", runtime_main },
	{ "nvidia-container-runtime-hook", hook_main },
	{ "nvidia-container-toolkit", hook_main },
	{ "nvidia-container-cli", cli_main },
};

/* A file opened as descriptor 0, 1 or 2 would receive what is meant for the terminal. */
static bool open_standard_descriptors(void)
{
	int fd;

	if (fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
		fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return true;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? path_base_name(argv[0]) : "";

	spawn_ignore_file_limit();
	/* A start takes half of it: one call to the kernel instead of several. */
	(void)mallopt(M_TOP_PAD, HEAP_BYTES);
	if (argc < 1 || !open_standard_descriptors()) {
		perror("nvbind-runtime: open '/dev/null'");
		return 1;
	}
	for (size_t i = 0; i < ELEMENTS(personalities); i++)
		if (strcmp(personalities[i].name, name) == 0)
			return personalities[i].main(argc, argv);
	return runtime_main(argc, argv);
}
