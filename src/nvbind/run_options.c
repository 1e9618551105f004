/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_options.h"

#include <string.h>

#include "nvbind/run_settings.h"
#include "nvbind/run_words.h"

#define NAME_LIMIT     128
#define HOSTNAME_LIMIT 64 /* the kernel's HOST_NAME_MAX */
#define LETTERS	       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	       "0123456789"

/* What the options say while they are read; run_options gets the merged result. */
struct parser {
	struct arena *arena;
	struct run_options *options;
	bool given[OPTION_COUNT];
	struct string_list files; /* of --config */
	const char *profile;	  /* NULL: not given */
	bool isolate;
	bool strict;
	bool format_given;
};

/* Two options may choose the isolation: a contradiction is an error, whichever comes last. */
static int choose_isolation(
	struct parser *p, const char *from, const char *value, struct nvb_error **err)
{
	struct settings *settings = &p->options->settings;
	struct setting before = settings->of[KNOB_ISOLATION];
	const struct setting *now;
	int r = settings_set(
		settings, &knob_table[KNOB_ISOLATION], value, SOURCE_COMMAND_LINE, from, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "option '%s'", from);
	now = &settings->of[KNOB_ISOLATION];
	if (before.given && before.number != now->number)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s' says '%s', but '%s' says '%s'",
			from, now->text, before.origin, before.text);
	return 0;
}

static int choose_driver(struct parser *p, const char *value, struct nvb_error **err)
{
	int r = settings_set(&p->options->settings, &knob_table[KNOB_DRIVER], value,
		SOURCE_COMMAND_LINE, "--driver", err);

	return r < 0 ? NVB_CONTEXT(err, r, "option '--driver'") : 0;
}

int run_options_find_engine(const char *word, const char **ret_engine, struct nvb_error **err)
{
	static const char *const engines[] = { "bolt", "docker", "podman", "auto" };

	for (size_t i = 0; i < ELEMENTS(engines); i++) {
		if (strcmp(word, engines[i]) != 0)
			continue;
		*ret_engine = engines[i];
		return 0;
	}
	return NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"unknown engine '%.64s'; known are 'bolt', 'docker', 'podman', 'auto'", word);
}

static int choose_engine(struct parser *p, const char *value, struct nvb_error **err)
{
	int r = run_options_find_engine(value, &p->options->engine, err);

	return r < 0 ? NVB_CONTEXT(err, r, "option '--runtime'") : 0;
}

/* A word with '=' sets a knob; any other is a file. */
static int set_config(struct parser *p, const char *value, struct nvb_error **err)
{
	size_t length = strcspn(value, "=");
	const char *nearest;
	const struct knob *knob;
	char *name;
	int r;

	if (memchr(value, '/', length) || !value[length]) {
		if (!knob_find(value, &nearest))
			return string_list_add(p->arena, &p->files, value) < 0 ? NVB_OOM(err) : 0;
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--config': no '=' in '%.64s'", value);
		return NVB_HINT(err, r,
			"it is KEY=VALUE, as in isolation_level=exclusive, or a file: ./%s", value);
	}
	name = arena_strndup(p->arena, value, length);
	if (!name)
		return NVB_OOM(err);
	knob = knob_find(name, &nearest);
	if (knob && knob->id == KNOB_ISOLATION)
		return choose_isolation(p, "--config", value + length + 1, err);
	r = settings_set_assignment(
		&p->options->settings, value, SOURCE_COMMAND_LINE, "--config", err);
	return r < 0 ? NVB_CONTEXT(err, r, "option '--config'") : 0;
}

static int add_gpu(struct parser *p, const char *value, struct nvb_error **err)
{
	int r = selector_check(value, err);

	if (r < 0)
		return r;
	p->options->gpus_given = true;
	return string_list_add(p->arena, &p->options->gpus, value) < 0 ? NVB_OOM(err) : 0;
}

/* A path begins with a slash; a CDI name never does. */
static int add_device(struct parser *p, const char *value, struct nvb_error **err)
{
	struct string_list *list = value[0] == '/' ? &p->options->devices : &p->options->cdi_names;

	if (value[0] != '/' && !strchr(value, '=')) {
		int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--device': '%.256s'", value);

		return NVB_HINT(
			err, r, "give VENDOR/CLASS=NAME ('nvbind cdi list' shows them), or a path");
	}
	return string_list_add(p->arena, list, value) < 0 ? NVB_OOM(err) : 0;
}

static int set_capabilities(struct parser *p, const char *value, struct nvb_error **err)
{
	int r = capability_parse(value, &p->options->capabilities, err);

	if (r < 0)
		return NVB_CONTEXT(err, r, "option '--capabilities'");
	p->options->capabilities_source = SOURCE_COMMAND_LINE;
	return 0;
}

