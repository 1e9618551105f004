/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind config: the group, and what only reads. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config_output.h"
#include "nvbind/config_command.h"

#define OUTPUT_LIMIT_BYTES ((size_t)1 << 20)

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct config_command *c = target;

	switch (id) {
	case OPTION_CONFIG_SHOW_JSON:
		c->json = true;
		return 0;
	case OPTION_CONFIG_SHOW_ORIGIN:
		c->origin = true;
		return 0;
	case OPTION_CONFIG_INIT_FORCE:
		c->force = true;
		return 0;
	case OPTION_CONFIG_SHOW_CONFIG:
	case OPTION_CONFIG_GET_CONFIG:
		return string_list_add(c->arena, &c->files, value) < 0 ? NVB_OOM(err) : 0;
	case OPTION_CONFIG_SET_FILE:
	case OPTION_CONFIG_UNSET_FILE:
	case OPTION_CONFIG_INIT_OUTPUT:
		if (!*value)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "the file's name is empty");
		c->path = value;
		return 0;
	default:
		return 0;
	}
}

int config_command_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct config_command *c, struct nvb_error **err)
{
	c->context = *context;
	return command_parse(id, &c->context, argc, argv, set_option, c, NULL, err);
}

int config_command_load(const struct config_command *c, struct config *ret_config,
	struct settings *ret_settings, struct nvb_error **err)
{
	int r;

	*ret_settings = (struct settings){ .arena = c->arena };
	r = config_read_environment(ret_settings, err);
	if (r >= 0)
		r = config_load(c->arena, c->context.host_root, &c->files, ret_config, err);
	if (r >= 0)
		r = config_merge(ret_config, ret_settings, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &ret_config->warnings)
		log_warning("%s", *warning);
	return 0;
}

static void show_text(const struct config_command *c, const struct config *config,
	const struct settings *settings, struct strbuf *out)
{
	config_output_toml(settings, c->origin, out);
	config_output_parts(config, c->origin, out);
}

static int show(const struct config_command *c, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(OUTPUT_LIMIT_BYTES);
	_cleanup_free_ char *json = NULL;
	struct config config;
	struct settings settings;
	int r = config_command_load(c, &config, &settings, err);

	if (r >= 0 && c->json)
		r = config_output_json(&config, &settings, c->origin, &json, err);
	else if (r >= 0)
		show_text(c, &config, &settings, &text);
	if (r < 0)
		return r;
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	if (!json && !text.length)
		log_notice("nothing is set; 'nvbind config init' writes a file with every key");
	(void)fputs(json ? json : strbuf_str(&text), stdout);
	return 0;
}

int cmd_config_show(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	int r = a ? config_command_parse(COMMAND_CONFIG_SHOW, context, argc, argv, &c, err)
		  : NVB_OOM(err);

	if (r > 0)
		r = command_no_operands(COMMAND_CONFIG_SHOW, r, argc, argv, err);
	else
		return r;
	return r < 0 ? r : show(&c, err);
}

/* The same word that --config KEY=VALUE takes. */
static int get(const struct config_command *c, const char *key, struct nvb_error **err)
{
	const char *nearest;
	const struct knob *knob = knob_find(key, &nearest);
	const struct setting *value;
	struct config config;
	struct settings settings;
	int r;

	if (!knob) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown key '%.64s'", key);
		return nearest ? NVB_HINT(err, r, "did you mean '%s'?", nearest) : r;
	}
	r = config_command_load(c, &config, &settings, err);
	if (r < 0)
		return r;
	value = settings_get(&settings, knob->id);
	if (!value)
		return NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "'%s' is not set", knob->name);
	(void)puts(value->text);
	return 0;
}

int cmd_config_get(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	int first = a ? config_command_parse(COMMAND_CONFIG_GET, context, argc, argv, &c, err)
		      : NVB_OOM(err);
	int r;

	if (first <= 0)
		return first;
	if (first >= argc)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind config get' needs a KEY");
	r = command_no_operands(COMMAND_CONFIG_GET, first + 1, argc, argv, err);
	return r < 0 ? r : get(&c, argv[first], err);
}

static int print_paths(const struct config_command *c, struct nvb_error **err)
{
	struct config_candidate_list list;
	int r = config_search(c->arena, c->context.host_root, &c->files, &list, err);

	if (r < 0)
		return r;
	vec_foreach (struct config_candidate, candidate, &list)
		printf("%-8s  %s (%s)%s%s\n", config_state_name(candidate->state), candidate->path,
			config_place_name(candidate->place), candidate->why ? ": " : "",
			candidate->why ? candidate->why : "");
	return 0;
}

int cmd_config_path(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	int r = a ? config_command_parse(COMMAND_CONFIG_PATH, context, argc, argv, &c, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_CONFIG_PATH, r, argc, argv, err);
	return r < 0 ? r : print_paths(&c, err);
}

/* The words of an earlier program for two of the commands. */
struct former {
	bool show;
	const char *output;
};

static int set_former(void *target, int id, const char *value, struct nvb_error **err)
{
	struct former *f = target;

	(void)err;
	if (id == OPTION_CONFIG_SHOW)
		f->show = true;
	else if (id == OPTION_CONFIG_OUTPUT)
		f->output = value;
	return 0;
}

int cmd_config(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	struct command_context local = *context;
	struct former former = { 0 };
	char show_word[] = "show", init_word[] = "init", output_word[] = "--output";
	char *show_words[] = { show_word, NULL };
	int first =
		command_parse(COMMAND_CONFIG, &local, argc, argv, set_former, &former, NULL, err);

	if (first <= 0)
		return first;
	if (!former.show && !former.output)
		return cmd_group(context, argc, argv, err);
	if (first < argc)
		return command_no_operands(COMMAND_CONFIG, first, argc, argv, err);
	if (former.output) {
		char *init_words[] = { init_word, output_word, (char *)former.output, NULL };

		return cmd_config_init(&local, 3, init_words, err);
	}
	return cmd_config_show(&local, 1, show_words, err);
}
