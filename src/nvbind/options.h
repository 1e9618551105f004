/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of options. commands.def is its source; parser, help, man page and completions
 * read it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "request/vocabulary.h"

enum option_id {
#define COMMAND(id, function, name, operands, summary, description)
#define OPTION(command, id, short_name, name, argument, flags, values, group, help)                \
	OPTION_##command##_##id,
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
	OPTION_COUNT,
};

enum option_flags {
	OPTION_REPEATABLE = 1 << 0,
	OPTION_HIDDEN = 1 << 1, /* accepted, but not in help, man page and completions */
	/* Of run: what only the built-in engine has, and what only the others have. */
	OPTION_BOLT_ONLY = 1 << 2,
	OPTION_CLIENTS_ONLY = 1 << 3,
};

enum option_values_kind {
	VALUES_NONE, /* takes no argument */
	VALUES_ANY,
	VALUES_FILES,
	VALUES_DIRECTORIES,
	VALUES_CAPABILITIES, /* a comma list of gpu/capability.h's names */
	VALUES_WORDS,	     /* exactly these; options_parse() checks */
	VALUES_SUGGESTED,    /* offered; the command checks */
	VALUES_VOCABULARY,
	VALUES_PROFILES, /* the built-in ones are offered; the command checks */
};

struct option_values {
	enum option_values_kind kind;
	const char *words; /* "a|b|c" */
	const struct vocabulary *vocabulary;
};

struct option_row {
	int command;	      /* enum command_id */
	int id;		      /* enum option_id */
	char short_name;      /* 0: none */
	const char *name;     /* without dashes */
	const char *argument; /* its name in help texts; NULL: takes none */
	unsigned flags;
	struct option_values values;
	const char *group; /* heading in help texts */
	const char *help;
};

/* All rows, in the order of commands.def. */
extern const struct option_row option_rows[OPTION_COUNT];

/*
 * The options that `command` takes: its own, then the global ones that it does not replace.
 * Returns how many; `ret_rows` has room for OPTION_COUNT.
 */
size_t options_of(int command, const struct option_row **ret_rows);

/* The words that may stand for a value, joined by blanks; empty where any text may. */
void option_value_words(const struct option_row *row, struct strbuf *out);

/* True if `row`'s short name is free to use under `command`: "-v" of run is a volume. */
bool option_short_usable(int command, const struct option_row *row);

/*
 * Called once per option in the order given; `value` is NULL for options without an argument.
 * Returns 0 to go on, 1 to stop, or an error.
 */
typedef int (*option_handler)(void *target, int id, const char *value, struct nvb_error **err);

/*
 * Parses up to the first operand. Long names must be complete: a script must not break when an
 * option is added. Returns the index of the first operand (>= 1), 0 if `set` stopped, or
 * NVB_ERR_USAGE; the error names the nearest option. *ret_dashes (may be NULL) tells whether a
 * "--" ended the options; it is not counted as an operand.
 */
int options_parse(int command, int argc, char **argv, option_handler set, void *target,
	bool *ret_dashes, struct nvb_error **err);
