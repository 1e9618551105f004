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
				"Puts GPUs into containers, without a daemon.",
		},
#define COMMAND(id, function, name, operands, summary, description)                                \
	[COMMAND_##id] = { name, operands, summary, description },
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
};

const struct command *command_get(enum command_id id)
{
	return &commands[id];
}

const char *command_word(enum command_id id)
{
	const char *blank = strrchr(commands[id].name, ' ');

	return blank ? blank + 1 : commands[id].name;
}

enum command_id command_parent(enum command_id id)
{
	const char *name = commands[id].name;
	const size_t length = name ? (size_t)(command_word(id) - name) : 0;

	for (int i = COMMAND_GLOBAL + 1; length && i < COMMAND_COUNT; i++)
		if (strlen(commands[i].name) == length - 1 &&
			memcmp(commands[i].name, name, length - 1) == 0)
			return (enum command_id)i;
	return COMMAND_GLOBAL;
}

bool command_is_group(enum command_id id)
{
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		if (command_parent((enum command_id)i) == id)
			return true;
	return false;
}

enum command_id command_find(enum command_id parent, const char *word)
{
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		if (command_parent((enum command_id)i) == parent &&
			strcmp(command_word((enum command_id)i), word) == 0)
			return (enum command_id)i;
	return COMMAND_GLOBAL;
}

/* " cdi", or nothing. */
static const char *behind_help(enum command_id parent, const char **ret_blank)
{
	*ret_blank = commands[parent].name ? " " : "";
	return commands[parent].name ? commands[parent].name : "";
}

int command_raise_missing(enum command_id parent, struct nvb_error **err)
{
	const char *blank, *name = behind_help(parent, &blank);
	int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "no command given%s%s%s",
		*name ? " behind 'nvbind " : "", name, *name ? "'" : "");

	return NVB_HINT(err, r, "'nvbind help%s%s' lists the commands", blank, name);
}

int command_raise_unknown(enum command_id parent, const char *word, struct nvb_error **err)
{
	const char *blank, *name = behind_help(parent, &blank);
	struct nearest nearest = NEAREST_INIT(word);
	int r;

	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		if (command_parent((enum command_id)i) == parent)
			nearest_consider(&nearest, command_word((enum command_id)i));
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown command '%s%s%.64s'", name, blank, word);
	if (nearest_word(&nearest))
		return NVB_HINT(err, r, "did you mean '%s'? 'nvbind help%s%s' lists the commands",
			nearest_word(&nearest), blank, name);
	return NVB_HINT(err, r, "'nvbind help%s%s' lists the commands", blank, name);
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
