/* SPDX-License-Identifier: Apache-2.0 */
/* Texts made from the tables of commands.def: --help, the man page, completion scripts. */
#pragma once

#include "base/strbuf.h"
#include "nvbind/command.h"

#define HELP_TEXT_BYTES ((size_t)256 << 10)

/* Plain text of at most 80 columns. COMMAND_GLOBAL: the program's, with its commands. */
void help_format(enum command_id id, struct strbuf *out);
/* The same on standard output. */
void help_print(enum command_id id);

/* Appends `text`, wrapped between `column` and 80; the line has `at` columns already. */
void help_wrap(struct strbuf *out, const char *text, size_t column, size_t at);

/* "Text of the table: word, word (may be repeated)". */
void help_describe_option(const struct option_row *row, struct strbuf *out);

/*
 * A manual page in man(7) macros: `prose` with the lines @GLOBAL_OPTIONS@ and @COMMANDS@ of
 * nvbind(1) and @POLICY_KEYS@ of nvbind-runtime(8) replaced, and the word @VERSION@.
 */
void man_format(const char *prose, struct strbuf *out);

/* False if the shell is not one of bash, zsh, fish. */
bool completion_format(const char *shell, struct strbuf *out);
