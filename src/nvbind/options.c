/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/options.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "nvbind/command.h"
#include "request/nearest.h"
#include "request/profile.h"

#define SHOWN_BYTES 64
#define MESSAGE_BYTES 1024

/* clang-format off */
#define NO_VALUES { .kind = VALUES_NONE }
#define ANY_VALUE { .kind = VALUES_ANY }
#define FILES { .kind = VALUES_FILES }
#define DIRECTORIES { .kind = VALUES_DIRECTORIES }
#define CAPABILITIES { .kind = VALUES_CAPABILITIES }
#define PROFILES { .kind = VALUES_PROFILES }
#define WORDS(list) { .kind = VALUES_WORDS, .words = (list) }
#define SUGGESTED(list) { .kind = VALUES_SUGGESTED, .words = (list) }
#define VOCABULARY(which) { .kind = VALUES_VOCABULARY, .vocabulary = &vocabulary_##which }

const struct option_row option_rows[OPTION_COUNT] = {
#define COMMAND(id, function, name, operands, summary, description)
#define OPTION(command, id, short_name, name, argument, flags, values, group, help) \
	{ COMMAND_##command, OPTION_##command##_##id, short_name, name, argument, flags, values, \
		group, help },
#include "nvbind/commands.def"
#undef COMMAND
#undef OPTION
};
/* clang-format on */

/* Appends the rows of `owner` that no row of `command` among rows[0..n) replaces. */
static size_t add_rows(int command, int owner, const struct option_row **rows, size_t n)
{
	size_t own = n;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		bool replaced = false;

		if (option_rows[i].command != owner)
			continue;
		for (size_t j = 0; j < own; j++)
			if (owner != command && strcmp(rows[j]->name, option_rows[i].name) == 0)
				replaced = true;
		if (!replaced)
			rows[n++] = &option_rows[i];
	}
	return n;
}

size_t options_of(int command, const struct option_row **ret_rows)
{
	size_t n = add_rows(command, command, ret_rows, 0);

	return command == COMMAND_GLOBAL ? n : add_rows(command, COMMAND_GLOBAL, ret_rows, n);
}

bool option_short_usable(int command, const struct option_row *row)
{
	if (!row->short_name)
		return false;
	if (row->command == command)
		return true;
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (option_rows[i].command == command &&
			option_rows[i].short_name == row->short_name)
			return false;
	return true;
}

static void add_list(const char *list, struct strbuf *out)
{
	for (const char *p = list; *p; p++)
		strbuf_char_add(out, *p == '|' ? ' ' : *p);
}

void option_value_words(const struct option_row *row, struct strbuf *out)
{
	const struct vocabulary *v = row->values.vocabulary;

	switch (row->values.kind) {
	case VALUES_WORDS:
	case VALUES_SUGGESTED:
		add_list(row->values.words, out);
		break;
	case VALUES_VOCABULARY:
		for (size_t i = 0; i < v->n; i++)
			if (!v->words[i].alias)
				strbuf_printf(out, "%s%s", i ? " " : "", v->words[i].name);
		break;
	case VALUES_PROFILES:
		for (int id = PROFILE_ID_NONE + 1; id < PROFILE_ID_COUNT; id++)
			strbuf_printf(out, "%s%s", id > PROFILE_ID_NONE + 1 ? " " : "",
				profile_get((enum profile_id)id)->name);
		break;
	case VALUES_CAPABILITIES:
		strbuf_str_add(out, "all");
		for (int bit = 0; bit < CAPABILITY_BIT_COUNT; bit++)
			strbuf_printf(out, " %s", capability_name((enum capability_bit)bit));
		break;
	case VALUES_NONE:
	case VALUES_ANY:
	case VALUES_FILES:
	case VALUES_DIRECTORIES:
		break;
	}
}

/* What getopt_long() needs of the rows of one command. */
struct getopt_tables {
	const struct option_row *rows[OPTION_COUNT];
	size_t n;
	struct option long_options[OPTION_COUNT + 1];
	char short_options[2 + 2 * OPTION_COUNT + 1];
};

static void fill_tables(int command, struct getopt_tables *t)
{
	size_t length = 0;

	/* '+': stop at the first operand. ':': tell a missing value from an unknown option. */
	t->short_options[length++] = '+';
	t->short_options[length++] = ':';
	t->n = options_of(command, t->rows);
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = t->rows[i];

		t->long_options[i] = (struct option){
			.name = row->name,
			.has_arg = row->argument ? required_argument : no_argument,
			/* Above every character, so that it is not taken for a short name. */
			.val = 256 + (int)i,
		};
		if (!option_short_usable(command, row))
			continue;
		t->short_options[length++] = row->short_name;
		if (row->argument)
			t->short_options[length++] = ':';
	}
	t->short_options[length] = '\0';
	t->long_options[t->n] = (struct option){ 0 };
}

