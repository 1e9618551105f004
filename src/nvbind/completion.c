/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts. The words come from the tables; only the frame is written here. */
#include <string.h>

#include "nvbind/help.h"

typedef void (*row_writer)(enum command_id id, const struct option_row *row, struct strbuf *out);

static void for_each_option(enum command_id id, row_writer write, struct strbuf *out)
{
	const struct option_row *rows[OPTION_COUNT];
	size_t n = options_of((int)id, rows);

	for (size_t i = 0; i < n; i++)
		if (!(rows[i]->flags & OPTION_HIDDEN))
			write(id, rows[i], out);
}

static void add_command_names(enum command_id parent, struct strbuf *out)
{
	const char *separator = "";

	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		if (command_parent((enum command_id)i) != parent)
			continue;
		strbuf_printf(out, "%s%s", separator, command_word((enum command_id)i));
		separator = " ";
	}
}

/* The operand is one of the words "a|b|c", and never a file. */
static bool takes_word(enum command_id id)
{
	return id == COMMAND_COMPLETION || id == COMMAND_SETUP;
}

/* Words after a command that are not options. */
static void add_operand_words(enum command_id id, struct strbuf *out)
{
	if (command_is_group(id) || id == COMMAND_HELP)
		add_command_names(id == COMMAND_HELP ? COMMAND_GLOBAL : id, out);
	else if (takes_word(id))
		for (const char *p = command_get(id)->operands; *p; p++)
			strbuf_char_add(out, *p == '|' ? ' ' : *p);
	else if (id == COMMAND_RUN)
		strbuf_str_add(out, "host");
}

/* bash */

/* What the script's $command is: "cdi/list" for "cdi list". */
static void bash_add_key(enum command_id id, struct strbuf *out)
{
	const char *name = command_get(id)->name;

	for (const char *p = name ? name : ""; *p; p++)
		strbuf_char_add(out, *p == ' ' ? '/' : *p);
}

static void bash_add_word(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	(void)id;
	strbuf_printf(out, " --%s", row->name);
}

/* A case pattern of the options that take a value, so that the value is not read as IMAGE. */
static void bash_add_valued(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	if (!row->argument)
		return;
	strbuf_printf(out, "|--%s", row->name);
	if (option_short_usable((int)id, row))
		strbuf_printf(out, "|-%c", row->short_name);
}

static void bash_add_values(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	if (!row->argument)
		return;
	strbuf_char_add(out, '\t');
	bash_add_key(id, out);
	strbuf_printf(out, ",--%s", row->name);
	if (option_short_usable((int)id, row)) {
		strbuf_char_add(out, '|');
		bash_add_key(id, out);
		strbuf_printf(out, ",-%c", row->short_name);
	}
	strbuf_str_add(out, ")\n\t\t");
	if (row->values.kind == VALUES_DIRECTORIES) {
		strbuf_str_add(out, "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")");
	} else {
		strbuf_str_add(out, "words='");
		option_value_words(row, out);
		strbuf_str_add(out, "'");
	}
	strbuf_str_add(out, " ;;\n");
}

static void bash_add_cases(struct strbuf *out)
{
	for (int i = COMMAND_GLOBAL; i < COMMAND_COUNT; i++)
		for_each_option((enum command_id)i, bash_add_values, out);
	for (int i = COMMAND_GLOBAL; i < COMMAND_COUNT; i++) {
		strbuf_char_add(out, '\t');
		bash_add_key((enum command_id)i, out);
		strbuf_str_add(out, ",*)\n\t\twords='");
		add_operand_words((enum command_id)i, out);
		for_each_option((enum command_id)i, bash_add_word, out);
		strbuf_str_add(out, "' ;;\n");
	}
}

/* Behind a group, the next word belongs to the command's name. */
static void bash_add_groups(struct strbuf *out)
{
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		if (!command_is_group((enum command_id)i))
			continue;
		strbuf_str_add(out, "\t\t");
		bash_add_key((enum command_id)i, out);
		strbuf_str_add(out, ",*) command+=/${COMP_WORDS[i]} ;;\n");
	}
}

