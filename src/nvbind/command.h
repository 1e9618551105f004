/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands of nvbind: what commands.def says of them, and the frame they run in.
 *
 * A command is `int cmd_NAME(context, argc, argv, err)` in cmd_NAME.c. argv[0] is the command's
 * name. It returns the program's exit code (>= 0) or a negative status with *err set. It starts
 * with command_parse():
 *
 *	r = command_parse(COMMAND_DOCTOR, &context, argc, argv, set_option, &options,
 *		NULL, err);
 *	if (r <= 0)
 *		return r;	// an error, or --help was answered
 *	first operand: argv[r], argc - r of them
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "nvbind/options.h"

enum command_id {
	COMMAND_GLOBAL, /* options before the command; every command takes them too */
#define COMMAND(id, function, name, operands, summary, description) COMMAND_##id,
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
	COMMAND_COUNT,
};

struct command {
	const char *name;	 /* "cdi list"; NULL for COMMAND_GLOBAL */
	const char *operands;	 /* what follows the options in the synopsis */
	const char *summary;	 /* one line */
	const char *description; /* paragraphs, separated by an empty line */
};

/* What the global options say. Strings are borrowed from argv and the environment. */
struct command_context {
	const char *host_root; /* "/": the running machine */
	bool verbose;
	bool quiet;
};

const struct command *command_get(enum command_id id);
/* "list" of "cdi list": what is written behind the commands above. */
const char *command_word(enum command_id id);
/* COMMAND_GLOBAL for those that stand alone. */
enum command_id command_parent(enum command_id id);
/* True if there are commands below it. */
bool command_is_group(enum command_id id);
/* The command of this word directly below `parent`; COMMAND_GLOBAL if there is none. */
enum command_id command_find(enum command_id parent, const char *word);
/* Raises NVB_ERR_USAGE with the nearest command as the hint. */
int command_raise_unknown(enum command_id parent, const char *word, struct nvb_error **err);
/* Raises NVB_ERR_USAGE: a command is missing behind `parent`. */
int command_raise_missing(enum command_id parent, struct nvb_error **err);

/*
 * Parses a command's options. The global ones go into `context`, all others to `set`.
 * Returns the index of the first operand in argv (>= 1), 0 if --help or --version was answered,
 * or NVB_ERR_USAGE and whatever `set` returns. `set` may be NULL where a command has no options of
 * its own; ret_dashes as in options.h.
 */
int command_parse(enum command_id id, struct command_context *context, int argc, char **argv,
	option_handler set, void *target, bool *ret_dashes, struct nvb_error **err);

/* Raises NVB_ERR_USAGE if operands are left at argv[first]. */
int command_no_operands(
	enum command_id id, int first, int argc, char **argv, struct nvb_error **err);

typedef int (*command_function)(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err);

#define COMMAND(id, function, name, operands, summary, description)                                          \
	int cmd_##function(const struct command_context *context, int argc, char **argv,               \
		struct nvb_error **err);
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
