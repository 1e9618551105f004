/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/spawn.h"
#include "gpu/enrich.h"
#include "nvbind/command.h"
#include "nvbind/output.h"

static const command_function functions[COMMAND_COUNT] = {
#define COMMAND(id, function, name, operands, summary, description) [COMMAND_##id] = cmd_##function,
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
};

/* A file opened as descriptor 0, 1 or 2 would receive what is meant for the terminal. */
static bool open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

/* Runs the command below `parent` that argv names. Returns the exit code, or < 0. */
static int run_below(enum command_id parent, const struct command_context *context, int argc,
	char **argv, struct nvb_error **err)
{
	struct command_context local = *context;
	enum command_id id;
	int first = command_parse(parent, &local, argc, argv, NULL, NULL, NULL, err);

	if (first <= 0)
		return first;
	if (first >= argc)
		return command_raise_missing(parent, err);
	id = command_find(parent, argv[first]);
	if (id == COMMAND_GLOBAL)
		return command_raise_unknown(parent, argv[first], err);
	return functions[id](&local, argc - first, argv + first, err);
}

int cmd_group(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	return run_below(command_find(COMMAND_GLOBAL, argv[0]), context, argc, argv, err);
}

static int run_command(int argc, char **argv, struct nvb_error **err)
{
	struct command_context context = { .host_root = secure_getenv("NVBIND_HOST_ROOT") };

	if (!context.host_root || !context.host_root[0])
		context.host_root = "/";
	return run_below(COMMAND_GLOBAL, &context, argc, argv, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct nvb_error *err = NULL;
	errint_t e;
	int r;

	spawn_ignore_file_limit();
	/* The vendor's library is asked by a process of its own: this program again. */
	if (argc > 1 && strcmp(argv[1], ENRICH_WORKER_ARGUMENT) == 0)
		return enrich_worker_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], CONTROL_WORKER_ARGUMENT) == 0)
		return control_worker_main(argc - 1, argv + 1);
	if (!open_standard_descriptors()) {
		perror("nvbind: open '/dev/null'");
		return 1;
	}
	output_init();
	r = run_command(argc, argv, &err);
	e = file_flush(stdout);
	if (e < 0 && r == 0)
		r = NVB_RAISE(&err, NVB_ERR_IO, -e, "write to standard output");
	if (r >= 0)
		return r;
	output_error(err);
	return nvb_status_exit_code(r);
}
