/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/run_options.h"

#include <string.h>

#include "base/log.h"
#include "nvbind/run_words.h"
#include "request/nearest.h"

#define NAME_LIMIT 128
#define HOSTNAME_LIMIT 64 /* the kernel's HOST_NAME_MAX */
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* What the options say while they are read; run_options gets the merged result. */
struct parser {
	struct arena *arena;
	struct run_options *options;
	bool given[OPTION_COUNT];
	const char *isolation_from; /* the option that chose the isolation; NULL: none yet */
	bool isolate;
	bool format_given;
};

/* Two options may choose the isolation: who did is kept, so that a contradiction can be named. */
static int choose_isolation(
	struct parser *p, const char *from, const char *value, struct nvb_error **err)
{
	struct run_options *o = p->options;
	int mode, r;

	r = vocabulary_parse(&vocabulary_isolation, value, &mode, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "option '%s'", from);
	if (p->isolation_from && o->isolation != (enum isolation_mode)mode)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '%s' says '%s', but '%s' says '%s'",
			from, vocabulary_name(&vocabulary_isolation, mode), p->isolation_from,
			vocabulary_name(&vocabulary_isolation, (int)o->isolation));
	p->isolation_from = from;
	o->isolation = (enum isolation_mode)mode;
	o->isolation_source = SOURCE_COMMAND_LINE;
	return 0;
}

static int choose_profile(struct parser *p, const char *value, struct nvb_error **err)
{
	int profile, r;

	r = vocabulary_parse(&vocabulary_profile, value, &profile, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "option '--profile'");
	p->options->profile = (enum workload_profile)profile;
	p->options->profile_source = SOURCE_COMMAND_LINE;
	return 0;
}

static int choose_driver(struct parser *p, const char *value, struct nvb_error **err)
{
	int driver, r;

	r = vocabulary_parse(&vocabulary_driver, value, &driver, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "option '--driver'");
	p->options->driver = (enum driver_choice)driver;
	return 0;
}

static int choose_engine(struct parser *p, const char *value, struct nvb_error **err)
{
	static const char *const engines[] = { "bolt", "docker", "podman", "auto" };

	for (size_t i = 0; i < ELEMENTS(engines); i++) {
		if (strcmp(value, engines[i]) != 0)
			continue;
		p->options->engine = engines[i];
		return 0;
	}
	return NVB_RAISE(err, NVB_ERR_USAGE, 0,
		"option '--runtime': unknown engine '%.64s'; known are 'bolt', 'docker', 'podman', "
		"'auto'",
		value);
}

/* KEY=VALUE of --config; the keys are those of the configuration file. */
static const struct config_key {
	const char *name;
	int (*set)(struct parser *p, const char *from, const char *value, struct nvb_error **err);
} config_keys[] = {
	{ "isolation", choose_isolation },
	{ "isolation_level", choose_isolation },
};

static int raise_config_key(const char *text, size_t length, struct nvb_error **err)
{
	_cleanup_free_ char *name = strndup(text, length < NAME_LIMIT ? length : NAME_LIMIT);
	struct nearest nearest = NEAREST_INIT(name);
	_cleanup_(strbuf_done) struct strbuf known = STRBUF_INIT(1024);
	int r;

	if (!name)
		return NVB_OOM(err);
	for (size_t i = 0; i < ELEMENTS(config_keys); i++) {
		strbuf_printf(&known, "%s'%s'", i ? ", " : "", config_keys[i].name);
		nearest_consider(&nearest, config_keys[i].name);
	}
	r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--config': unknown key '%s'; known are %s",
		name, strbuf_str(&known));
	if (nearest_word(&nearest))
		return NVB_HINT(err, r, "did you mean '%s'?", nearest_word(&nearest));
	return r;
}