static void bash_format(struct strbuf *out)
{
	strbuf_str_add(out,
		"# bash completion for nvbind\n"
		"_nvbind()\n"
		"{\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		"\tlocal command='' operands=0 words='' i\n"
		"\n"
		"\tCOMPREPLY=()\n"
		"\t# Readline takes = and : for words of their own.\n"
		"\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
		"\t[[ $cur == = ]] && cur=\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase $command,${COMP_WORDS[i]} in\n");
	for (int i = COMMAND_GLOBAL; i < COMMAND_COUNT; i++) {
		_cleanup_(strbuf_done) struct strbuf valued = STRBUF_INIT(HELP_TEXT_BYTES);

		for_each_option((enum command_id)i, bash_add_valued, &valued);
		for (const char *p = strbuf_str(&valued); *p; p++) {
			if (*p != '|') {
				strbuf_char_add(out, *p);
				continue;
			}
			strbuf_str_add(out, p == strbuf_str(&valued) ? "\t\t" : "|");
			bash_add_key((enum command_id)i, out);
			strbuf_char_add(out, ',');
		}
		strbuf_str_add(out, ")\n\t\t\t((i++))\n"
				    "\t\t\t[[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;\n");
	}
	strbuf_str_add(out, "\t\t*,[=:]) ((i++)) ;;\n"
			    "\t\t*,-*) ;;\n"
			    "\t\t,*) command=${COMP_WORDS[i]} ;;\n");
	bash_add_groups(out);
	strbuf_str_add(out, "\t\t*) ((operands++)) ;;\n"
			    "\t\tesac\n"
			    "\tdone\n"
			    "\t# What follows the image belongs to the command in the container.\n"
			    "\t[[ $command == run && $operands -gt 0 ]] && return\n"
			    "\tcase $command,$prev in\n");
	bash_add_cases(out);
	strbuf_str_add(out,
		"\tesac\n"
		"\t[[ $words ]] && mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
		"}\n"
		"complete -o default -F _nvbind nvbind\n");
}

/* zsh */

/* Inside single quotes, in a place where `special` characters have a meaning to _arguments. */
static void zsh_add_quoted(struct strbuf *out, const char *text, const char *special)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\'') {
			strbuf_str_add(out, "'\\''");
			continue;
		}
		if (*p == '\\' || strchr(special, *p))
			strbuf_char_add(out, '\\');
		strbuf_char_add(out, *p);
	}
}

static void zsh_add_option(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(4096);
	bool brief = option_short_usable((int)id, row);

	for (int form = brief ? 0 : 1; form < 2; form++) {
		strbuf_str_add(out, " \\\n\t\t'");
		if (row->flags & OPTION_REPEATABLE)
			strbuf_char_add(out, '*');
		if (form == 0)
			strbuf_printf(out, "-%c%s[", row->short_name, row->argument ? "+" : "");
		else
			strbuf_printf(out, "--%s%s[", row->name, row->argument ? "=" : "");
		zsh_add_quoted(out, row->help, "[]:");
		strbuf_char_add(out, ']');
		if (row->argument) {
			strbuf_char_add(out, ':');
			zsh_add_quoted(out, row->argument, "[]:");
			strbuf_char_add(out, ':');
			strbuf_truncate(&words, 0);
			option_value_words(row, &words);
			if (row->values.kind == VALUES_FILES)
				strbuf_str_add(out, "_files");
			else if (row->values.kind == VALUES_DIRECTORIES)
				strbuf_str_add(out, "_files -/");
			else if (strbuf_str(&words)[0])
				strbuf_printf(out, "(%s)", strbuf_str(&words));
			else
				strbuf_char_add(out, ' ');
		}
		strbuf_char_add(out, '\'');
	}
}

/* The commands below `parent` with their summaries, as the first operand. */
static void zsh_add_names(enum command_id parent, struct strbuf *out)
{
	const char *separator = "";

	strbuf_str_add(out, " \\\n\t\t'1:command:((");
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		if (command_parent((enum command_id)i) != parent)
			continue;
		strbuf_printf(out, "%s%s\\:\"", separator, command_word((enum command_id)i));
		zsh_add_quoted(out, command_get((enum command_id)i)->summary, "\":");
		strbuf_char_add(out, '"');
		separator = " ";
	}
	strbuf_str_add(out, "))' \\\n"
			    "\t\t'*::argument:->arguments'\n");
}

static void zsh_add_command(enum command_id id, struct strbuf *out);

/* A case over the words that may follow `parent`. */
static void zsh_add_commands(enum command_id parent, struct strbuf *out)
{
	strbuf_str_add(out, "\t[[ $state == arguments ]] || return\n"
			    "\tcase $line[1] in\n");
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++)
		if (command_parent((enum command_id)i) == parent)
			zsh_add_command((enum command_id)i, out);
	strbuf_str_add(out, "\tesac\n");
}

static void zsh_add_group(enum command_id id, struct strbuf *out)
{
	strbuf_printf(out, "\t%s)\n\t\tstate=\n\t\t_arguments -s -S -C", command_word(id));
	for_each_option(id, zsh_add_option, out);
	zsh_add_names(id, out);
	zsh_add_commands(id, out);
	strbuf_str_add(out, "\t\t;;\n");
}

static void zsh_add_command(enum command_id id, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(4096);

	if (command_is_group(id)) {
		zsh_add_group(id, out);
		return;
	}
	strbuf_printf(out, "\t%s)\n\t\t_arguments -s -S", command_word(id));
	for_each_option(id, zsh_add_option, out);
	add_operand_words(id, &words);
	if (id == COMMAND_RUN)
		strbuf_printf(out, " \\\n\t\t'1:image:(%s)' \\\n\t\t'*:::command: _normal'",
			strbuf_str(&words));
	else if (strbuf_str(&words)[0])
		strbuf_printf(out, " \\\n\t\t'1: :(%s)'", strbuf_str(&words));
	strbuf_str_add(out, "\n\t\t;;\n");
}