/* A name becomes part of paths: it holds only `allowed` and begins with a letter or a digit. */
static int set_name(const char *option, const char *allowed, size_t limit, const char *value,
	const char **ret, struct nvb_error **err)
{
	size_t length = strspn(value, allowed);

	if (!length || value[length] || length > limit || !strspn(value, LETTERS DIGITS))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '%s': '%.64s' is not a name: letters, digits and '%s', at most %zu",
			option, value, allowed + strlen(LETTERS DIGITS), limit);
	*ret = value;
	return 0;
}

static int set_workdir(struct parser *p, const char *value, struct nvb_error **err)
{
	if (value[0] != '/')
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--workdir': '%.128s' is not absolute", value);
	p->options->workdir = value;
	return 0;
}

static int set_not_empty(
	const char *option, const char *value, const char **ret, struct nvb_error **err)
{
	if (!value[0])
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s': it is empty", option);
	*ret = value;
	return 0;
}

/* The options without an argument. */
static void set_flag(struct parser *p, int id)
{
	struct run_options *o = p->options;

	switch (id) {
	case OPTION_RUN_GAMING:
		p->profile = "gaming";
		break;
	case OPTION_RUN_ISOLATE:
		p->isolate = true;
		break;
	case OPTION_RUN_STRICT:
		p->strict = true;
		break;
	case OPTION_RUN_INTERACTIVE:
		o->interactive = true;
		break;
	case OPTION_RUN_TTY:
		o->tty = true;
		break;
	case OPTION_RUN_CDI:
		o->cdi = true;
		break;
	case OPTION_RUN_READ_ONLY:
		o->read_only = true;
		break;
	case OPTION_RUN_DETACH:
		o->detach = true;
		break;
	case OPTION_RUN_RM:
		o->remove = true;
		break;
	case OPTION_RUN_ROOTLESS:
		o->rootless = true;
		break;
	case OPTION_RUN_DRY_RUN:
		o->dry_run = true;
		break;
	default:
		break;
	}
}

/* The options whose words an engine reads. Returns 1 if it was none of them. */
static int set_word(struct parser *p, int id, const char *value, struct nvb_error **err)
{
	struct run_words *w = &p->options->words;
	struct string_list *list = NULL;

	switch (id) {
	case OPTION_RUN_ENV:
		list = &w->env;
		break;
	case OPTION_RUN_ENV_FILE:
		list = &w->env_files;
		break;
	case OPTION_RUN_VOLUME:
		list = &w->volumes;
		break;
	case OPTION_RUN_PUBLISH:
	case OPTION_RUN_PORT:
		list = &w->ports;
		break;
	case OPTION_RUN_ENGINE_OPT:
		list = &w->engine;
		break;
	case OPTION_RUN_NETWORK:
		w->network = value;
		return 0;
	case OPTION_RUN_RESTART:
		w->restart = value;
		return 0;
	case OPTION_RUN_SHM_SIZE:
		w->shm_size = value;
		return 0;
	case OPTION_RUN_ENTRYPOINT:
		w->entrypoint = value;
		return 0;
	default:
		return 1;
	}
	return string_list_add(p->arena, list, value) < 0 ? NVB_OOM(err) : 0;
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct parser *p = target;
	struct run_options *o = p->options;
	int r;

	p->given[id] = true;
	r = set_word(p, id, value, err);
	if (r <= 0)
		return r;
	switch (id) {
	case OPTION_RUN_GPU:
		return add_gpu(p, value, err);
	case OPTION_RUN_CAPABILITIES:
		return set_capabilities(p, value, err);
	case OPTION_RUN_PROFILE:
		p->profile = value;
		return 0;
	case OPTION_RUN_ISOLATION:
		return choose_isolation(p, "--isolation", value, err);
	case OPTION_RUN_DRIVER:
		return choose_driver(p, value, err);
	case OPTION_RUN_WSL2:
		return settings_set(&o->settings, &knob_table[KNOB_WSL2_ENABLED], "true",
			SOURCE_COMMAND_LINE, "--wsl2", err);
	case OPTION_RUN_CONFIG:
		return set_config(p, value, err);
	case OPTION_RUN_RUNTIME:
		return choose_engine(p, value, err);
	case OPTION_RUN_ROOTFS:
		return set_not_empty("--rootfs", value, &o->rootfs, err);
	case OPTION_RUN_NAME:
		return set_name("--name", LETTERS DIGITS "_.-", NAME_LIMIT, value, &o->name, err);
	case OPTION_RUN_HOSTNAME:
		return set_name("--hostname", LETTERS DIGITS ".-", HOSTNAME_LIMIT, value,
			&o->hostname, err);
	case OPTION_RUN_DEVICE:
		return add_device(p, value, err);
	case OPTION_RUN_WORKDIR:
		return set_workdir(p, value, err);
	case OPTION_RUN_USER:
		return set_not_empty("--user", value, &o->user, err);
	case OPTION_RUN_FORMAT:
		o->json = strcmp(value, "json") == 0;
		p->format_given = true;
		return 0;
	default:
		set_flag(p, id);
		return 0;
	}
}

