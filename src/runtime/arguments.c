/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/arguments.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define CONFIG_NAME "config.json"
#define SYSTEMD	    "systemd"

enum place {
	GLOBAL = 1, /* in front of the command */
	LOCAL = 2,  /* behind it */
};

/* Options that have a value; `offset`: where the scan keeps it. */
struct valued_option {
	const char *name;
	unsigned places;
	bool kept;
	size_t offset;
};

#define KEPT(name, places, member)                                                                 \
	{                                                                                          \
		name, places, true, offsetof(struct runtime_arguments, member)                     \
	}
#define PASSED(name, places)                                                                       \
	{                                                                                          \
		name, places, false, 0                                                             \
	}

static const struct valued_option valued_options[] = {
	KEPT("log", GLOBAL | LOCAL, log),
	KEPT("log-format", GLOBAL | LOCAL, log_format),
	KEPT("bundle", LOCAL, bundle),
	KEPT("b", LOCAL, bundle),
	KEPT("config", LOCAL, config),
	KEPT("f", LOCAL, config),
	PASSED("root", GLOBAL | LOCAL),
	PASSED("rootless", GLOBAL | LOCAL),
	PASSED("log-level", GLOBAL | LOCAL),
	KEPT("cgroup-manager", GLOBAL | LOCAL, cgroup_manager),
	PASSED("criu", GLOBAL),
	PASSED("console-socket", LOCAL),
	KEPT("pid-file", LOCAL, pid_file),
	PASSED("preserve-fds", LOCAL),
	PASSED("image-path", LOCAL),
	PASSED("work-path", LOCAL),
	PASSED("parent-path", LOCAL),
	PASSED("manage-cgroups-mode", LOCAL),
	PASSED("empty-ns", LOCAL),
	PASSED("lsm-profile", LOCAL),
	PASSED("lsm-mount-context", LOCAL),
};

static const struct runtime_command {
	const char *name;
	bool makes_container;
} commands[] = {
#define X(name, makes_container) { name, makes_container },
	RUNTIME_COMMANDS(X)
#undef X
};

static const struct runtime_command *find_command(const char *word)
{
	for (size_t i = 0; i < ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
	return NULL;
}

/* One option: where its name ends, and its value if it is in the same word. */
struct word {
	const char *name;
	size_t length;
	const char *value; /* NULL: not in this word */
};

/* One dash or two, as runc reads them. */
static struct word split(const char *text)
{
	struct word w = { .name = text + strspn(text, "-") };
	const char *equals = strchr(w.name, '=');

	w.length = equals ? (size_t)(equals - w.name) : strlen(w.name);
	w.value = equals ? equals + 1 : NULL;
	return w;
}

static bool is_name(const struct word *w, const char *name)
{
	return strlen(name) == w->length && memcmp(w->name, name, w->length) == 0;
}

static const struct valued_option *find_option(const char *text, enum place place, struct word *w)
{
	bool is_short = text[1] != '-';

	for (size_t i = 0; i < ELEMENTS(valued_options); i++)
		if ((valued_options[i].places & place) && is_name(w, valued_options[i].name))
			return &valued_options[i];
	/* "-bDIR", as crun reads it. */
	for (size_t i = 0; is_short && i < ELEMENTS(valued_options); i++) {
		const struct valued_option *option = &valued_options[i];

		if ((option->places & place) && option->name[0] == text[1] && !option->name[1]) {
			w->value = text + 2;
			return option;
		}
	}
	return NULL;
}

static void keep(
	struct runtime_arguments *to, const struct valued_option *option, const char *value)
{
	if (option->kept)
		*(const char **)((char *)to + option->offset) = value;
}

/* "--flag" or "--flag=true", as runc's library of options reads it. */
static bool is_set(const struct word *w)
{
	return !w->value || (w->value[0] && strchr("1tT", w->value[0]));
}

static void scan_flag(struct runtime_arguments *to, const struct word *w)
{
	if (is_name(w, "systemd-cgroup"))
		to->cgroup_manager = is_set(w) ? SYSTEMD : NULL;
	to->version |= is_name(w, "version") || is_name(w, "v");
	to->help |= is_name(w, "help") || is_name(w, "h");
}

/* An option that is not known may have a value: then what follows is no command. */
static bool is_value_of_unknown(bool after_unknown, const char *text)
{
	return after_unknown && !find_command(text);
}

/* Returns the index of the first word that is not read. */
static int scan_option(
	int argc, char **argv, int i, struct runtime_arguments *to, bool *ret_unknown)
{
	enum place place = to->command ? LOCAL : GLOBAL;
	struct word w = split(argv[i]);
	const struct valued_option *option = find_option(argv[i], place, &w);

	*ret_unknown = !option && !w.value;
	if (!option) {
		if (!to->command)
			scan_flag(to, &w);
		return i + 1;
	}
	if (w.value) {
		keep(to, option, w.value);
		return i + 1;
	}
	if (i + 1 < argc)
		keep(to, option, argv[i + 1]);
	return i + 2;
}

void runtime_arguments_scan(int argc, char **argv, struct runtime_arguments *ret)
{
	bool after_unknown = false;
	int i = 1;

	*ret = (struct runtime_arguments){ .config = CONFIG_NAME };
	while (i < argc) {
		const char *text = argv[i];

		if (strcmp(text, "--") == 0) {
			if (ret->command)
				return;
			i++;
		} else if (text[0] == '-' && text[1]) {
			i = scan_option(argc, argv, i, ret, &after_unknown);
		} else {
			if (ret->command && !ret->id && !after_unknown)
				ret->id = text;
			if (!ret->command && !is_value_of_unknown(after_unknown, text))
				ret->command = text;
			after_unknown = false;
			i++;
		}
	}
}

bool runtime_arguments_make_container(const struct runtime_arguments *arguments)
{
	const struct runtime_command *command =
		arguments->command ? find_command(arguments->command) : NULL;

	return command && command->makes_container;
}

bool runtime_arguments_use_systemd(const struct runtime_arguments *arguments)
{
	return arguments->cgroup_manager && strcmp(arguments->cgroup_manager, SYSTEMD) == 0;
}