static const struct option_row *row_of_code(int command, const struct getopt_tables *t, int code)
{
	if (code >= 256)
		return t->rows[code - 256];
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i]->short_name == code && option_short_usable(command, t->rows[i]))
			return t->rows[i];
	return NULL;
}

static int hint_help(int command, int status, const char *nearest, struct nvb_error **err)
{
	const char *name = command_get((enum command_id)command)->name;
	_cleanup_(strbuf_done) struct strbuf hint = STRBUF_INIT(MESSAGE_BYTES);

	if (nearest)
		strbuf_printf(&hint, "did you mean '--%s'? ", nearest);
	strbuf_printf(
		&hint, "'nvbind %s%s--help' lists the options", name ? name : "", name ? " " : "");
	return NVB_HINT(err, status, "%s", strbuf_str(&hint));
}

static int raise_option(int command, const char *what, const char *text, const char *nearest,
	struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	int r;

	strbuf_escaped_add(&shown, text, SHOWN_BYTES);
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s': %s", strbuf_str(&shown), what);
	return hint_help(command, r, nearest, err);
}

/*
 * getopt_long() takes the beginning of a name for the name. A script that relies on it breaks
 * when an option is added, so long names are checked before it sees them.
 */
static int check_long_name(
	int command, const struct getopt_tables *t, const char *word, struct nvb_error **err)
{
	size_t length = strcspn(word + 2, "=");
	char name[SHOWN_BYTES + 1];
	struct nearest nearest = NEAREST_INIT(name);

	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->rows[i]->name) == length &&
			memcmp(t->rows[i]->name, word + 2, length) == 0)
			return 0;
	if (length >= sizeof(name))
		return raise_option(command, "unknown", word, NULL, err);
	memcpy(name, word + 2, length);
	name[length] = '\0';
	for (size_t i = 0; i < t->n; i++)
		if (!(t->rows[i]->flags & OPTION_HIDDEN))
			nearest_consider(&nearest, t->rows[i]->name);
	return raise_option(command, "unknown", word, nearest_word(&nearest), err);
}

/* What getopt_long() refused: `code` is '?' or ':'. `word` is what it looked at. */
static int raise_refused(int command, const struct getopt_tables *t, int code, const char *word,
	struct nvb_error **err)
{
	const struct option_row *row = row_of_code(command, t, optopt);
	char shown[SHOWN_BYTES + 4];

	if (row && strncmp(word, "--", 2) == 0)
		(void)snprintf(shown, sizeof(shown), "--%s", row->name);
	else
		(void)snprintf(shown, sizeof(shown), "-%c", optopt);
	if (code == ':' && row) {
		char what[SHOWN_BYTES];

		(void)snprintf(what, sizeof(what), "it needs %s", row->argument);
		return raise_option(command, what, shown, NULL, err);
	}
	return raise_option(command, row ? "it takes no value" : "unknown", shown, NULL, err);
}

static bool is_word_of(const char *list, const char *value)
{
	size_t length = strlen(value);

	for (const char *p = list; p;) {
		size_t n = strcspn(p, "|");

		if (n == length && memcmp(p, value, n) == 0)
			return true;
		p = p[n] ? p + n + 1 : NULL;
	}
	return false;
}

static int check_value(const struct option_row *row, const char *value, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	_cleanup_(strbuf_done) struct strbuf words = STRBUF_INIT(MESSAGE_BYTES);

	if (row->values.kind != VALUES_WORDS || is_word_of(row->values.words, value))
		return 0;
	strbuf_escaped_add(&shown, value, SHOWN_BYTES);
	option_value_words(row, &words);
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--%s': unknown value '%s'; known are: %s",
		row->name, strbuf_str(&shown), strbuf_str(&words));
}

int options_parse(int command, int argc, char **argv, option_handler set, void *target,
	bool *ret_dashes, struct nvb_error **err)
{
	struct getopt_tables t;

	fill_tables(command, &t);
	if (ret_dashes)
		*ret_dashes = false;
	opterr = 0;
	optind = 0; /* GNU: start anew */
	for (;;) {
		int at = optind ? optind : 1;
		const char *word = at < argc ? argv[at] : NULL;
		const struct option_row *row;
		int code, r;

		if (word && strcmp(word, "--") == 0 && ret_dashes)
			*ret_dashes = true;
		if (word && strncmp(word, "--", 2) == 0 && word[2]) {
			r = check_long_name(command, &t, word, err);
			if (r < 0)
				return r;
		}
		code = getopt_long(argc, argv, t.short_options, t.long_options, NULL);
		if (code == -1)
			return optind;
		if (code == '?' || code == ':')
			return raise_refused(command, &t, code, word, err);
		row = row_of_code(command, &t, code);
		assert(row);
		r = optarg ? check_value(row, optarg, err) : 0;
		if (r >= 0)
			r = set(target, row->id, optarg, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}