/* What Docker and Podman have no word for, the built-in engine serves itself. */
static bool is_for_bolt(const struct run_options *o)
{
	return o->rootfs || strcmp(o->image, "host") == 0 || strncmp(o->image, "oci:", 4) == 0;
}

static void find_engine(struct run_options *o)
{
	o->engine_is_auto = strcmp(o->engine, "auto") == 0;
	if (o->engine_is_auto && is_for_bolt(o))
		o->engine = "bolt";
}

static int raise_not_of_engine(
	const struct run_options *o, const struct option_row *row, struct nvb_error **err)
{
	bool bolt = strcmp(o->engine, "bolt") == 0;
	int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--%s': %s does not have it", row->name,
		bolt ? "the built-in engine 'bolt'" : "an engine other than 'bolt'");

	if (bolt && (row->id == OPTION_RUN_PUBLISH || row->id == OPTION_RUN_PORT))
		return NVB_HINT(err, r,
			"a container of 'bolt' has the machine's network, and its ports are the "
			"machine's; for another network use '--runtime docker' or '--runtime "
			"podman'");
	return NVB_HINT(err, r, "use %s",
		bolt ? "'--runtime docker' or '--runtime podman'" : "'--runtime bolt'");
}

/* An option that the engine cannot follow is not read over. */
static int check_engine_options(const struct parser *p, struct nvb_error **err)
{
	unsigned excluded =
		strcmp(p->options->engine, "bolt") == 0 ? OPTION_CLIENTS_ONLY : OPTION_BOLT_ONLY;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (p->given[option_rows[i].id] && (option_rows[i].flags & excluded))
			return raise_not_of_engine(p->options, &option_rows[i], err);
	return 0;
}

/* The words that this engine leaves to us. */
static int read_words(struct parser *p, struct nvb_error **err)
{
	struct run_options *o = p->options;

	if (!o->gpus.n && string_list_add(p->arena, &o->gpus, "all") < 0)
		return NVB_OOM(err);
	return strcmp(o->engine, "bolt") == 0 ? run_words_read(p->arena, o, err)
					      : run_words_check(&o->words, err);
}

static int check_together(const struct parser *p, struct nvb_error **err)
{
	int r;

	if (p->format_given && !p->options->dry_run)
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "option '--format': it is for '--dry-run' only");
	if (!p->options->rootless || geteuid() != 0)
		return 0;
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--rootless': this is root");
	return NVB_HINT(err, r, "run nvbind as an ordinary user");
}

/*
 * IMAGE [--] [COMMAND...]. With --rootfs the words are the command, as in Podman; only a word with
 * "--" behind it is an IMAGE, which is then a label (Bolt calls us so).
 */
static int set_operands(
	struct parser *p, int first, bool dashes, int argc, char **argv, struct nvb_error **err)
{
	struct run_options *o = p->options;
	bool labelled = first + 1 < argc && strcmp(argv[first + 1], "--") == 0;
	int r;

	if (!o->rootfs || (labelled && !dashes)) {
		if (first >= argc || !argv[first][0]) {
			r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind run' needs an IMAGE");
			return NVB_HINT(err, r, "try 'host', this machine's own system");
		}
		o->image = argv[first++];
		if (first < argc && strcmp(argv[first], "--") == 0)
			first++;
	}
	for (int i = first; i < argc; i++)
		if (string_list_add(p->arena, &o->command, argv[i]) < 0)
			return NVB_OOM(err);
	return 0;
}

static int load_settings(const struct parser *p, struct nvb_error **err)
{
	const struct run_settings settings = {
		.arena = p->arena,
		.options = p->options,
		.files = p->files,
		.profile = p->profile,
		.isolate = p->isolate,
		.strict = p->strict,
	};

	return run_settings_load(&settings, err);
}

int run_options_parse(struct arena *arena, const struct command_context *context, int argc,
	char **argv, struct run_options *ret_options, struct nvb_error **err)
{
	struct run_options options = { .context = *context, .settings = { .arena = arena } };
	struct parser p = { .arena = arena, .options = &options };
	bool dashes;
	int first, r;

	first = command_parse(
		COMMAND_RUN, &options.context, argc, argv, set_option, &p, &dashes, err);
	if (first <= 0)
		return first;
	r = set_operands(&p, first, dashes, argc, argv, err);
	if (r >= 0)
		r = load_settings(&p, err);
	if (r < 0)
		return r;
	find_engine(&options);
	r = check_engine_options(&p, err);
	if (r >= 0)
		r = check_together(&p, err);
	if (r >= 0)
		r = read_words(&p, err);
	if (r < 0)
		return r;
	*ret_options = options;
	return 1;
}