static int set_config(struct parser *p, const char *value, struct nvb_error **err)
{
	size_t length = strcspn(value, "=");

	if (!value[length]) {
		int r = NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "option '--config': no '=' in '%.64s'", value);

		return NVB_HINT(err, r, "it is KEY=VALUE, as in isolation=exclusive");
	}
	for (size_t i = 0; i < ELEMENTS(config_keys); i++)
		if (strlen(config_keys[i].name) == length &&
			memcmp(config_keys[i].name, value, length) == 0)
			return config_keys[i].set(p, "--config", value + length + 1, err);
	return raise_config_key(value, length, err);
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
	struct string_list *list =
		value[0] == '/' ? &p->options->devices : &p->options->cdi_names;

	if (value[0] != '/' && !strchr(value, '=')) {
		int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--device': '%.256s'", value);

		return NVB_HINT(err, r,
			"give VENDOR/CLASS=NAME ('nvbind cdi list' shows them), or a path");
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
		o->profile = PROFILE_GAMING;
		o->profile_source = SOURCE_COMMAND_LINE;
		break;
	case OPTION_RUN_ISOLATE:
		p->isolate = true;
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
		return choose_profile(p, value, err);
	case OPTION_RUN_ISOLATION:
		return choose_isolation(p, "--isolation", value, err);
	case OPTION_RUN_DRIVER:
		return choose_driver(p, value, err);
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

/* A variable that stands for an option which is not given. */
static int read_variable(
	const char *name, const struct vocabulary *v, int *ret_value, struct nvb_error **err)
{
	const char *text = secure_getenv(name);
	int r;

	if (!text || !text[0])
		return 0;
	r = vocabulary_parse(v, text, ret_value, err);
	return r < 0 ? NVB_CONTEXT(err, r, "variable '%s'", name) : 1;
}

static int merge_isolation(struct parser *p, struct nvb_error **err)
{
	struct run_options *o = p->options;
	int value = ISOLATION_SHARED, r;

	if (p->isolation_from) {
		if (p->isolate && o->isolation != ISOLATION_EXCLUSIVE)
			log_warning("'--isolate' has no effect: '%s' says '%s'", p->isolation_from,
				vocabulary_name(&vocabulary_isolation, (int)o->isolation));
		return 0;
	}
	if (p->isolate) {
		o->isolation = ISOLATION_EXCLUSIVE;
		o->isolation_source = SOURCE_COMMAND_LINE;
		return 0;
	}
	r = read_variable("BOLT_GPU_ISOLATION", &vocabulary_isolation, &value, err);
	if (r < 0)
		return r;
	o->isolation = (enum isolation_mode)value;
	if (r)
		o->isolation_source = SOURCE_ENVIRONMENT;
	else if (o->profile == PROFILE_SHARED)
		o->isolation_source = SOURCE_PROFILE;
	return 0;
}

static int merge_profile(struct parser *p, struct nvb_error **err)
{
	struct run_options *o = p->options;
	int value = PROFILE_DEFAULT, r;

	if (o->profile_source != SOURCE_COMMAND_LINE) {
		r = read_variable("BOLT_WORKLOAD_TYPE", &vocabulary_profile, &value, err);
		if (r < 0)
			return r;
		o->profile = (enum workload_profile)value;
		o->profile_source = r ? SOURCE_ENVIRONMENT : SOURCE_DEFAULT;
	}
	if (o->capabilities_source != SOURCE_COMMAND_LINE) {
		o->capabilities = profile_capabilities(o->profile);
		o->capabilities_source =
			o->profile_source == SOURCE_DEFAULT ? SOURCE_DEFAULT : SOURCE_PROFILE;
	}
	return 0;
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
			"machine's; for another network use '--runtime docker' or '--runtime podman'");
	return NVB_HINT(err, r, "use %s",
		bolt ? "'--runtime docker' or '--runtime podman'" : "'--runtime bolt'");
}

/* An option that the engine cannot follow is not read over. */
static int check_engine_options(const struct parser *p, struct nvb_error **err)
{
	unsigned excluded = strcmp(p->options->engine, "bolt") == 0 ? OPTION_CLIENTS_ONLY
								    : OPTION_BOLT_ONLY;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (p->given[option_rows[i].id] && (option_rows[i].flags & excluded))
			return raise_not_of_engine(p->options, &option_rows[i], err);
	return 0;
}

/* The words that this engine leaves to us. */
static int read_words(struct parser *p, struct nvb_error **err)
{
	struct run_options *o = p->options;

	if (!o->gpus_given && string_list_add(p->arena, &o->gpus, "all") < 0)
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

int run_options_parse(struct arena *arena, const struct command_context *context, int argc,
	char **argv, struct run_options *ret_options, struct nvb_error **err)
{
	struct run_options options = { .context = *context, .engine = "bolt" };
	struct parser p = { .arena = arena, .options = &options };
	bool dashes;
	int first, r;

	first = command_parse(
		COMMAND_RUN, &options.context, argc, argv, set_option, &p, &dashes, err);
	if (first <= 0)
		return first;
	r = set_operands(&p, first, dashes, argc, argv, err);
	if (r < 0)
		return r;
	find_engine(&options);
	r = check_engine_options(&p, err);
	if (r >= 0)
		r = check_together(&p, err);
	if (r >= 0)
		r = merge_profile(&p, err);
	if (r >= 0)
		r = merge_isolation(&p, err);
	if (r >= 0)
		r = read_words(&p, err);
	if (r < 0)
		return r;
	*ret_options = options;
	return 1;
}
