/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"

#define LINE_BYTES ((size_t)64 << 10)

static bool show_notices, hide_warnings, colours;

/* Error texts quote files and arguments of others: no control byte reaches the terminal. */
static void print_line(const char *colour, const char *label, const char *text)
{
	_cleanup_(strbuf_done) struct strbuf line = STRBUF_INIT(4 * LINE_BYTES);

	strbuf_escaped_add(&line, text, LINE_BYTES);
	fprintf(stderr, "%s%s%s%s\n", colours ? colour : "", label, colours ? "\033[0m" : "",
		strbuf_str(&line));
}

/* The first line of a text, which then begins behind it. NULL: out of memory. */
static char *take_line(const char **text)
{
	size_t length = strcspn(*text, "\n");
	char *line = strndup(*text, length);

	*text += length + ((*text)[length] == '\n');
	return line;
}

static void print_log(enum log_level level, const char *component, const char *text)
{
	char label[64];

	switch (level) {
	case LOG_LEVEL_ERROR:
		print_line("\033[1;31m", "nvbind: ", text);
		break;
	case LOG_LEVEL_WARNING:
		if (!hide_warnings)
			print_line("\033[1;33m", "nvbind: warning: ", text);
		break;
	case LOG_LEVEL_NOTICE:
		if (show_notices)
			print_line("", "nvbind: ", text);
		break;
	case LOG_LEVEL_DEBUG:
		(void)snprintf(label, sizeof(label), "nvbind: debug: %s: ", component);
		print_line("\033[2m", label, text);
		break;
	}
}

void output_init(void)
{
	const char *no_color = secure_getenv("NO_COLOR");

	/* Source: no-color.org: "when present and not an empty string". */
	colours = isatty(STDERR_FILENO) == 1 && !(no_color && no_color[0]);
	log_set_debug(secure_getenv("NVBIND_DEBUG"));
	log_set_sink(print_log);
}

void output_set_level(bool verbose, bool quiet)
{
	show_notices = verbose;
	hide_warnings = quiet;
}

/* What to write somewhere has lines; indented, none of them looks like one of ours. */
static void print_hint(const char *hint)
{
	for (const char *label = "  hint: "; hint && *hint; label = "        ") {
		_cleanup_free_ char *line = take_line(&hint);

		print_line("\033[36m", label, line ? line : "");
	}
}

void output_error(const struct nvb_error *e)
{
	print_line("\033[1;31m", "nvbind: ", nvb_error_message(e));
	print_hint(nvb_error_get_hint(e));
}

void output_problem(const struct nvb_error *e)
{
	log_warning("%s", nvb_error_message(e));
	for (const char *hint = nvb_error_get_hint(e), *label = "  hint: "; hint && *hint;
		label = "        ") {
		_cleanup_free_ char *line = take_line(&hint);

		log_warning("%s%s", label, line ? line : "");
	}
}
