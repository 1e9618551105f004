/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind profile list, show and validate: what only reads. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config_output.h"
#include "format/json.h"
#include "format/toml_write.h"
#include "nvbind/profile_command.h"

#define OUTPUT_LIMIT_BYTES ((size_t)1 << 20)
#define SHOWN_BYTES	   1024
#define COLUMN_LIMIT	   40

static int keep_word(
	struct profile_command *c, const char *option, const char *value, struct nvb_error **err)
{
	if (string_list_add(c->arena, &c->run_words, option) < 0 ||
		string_list_add(c->arena, &c->run_words, value) < 0)
		return NVB_OOM(err);
	return 0;
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct profile_command *c = target;

	switch (id) {
	case OPTION_PROFILE_LIST_JSON:
	case OPTION_PROFILE_SHOW_JSON:
	case OPTION_PROFILE_EXPLAIN_JSON:
		c->json = true;
		return 0;
	case OPTION_PROFILE_SHOW_ORIGIN:
		c->origin = true;
		return 0;
	case OPTION_PROFILE_LIST_CONFIG:
	case OPTION_PROFILE_SHOW_CONFIG:
	case OPTION_PROFILE_VALIDATE_CONFIG:
		return string_list_add(c->arena, &c->files, value) < 0 ? NVB_OOM(err) : 0;
	case OPTION_PROFILE_EXPLAIN_CONFIG:
		if (!strchr(value, '=') && string_list_add(c->arena, &c->files, value) < 0)
			return NVB_OOM(err);
		return keep_word(c, "--config", value, err);
	case OPTION_PROFILE_EXPLAIN_GPU:
		return keep_word(c, "--gpu", value, err);
	case OPTION_PROFILE_CREATE_INHERITS:
		c->inherits = value;
		return 0;
	case OPTION_PROFILE_CREATE_FILE:
	case OPTION_PROFILE_EDIT_FILE:
		if (!*value)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0, "the file's name is empty");
		c->path = value;
		return 0;
	default:
		return 0;
	}
}

int profile_command_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct profile_command *c, struct nvb_error **err)
{
	c->context = *context;
	return command_parse(id, &c->context, argc, argv, set_option, c, NULL, err);
}

int profile_command_parse_name(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct profile_command *c, const char **ret_name, struct nvb_error **err)
{
	int r, first = profile_command_parse(id, context, argc, argv, c, err);

	if (first <= 0)
		return first;
	if (first == argc)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind %s' needs a NAME",
				command_get(id)->name),
			"'nvbind profile list' shows all");
	*ret_name = argv[first];
	argc -= first;
	argv += first;
	first = profile_command_parse(id, &c->context, argc, argv, c, err);
	if (first <= 0)
		return first;
	r = command_no_operands(id, first, argc, argv, err);
	return r < 0 ? r : 1;
}

int profile_command_load(
	const struct profile_command *c, struct config *ret, struct nvb_error **err)
{
	int r = config_load(c->arena, c->context.host_root, &c->files, ret, err);

	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &ret->warnings)
		log_warning("%s", *warning);
	return 0;
}

int profile_command_view(const struct profile_command *c, const struct config *config,
	const char *name, struct profile_view *ret, struct nvb_error **err)
{
	struct profile_view view = {
		.name = name,
		.part = config_find_profile(config, name),
		.origin = "built in",
		.settings = { .arena = c->arena },
	};
	const struct setting *title;
	int r = config_merge_profile(config, name, &view.settings, &view.base, err);

	if (r < 0)
		return r;
	if (view.part) {
		title = settings_get(&view.part->settings, KNOB_TITLE);
		view.inherits = view.part->inherits ? view.part->inherits : view.base->name;
		view.summary = title ? title->text : "";
		view.origin = view.part->origin;
	} else {
		view.name = view.base->name;
		view.inherits = view.base->parent ? view.base->parent->name : NULL;
		view.summary = view.base->summary;
	}
	*ret = view;
	return 0;
}

struct view_list VEC(struct profile_view);

/* One that cannot be used is told, and the others are listed. */
static int add_view(const struct profile_command *c, const struct config *config, const char *name,
	struct view_list *list, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct profile_view *slot, view;
	int r = profile_command_view(c, config, name, &view, &problem);

	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (r < 0) {
		log_warning("%s", nvb_error_message(problem));
		return 0;
	}
	slot = vec_push(c->arena, list);
	if (!slot)
		return NVB_OOM(err);
	*slot = view;
	return 0;
}

