/* SPDX-License-Identifier: Apache-2.0 */
/* The generated parts of the manual pages. Macros: man(7). */
#include <string.h>

#include "config/config.h"
#include "nvbind/help.h"
#include "request/runtime_policy.h"

/* Text in a line of its own: nothing in it is taken for a macro or an escape. */
static void add_roff(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (p == text && (*p == '.' || *p == '\''))
			strbuf_str_add(out, "\\&");
		if (*p == '\\')
			strbuf_str_add(out, "\\e");
		else if (*p == '-')
			strbuf_str_add(out, "\\-");
		else if (*p == '\'')
			strbuf_str_add(out, "\\(aq");
		else if (p[0] == '\n' && p[1] == '\n') {
			strbuf_str_add(out, "\n.PP\n");
			p++;
		} else
			strbuf_char_add(out, *p);
	}
}

static void add_option(enum command_id id, const struct option_row *row, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf help = STRBUF_INIT(4096);

	strbuf_str_add(out, ".TP\n");
	if (option_short_usable((int)id, row))
		strbuf_printf(out, "\\fB\\-%c\\fR, ", row->short_name);
	strbuf_str_add(out, "\\fB\\-\\-");
	add_roff(out, row->name);
	strbuf_str_add(out, "\\fR");
	if (row->argument) {
		strbuf_str_add(out, " \\fI");
		add_roff(out, row->argument);
		strbuf_str_add(out, "\\fR");
	}
	strbuf_char_add(out, '\n');
	help_describe_option(row, &help);
	add_roff(out, strbuf_str(&help));
	strbuf_char_add(out, '\n');
}

/* The rows of the command itself; the global ones have their own section. */
static void add_options(enum command_id id, struct strbuf *out)
{
	const struct option_row *rows[OPTION_COUNT];
	size_t n = options_of((int)id, rows);

	for (size_t i = 0; i < n; i++)
		if (rows[i]->command == (int)id && !(rows[i]->flags & OPTION_HIDDEN))
			add_option(id, rows[i], out);
}

static void add_commands(struct strbuf *out)
{
	for (int i = COMMAND_GLOBAL + 1; i < COMMAND_COUNT; i++) {
		const struct command *c = command_get((enum command_id)i);

		strbuf_printf(
			out, ".SS nvbind %s [OPTION...]%s", c->name, c->operands[0] ? " " : "");
		add_roff(out, c->operands);
		strbuf_char_add(out, '\n');
		add_roff(out, c->description);
		strbuf_char_add(out, '\n');
		add_options((enum command_id)i, out);
	}
}

static void add_policy_key(void *user, const char *key, const char *values,
	const char *default_value, const char *meaning)
{
	struct strbuf *out = user;

	strbuf_str_add(out, ".TP\n\\fB");
	add_roff(out, key);
	strbuf_str_add(out, "\\fR: ");
	add_roff(out, values);
	strbuf_char_add(out, '\n');
	add_roff(out, meaning);
	strbuf_str_add(out, " (default ");
	add_roff(out, default_value);
	strbuf_str_add(out, ")\n");
}

static void add_global_options(struct strbuf *out)
{
	add_options(COMMAND_GLOBAL, out);
}

static void add_policy_keys(struct strbuf *out)
{
	runtime_policy_for_each_key(add_policy_key, out);
}

static void add_knob(const struct knob *knob, const char *key, struct strbuf *out)
{
	_cleanup_(strbuf_done) struct strbuf values = STRBUF_INIT(4096);

	knob_values_add(knob, &values);
	strbuf_str_add(out, ".TP\n\\fB");
	add_roff(out, key);
	strbuf_str_add(out, "\\fR: ");
	add_roff(out, strbuf_str(&values));
	strbuf_char_add(out, '\n');
	add_roff(out, knob->summary);
	if (strcmp(key, knob->name) != 0) {
		strbuf_str_add(out, "; its name is ");
		add_roff(out, knob->name);
	}
	if (knob->scope == KNOB_SCOPE_HOST)
		strbuf_str_add(out, "; it changes the machine, and is undone");
	strbuf_char_add(out, '\n');
}

static void add_config_keys(struct strbuf *out)
{
	const char *table, *home, *key;

	for (size_t i = 0; (table = knob_place_home_table(i)); i++) {
		bool begun = false;

		for (size_t j = 0; j < KNOB_COUNT; j++) {
			if (!knob_place_home(&knob_table[j], &home, &key) ||
				strcmp(home, table) != 0)
				continue;
			if (!begun)
				strbuf_printf(out, ".SS [%s]\n", table);
			begun = true;
			add_knob(&knob_table[j], key, out);
		}
	}
}

static void add_config_variables(struct strbuf *out)
{
	const struct knob *knob;
	const char *name;

	for (size_t i = 0; (name = config_variable(i, &knob)); i++) {
		strbuf_printf(out, ".TP\n.B %s\n", name);
		add_roff(out, knob->name);
		strbuf_char_add(out, '\n');
	}
}

/* Lines that stand for a part. */
static const struct part {
	const char *line;
	void (*add)(struct strbuf *out);
} parts[] = {
	{ "@GLOBAL_OPTIONS@", add_global_options },
	{ "@COMMANDS@", add_commands },
	{ "@POLICY_KEYS@", add_policy_keys },
	{ "@CONFIG_KEYS@", add_config_keys },
	{ "@CONFIG_VARIABLES@", add_config_variables },
};

static bool add_part(const char *line, size_t length, struct strbuf *out)
{
	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		if (strlen(parts[i].line) != length || memcmp(parts[i].line, line, length) != 0)
			continue;
		parts[i].add(out);
		return true;
	}
	return false;
}

static void add_prose(const char *line, size_t length, struct strbuf *out)
{
	static const char version[] = "@VERSION@";
	const char *at = memmem(line, length, version, strlen(version));
	size_t head = at ? (size_t)(at - line) : length;

	strbuf_add(out, line, head);
	if (at) {
		strbuf_str_add(out, NVBIND_VERSION);
		head += strlen(version);
	}
	strbuf_add(out, line + head, length - head);
	strbuf_char_add(out, '\n');
}

void man_format(const char *prose, struct strbuf *out)
{
	for (const char *p = prose; *p;) {
		size_t length = strcspn(p, "\n");

		if (!add_part(p, length, out))
			add_prose(p, length, out);
		p += length + (p[length] ? 1 : 0);
	}
}
