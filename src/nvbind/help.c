/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/help.h"

#include <stdio.h>
#include <string.h>

#define WIDTH	       80
#define OPTION_COLUMN  29
#define COMMAND_COLUMN 14

void help_wrap(struct strbuf *out, const char *text, size_t column, size_t at)
{
	bool line_start = true;

	for (const char *p = text; *p;) {
		size_t length;

		if (*p == '\n') {
			strbuf_char_add(out, '\n');
			at = 0;
			line_start = true;
			p++;
			continue;
		}
		p += strspn(p, " ");
		length = strcspn(p, " \n");
		if (!line_start && at + 1 + length > WIDTH) {
			strbuf_char_add(out, '\n');
			at = 0;
			line_start = true;
		}
		if (line_start && at < column) {
			strbuf_printf(out, "%*s", (int)(column - at), "");
			at = column;
		} else if (!line_start) {
			strbuf_char_add(out, ' ');
			at++;
		}
		strbuf_add(out, p, length);
		at += length;
		p += length;
		line_start = false;
	}
	strbuf_char_add(out, '\n');
}

void help_describe_option(const struct option_row *row, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(1024);

	strbuf_str_add(out, row->help);
	if (row->values.kind != VALUES_SUGGESTED && row->values.kind != VALUES_PROFILES)
		option_value_words(row, &words);
	if (row->flags & OPTION_CLIENTS_ONLY)
		strbuf_str_add(out, " (docker, podman)");
	if (row->flags & OPTION_BOLT_ONLY)
		strbuf_str_add(out, " (bolt)");
	for (const char *p = strbuf_str(&words), *separator = ": "; *p; separator = ", ") {
		size_t length = strcspn(p, " ");

		strbuf_str_add(out, separator);
		strbuf_add(out, p, length);
		p += length + (p[length] ? 1 : 0);
	}
	if (row->flags & OPTION_REPEATABLE)
		strbuf_str_add(out, " (may be repeated)");
}

static void add_option(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf help = STRBUF_INIT(4096);
	size_t start = out->length, at;

	if (option_short_usable((int)id, row))
		strbuf_printf(out, "  -%c, --%s", row->short_name, row->name);
	else
		strbuf_printf(out, "      --%s", row->name);
	if (row->argument)
		strbuf_printf(out, " %s", row->argument);
	at = out->length - start;
	if (at + 2 > OPTION_COLUMN) {
		strbuf_char_add(out, '\n');
		at = 0;
	}
	help_describe_option(row, &help);
	help_wrap(out, strbuf_str(&help), OPTION_COLUMN, at);
}

static void add_options(enum command_id id, struct strbuf *out)
{
	const struct option_row *rows[OPTION_COUNT];
	size_t n = options_of((int)id, rows);
	const char *group = "";

	for (size_t i = 0; i < n; i++) {
		if (rows[i]->flags & OPTION_HIDDEN)
			continue;
		if (strcmp(group, rows[i]->group) != 0)
			strbuf_printf(out, "\n%s:\n", rows[i]->group);
		group = rows[i]->group;
		add_option(id, rows[i], out);
	}
}

static void add_commands(enum command_id parent, struct strbuf *out)
{
	strbuf_str_add(out, "\nCommands:\n");
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		const struct command *c = command_get((enum command_id)i);
		size_t start = out->length;

		if (command_parent((enum command_id)i) != parent)
			continue;
		strbuf_printf(out, "  %s", command_word((enum command_id)i));
		help_wrap(out, c->summary, COMMAND_COLUMN, out->length - start);
	}
}

void help_format(enum command_id id, struct strbuf *out)
{
	const struct command *c = command_get(id);

	strbuf_printf(out, "Usage: nvbind %s%s[OPTION...]%s%s\n\n", c->name ? c->name : "",
		c->name ? " " : "", c->operands[0] ? " " : "", c->operands);
	help_wrap(out, c->description, 0, 0);
	if (command_is_group(id))
		add_commands(id, out);
	add_options(id, out);
	if (command_is_group(id))
		strbuf_printf(out, "\n'nvbind help %s%sCOMMAND' shows the options of a command.\n",
			c->name ? c->name : "", c->name ? " " : "");
}

void help_print(enum command_id id)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);

	help_format(id, &text);
	fputs(strbuf_str(&text), stdout);
}