/* The built-in ones that no file redefines, then those of the files. */
static int collect(const struct profile_command *c, const struct config *config,
	struct view_list *list, struct nvb_error **err)
{
	int r = 0;

	for (int id = PROFILE_ID_NONE + 1; id < PROFILE_ID_COUNT && r >= 0; id++) {
		const char *name = profile_get((enum profile_id)id)->name;

		if (!config_find_profile(config, name))
			r = add_view(c, config, name, list, err);
	}
	vec_foreach (struct config_file *, file, &config->files)
		vec_foreach (struct config_part *, part, &(*file)->parts)
			if (r >= 0 && (*part)->name &&
				config_find_profile(config, (*part)->name) == *part)
				r = add_view(c, config, (*part)->name, list, err);
	return r;
}

/* Names of a file may be of any length; those that are longer push the rest aside. */
static void widen(size_t *width, const char *text)
{
	size_t length = strnlen(text, COLUMN_LIMIT);

	*width = length > *width ? length : *width;
}

static void add_column(struct strbuf *out, const char *text, size_t width)
{
	size_t start = out->length;

	strbuf_escaped_add(out, text, SHOWN_BYTES);
	while (out->length < start + width && !out->failed)
		strbuf_char_add(out, ' ');
	strbuf_str_add(out, "  ");
}

static void list_text(const struct view_list *list, struct strbuf *out)
{
	size_t name = 0, inherits = 0;

	widen(&name, "NAME");
	widen(&inherits, "INHERITS");
	vec_foreach (struct profile_view, view, list) {
		widen(&name, view->name);
		widen(&inherits, view->inherits ? view->inherits : "-");
	}
	add_column(out, "NAME", name);
	add_column(out, "INHERITS", inherits);
	strbuf_str_add(out, "MEANING\n");
	vec_foreach (struct profile_view, view, list) {
		add_column(out, view->name, name);
		add_column(out, view->inherits ? view->inherits : "-", inherits);
		strbuf_escaped_add(out, view->summary, SHOWN_BYTES);
		if (view->part) {
			strbuf_str_add(out, *view->summary ? " (" : "(");
			strbuf_escaped_add(out, view->origin, SHOWN_BYTES);
			strbuf_char_add(out, ')');
		}
		strbuf_char_add(out, '\n');
	}
}

/* Of "bolt.gaming.dlss_enabled" the flat name, which a profile has. */
static void settings_json(
	struct json_builder *b, struct json_object *array, const struct settings *s)
{
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *value = settings_get(s, (enum knob_id)i);
		struct json_object *o, *v;

		if (!value)
			continue;
		v = config_value(&knob_table[i], value);
		b->out_of_memory |= !v;
		o = json_append_object(b, array);
		json_add_string(b, o, "name", knob_table[i].name);
		json_add(b, o, "value", v);
		json_add_string(b, o, "origin", value->origin);
	}
}

static void view_json(
	struct json_builder *b, struct json_object *o, const struct profile_view *view)
{
	json_add_string(b, o, "name", view->name);
	json_add_string(b, o, "inherits", view->inherits);
	json_add_string(
		b, o, "workload", vocabulary_name(&vocabulary_profile, (int)view->base->workload));
	json_add_string(b, o, "summary", view->summary);
	json_add_string(b, o, "origin", view->origin);
	settings_json(b, json_add_array(b, o, "settings"), &view->settings);
}

static int print_json(struct json_builder *b, struct json_object *root, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r = json_builder_check(b, err);

	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		(void)fputs(text, stdout);
	return r < 0 ? r : 0;
}

static int print_list(
	const struct profile_command *c, const struct view_list *list, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(OUTPUT_LIMIT_BYTES);
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *array;

	if (!c->json) {
		list_text(list, &text);
		if (strbuf_failed(&text))
			return NVB_OOM(err);
		(void)fputs(strbuf_str(&text), stdout);
		return 0;
	}
	root = json_new_object(&b);
	array = json_add_array(&b, root, "profiles");
	vec_foreach (struct profile_view, view, list)
		view_json(&b, json_append_object(&b, array), view);
	return print_json(&b, root, err);
}

int cmd_profile_list(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct profile_command c = { .arena = a };
	struct view_list list = { 0 };
	struct config config;
	int r = a ? profile_command_parse(COMMAND_PROFILE_LIST, context, argc, argv, &c, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_PROFILE_LIST, r, argc, argv, err);
	if (r >= 0)
		r = profile_command_load(&c, &config, err);
	if (r >= 0)
		r = collect(&c, &config, &list, err);
	return r < 0 ? r : print_list(&c, &list, err);
}