static void zsh_format(struct strbuf *out)
{
	strbuf_str_add(out, "#compdef nvbind\n"
			    "_nvbind()\n"
			    "{\n"
			    "\tlocal curcontext=$curcontext state state_descr line\n"
			    "\ttypeset -A opt_args\n"
			    "\n"
			    "\t_arguments -s -S -C");
	for_each_option(COMMAND_GLOBAL, zsh_add_option, out);
	zsh_add_names(COMMAND_GLOBAL, out);
	zsh_add_commands(COMMAND_GLOBAL, out);
	strbuf_str_add(out, "}\n"
			    "if [[ $funcstack[1] == _nvbind ]]; then\n"
			    "\t_nvbind \"$@\"\n"
			    "else\n"
			    "\tcompdef _nvbind nvbind\n"
			    "fi\n");
}

/* fish */

static void fish_add_quoted(struct strbuf *out, const char *text)
{
	strbuf_char_add(out, '\'');
	for (const char *p = text; *p; p++) {
		if (*p == '\'' || *p == '\\')
			strbuf_char_add(out, '\\');
		strbuf_char_add(out, *p);
	}
	strbuf_char_add(out, '\'');
}

/* -n '...': that the words so far are those of the command, and none of one below it. */
static void fish_add_condition(enum command_id id, bool nothing_below, struct strbuf *out)
{
	const enum command_id parent = command_parent(id);

	if (id == COMMAND_GLOBAL) {
		strbuf_str_add(out, " -n __fish_use_subcommand");
		return;
	}
	strbuf_str_add(out, " -n '");
	if (parent != COMMAND_GLOBAL)
		strbuf_printf(out, "__fish_seen_subcommand_from %s; and ", command_word(parent));
	strbuf_printf(out, "__fish_seen_subcommand_from %s", command_word(id));
	if (nothing_below) {
		strbuf_str_add(out, "; and not __fish_seen_subcommand_from ");
		add_command_names(id, out);
	}
	strbuf_char_add(out, '\'');
}

static void fish_add_option(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(4096);

	strbuf_str_add(out, "complete -c nvbind");
	fish_add_condition(id, false, out);
	strbuf_printf(out, " -l %s", row->name);
	if (option_short_usable((int)id, row))
		strbuf_printf(out, " -s %c", row->short_name);
	option_value_words(row, &words);
	if (row->values.kind == VALUES_DIRECTORIES)
		strbuf_str_add(out, " -x -a '(__fish_complete_directories)'");
	else if (row->values.kind == VALUES_FILES)
		strbuf_str_add(out, " -r -F");
	else if (row->argument)
		strbuf_str_add(out, " -x");
	if (strbuf_str(&words)[0]) {
		strbuf_str_add(out, " -a ");
		fish_add_quoted(out, strbuf_str(&words));
	}
	strbuf_str_add(out, " -d ");
	fish_add_quoted(out, row->help);
	strbuf_char_add(out, '\n');
}

static void fish_format(struct strbuf *out)
{
	strbuf_str_add(out, "# fish completion for nvbind\n");
	for_each_option(COMMAND_GLOBAL, fish_add_option, out);
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		const struct command *c = command_get((enum command_id)i);
		const enum command_id parent = command_parent((enum command_id)i);
		_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(4096);

		strbuf_str_add(out, "complete -c nvbind -f");
		fish_add_condition(parent, parent != COMMAND_GLOBAL, out);
		strbuf_printf(out, " -a %s -d ", command_word((enum command_id)i));
		fish_add_quoted(out, c->summary);
		strbuf_char_add(out, '\n');
		for_each_option((enum command_id)i, fish_add_option, out);
		if (!command_is_group((enum command_id)i))
			add_operand_words((enum command_id)i, &words);
		if (!strbuf_str(&words)[0])
			continue;
		strbuf_str_add(out, "complete -c nvbind");
		if (takes_word((enum command_id)i))
			strbuf_str_add(out, " -f");
		fish_add_condition((enum command_id)i, false, out);
		strbuf_str_add(out, " -a ");
		fish_add_quoted(out, strbuf_str(&words));
		strbuf_char_add(out, '\n');
	}
}

bool completion_format(const char *shell, struct strbuf *out)
{
	static const struct {
		const char *name;
		void (*format)(struct strbuf *out);
	} shells[] = {
		{ "bash", bash_format },
		{ "zsh", zsh_format },
		{ "fish", fish_format },
	};

	for (size_t i = 0; i < ELEMENTS(shells); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].format(out);
			return true;
		}
	}
	return false;
}
