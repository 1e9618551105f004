/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/command.h"

#include <stdio.h>
#include <string.h>

#include "nvbind/help.h"
#include "nvbind/output.h"
#include "request/nearest.h"

static const struct command commands[COMMAND_COUNT] = {
	[COMMAND_GLOBAL] =
		{
			.operands = "COMMAND [ARG...]",
			.summary = "put GPUs into containers",
			.description =
				"Puts GPUs into containers, without a daemon and without hooks.",
		},
#define COMMAND(id, name, operands, summary, description)                                          \
	[COMMAND_##id] = { #name, operands, summary, description },
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
};

const struct command *command_get(enum command_id id)
{
	return &commands[id];
}

enum command_id command_find(const char *name)
{
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return (enum command_id)i;
	return COMMAND_GLOBAL;
}

int command_raise_unknown(const char *name, struct nvb_error **err)
{
	struct nearest nearest = NEAREST_INIT(name);
	int r;

	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		nearest_consider(&nearest, commands[i].name);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown command '%.64s'", name);
	if (nearest_word(&nearest))
		return NVB_HINT(err, r, "did you mean '%s'? 'nvbind help' lists the commands",
			nearest_word(&nearest));
	return NVB_HINT(err, r, "'nvbind help' lists the commands");
}

struct parse {
	enum command_id command;
	struct command_context *context;
	option_handler set;
	void *target;
};

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct parse *p = target;

	switch (id) {
	case OPTION_GLOBAL_HOST_ROOT:
		p->context->host_root = value;
		return 0;
	case OPTION_GLOBAL_VERBOSE:
		p->context->verbose = true;
		output_set_level(true, p->context->quiet);
		return 0;
	case OPTION_GLOBAL_QUIET:
		p->context->quiet = true;
		output_set_level(p->context->verbose, true);
		return 0;
	case OPTION_GLOBAL_HELP:
		help_print(p->command);
		return 1;
	case OPTION_GLOBAL_VERSION:
		printf("nvbind %s\n", NVBIND_VERSION);
		return 1;
	default:
		return p->set(p->target, id, value, err);
	}
}

int command_parse(enum command_id id, struct command_context *context, int argc, char **argv,
	option_handler set, void *target, bool *ret_dashes, struct nvb_error **err)
{
	struct parse p = { .command = id, .context = context, .set = set, .target = target };

	return options_parse((int)id, argc, argv, set_option, &p, ret_dashes, err);
}

int command_no_operands(
	enum command_id id, int first, int argc, char **argv, struct nvb_error **err)
{
	int r;

	if (first >= argc)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind %s' takes no argument '%.64s'",
		commands[id].name, argv[first]);
	return NVB_HINT(err, r, "'nvbind %s --help' shows what it takes", commands[id].name);
}