/* As it would stand in a file, with all that it inherits. */
static void show_text(const struct profile_view *view, bool origins, struct strbuf *out)
{
	strbuf_str_add(out, "# ");
	if (*view->summary) {
		strbuf_escaped_add(out, view->summary, SHOWN_BYTES);
		strbuf_str_add(out, "; ");
	}
	strbuf_escaped_add(out, view->origin, SHOWN_BYTES);
	strbuf_str_add(out, "\n[profiles.");
	toml_write_key(view->name, out);
	strbuf_printf(
		out, "]\ninherits = \"%s\"\n", profile_of_workload(view->base->workload)->name);
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *value = settings_get(&view->settings, (enum knob_id)i);
		_cleanup_(json_putp) struct json_object *o =
			value ? config_value(&knob_table[i], value) : NULL;

		if (!value)
			continue;
		out->failed |= !o;
		strbuf_printf(out, "%s = ", knob_table[i].name);
		if (o)
			toml_write_value(o, out);
		if (origins) {
			strbuf_str_add(out, "  # ");
			strbuf_escaped_add(out, value->origin, SHOWN_BYTES);
		}
		strbuf_char_add(out, '\n');
	}
}

static int show(const struct profile_command *c, const char *name, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(OUTPUT_LIMIT_BYTES);
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct config config;
	struct profile_view view;
	int r = profile_command_load(c, &config, err);

	if (r >= 0)
		r = profile_command_view(c, &config, name, &view, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &view.settings.warnings)
		log_warning("%s", *warning);
	if (c->json) {
		root = json_new_object(&b);
		view_json(&b, root, &view);
		return print_json(&b, root, err);
	}
	show_text(&view, c->origin, &text);
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	(void)fputs(strbuf_str(&text), stdout);
	return 0;
}

int cmd_profile_show(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct profile_command c = { .arena = a };
	const char *name;
	int r = a ? profile_command_parse_name(
			    COMMAND_PROFILE_SHOW, context, argc, argv, &c, &name, err)
		  : NVB_OOM(err);

	return r <= 0 ? r : show(&c, name, err);
}

/* Returns 1 if something is wrong with it. */
static int validate(const struct profile_command *c, const struct config *config, const char *name,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	_cleanup_(strbuf_done) struct strbuf shown = STRBUF_INIT(4 * SHOWN_BYTES + 8);
	struct profile_view view;
	int r = profile_command_view(c, config, name, &view, &problem);

	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	strbuf_escaped_add(&shown, name, SHOWN_BYTES);
	if (r < 0) {
		const char *hint = nvb_error_get_hint(problem);

		printf("%s: %s%s%s\n", strbuf_str(&shown), nvb_error_message(problem),
			hint ? "; " : "", hint ? hint : "");
		return 1;
	}
	vec_foreach (const char *, warning, &view.settings.warnings)
		printf("%s: %s\n", strbuf_str(&shown), *warning);
	if (view.settings.warnings.n)
		return 1;
	printf("%s: valid\n", strbuf_str(&shown));
	return 0;
}

static int validate_all(
	const struct profile_command *c, const struct config *config, struct nvb_error **err)
{
	int wrong = 0, found = 0;

	vec_foreach (struct config_file *, file, &config->files) {
		vec_foreach (struct config_part *, part, &(*file)->parts) {
			int r;

			if (!(*part)->name || config_find_profile(config, (*part)->name) != *part)
				continue;
			r = validate(c, config, (*part)->name, err);
			if (r < 0)
				return r;
			wrong |= r;
			found = 1;
		}
	}
	if (!found)
		log_notice("the configuration defines no profile; 'nvbind config path' shows "
			   "where it is looked for");
	return wrong;
}

int cmd_profile_validate(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct profile_command c = { .arena = a };
	struct config config;
	int first =
		a ? profile_command_parse(COMMAND_PROFILE_VALIDATE, context, argc, argv, &c, err)
		  : NVB_OOM(err);
	int r, wrong = 0;

	if (first <= 0)
		return first;
	r = profile_command_load(&c, &config, err);
	if (r >= 0 && first == argc)
		return validate_all(&c, &config, err);
	for (int i = first; i < argc && r >= 0; i++) {
		r = validate(&c, &config, argv[i], err);
		wrong |= r;
	}
	return r < 0 ? r : wrong;
}
