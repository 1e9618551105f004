/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_output.h"

#include <inttypes.h>
#include <string.h>

#include "format/json.h"
#include "format/toml_write.h"

const char *config_source_name(enum request_source source)
{
	switch (source) {
	case SOURCE_DEFAULT:
		return "default";
	case SOURCE_PROFILE:
		return "profile";
	case SOURCE_CONFIG:
		return "configuration";
	case SOURCE_BOLTFILE:
		return "Boltfile";
	case SOURCE_ENVIRONMENT:
		return "environment";
	case SOURCE_COMMAND_LINE:
		break;
	}
	return "command line";
}

static struct json_object *list_value(const struct string_list *list)
{
	struct json_object *array = json_object_new_array();

	vec_foreach (const char *, item, list) {
		struct json_object *text = array ? json_object_new_string(*item) : NULL;

		if (text && json_object_array_add(array, text) == 0)
			continue;
		json_object_put(text);
		json_object_put(array);
		return NULL;
	}
	return array;
}

struct json_object *config_value(const struct knob *knob, const struct setting *value)
{
	switch (knob->type) {
	case KNOB_TYPE_BOOL:
		return json_object_new_boolean(value->number != 0);
	case KNOB_TYPE_NUMBER:
		return json_object_new_uint64(value->number);
	case KNOB_TYPE_LIST:
		return list_value(&value->list);
	case KNOB_TYPE_WORD:
	case KNOB_TYPE_SIZE:
	case KNOB_TYPE_PERCENT:
	case KNOB_TYPE_TEXT:
		break;
	}
	return json_object_new_string(value->text);
}

static void add_line(const struct knob *knob, const char *key, const struct setting *value,
	bool origins, struct strbuf *out)
{
	_cleanup_(json_putp) struct json_object *o = config_value(knob, value);

	out->failed |= !o;
	strbuf_printf(out, "%s = ", key);
	if (o)
		toml_write_value(o, out);
	if (origins) {
		strbuf_printf(out, "  # %s: ", config_source_name(value->source));
		strbuf_escaped_add(out, value->origin, 1024);
	}
	strbuf_char_add(out, '\n');
}

void config_output_toml(const struct settings *s, bool origins, struct strbuf *out)
{
	const char *table, *home, *key;

	for (size_t i = 0; (table = knob_place_home_table(i)); i++) {
		bool begun = false;

		for (size_t j = 0; j < KNOB_COUNT; j++) {
			const struct setting *value = settings_get(s, (enum knob_id)j);

			if (!value || !knob_place_home(&knob_table[j], &home, &key) ||
				strcmp(home, table) != 0)
				continue;
			if (!begun)
				strbuf_printf(out, "%s[%s]\n", out->length ? "\n" : "", table);
			begun = true;
			add_line(&knob_table[j], key, value, origins, out);
		}
	}
}

static void add_part_toml(const struct config_part *part, bool origins, struct strbuf *out)
{
	const bool is_service = part->section == KNOB_SECTION_SERVICE;
	_cleanup_(json_putp) struct json_object *parent =
		part->inherits ? json_object_new_string(part->inherits) : NULL;

	strbuf_printf(
		out, "%s%s", out->length ? "\n" : "", is_service ? "# services." : "[profiles.");
	toml_write_key(part->name, out);
	strbuf_str_add(out, is_service ? ":\n" : "]\n");
	if (parent) {
		strbuf_str_add(out, "inherits = ");
		toml_write_value(parent, out);
		strbuf_char_add(out, '\n');
	}
	for (size_t i = 0; i < KNOB_COUNT; i++) {
		const struct setting *value = settings_get(&part->settings, (enum knob_id)i);

		strbuf_str_add(out, value && is_service ? "# " : "");
		if (value)
			add_line(&knob_table[i], knob_table[i].name, value, origins, out);
	}
}

void config_output_parts(const struct config *c, bool origins, struct strbuf *out)
{
	vec_foreach (struct config_file *, file, &c->files)
		vec_foreach (struct config_part *, part, &(*file)->parts)
			if ((*part)->section != KNOB_SECTION_ALL)
				add_part_toml(*part, origins, out);
}

static void add_settings(
	struct json_builder *b, struct json_object *array, const struct settings *s, bool origins)
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
		json_add_string(b, o, "scope", knob_scope_name(knob_table[i].scope));
		if (!origins)
			continue;
		json_add_string(b, o, "source", config_source_name(value->source));
		json_add_string(b, o, "origin", value->origin);
	}
}

/* Of a name that several files define, what config_find_profile() finds: the first. */
static void add_part(struct json_builder *b, struct json_object *services,
	struct json_object *profiles, const struct config_part *part, bool origins)
{
	struct json_object *o;

	switch (part->section) {
	case KNOB_SECTION_ALL:
		return;
	case KNOB_SECTION_SERVICE:
		add_settings(b, json_add_array(b, services, part->name), &part->settings, origins);
		return;
	case KNOB_SECTION_PROFILE:
	case KNOB_SECTION_GAMING_PROFILE:
	case KNOB_SECTION_OLLAMA_PROFILE:
		break;
	}
	if (profiles && json_object_object_get_ex(profiles, part->name, NULL))
		return;
	o = json_add_object(b, profiles, part->name);
	json_add_string(b, o, "inherits", part->inherits);
	add_settings(b, json_add_array(b, o, "settings"), &part->settings, origins);
}

int config_output_json(const struct config *c, const struct settings *merged, bool origins,
	char **ret_text, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *files = json_add_array(&b, root, "files"), *services, *profiles;
	int r;

	vec_foreach (struct config_file *, file, &c->files)
		json_append_string(&b, files, (*file)->name);
	add_settings(&b, json_add_array(&b, root, "settings"), merged, origins);
	services = json_add_object(&b, root, "services");
	profiles = json_add_object(&b, root, "profiles");
	vec_foreach (struct config_file *, file, &c->files)
		vec_foreach (struct config_part *, part, &(*file)->parts)
			add_part(&b, services, profiles, *part, origins);
	files = json_add_array(&b, root, "warnings");
	vec_foreach (const char *, warning, &c->warnings)
		json_append_string(&b, files, *warning);
	r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret_text, NULL, err);
}

/* An example as it would stand in the file; all of them are checked by a test. */
static void add_example(const struct knob *knob, const char *key, struct strbuf *out)
{
	const char *example = knob_example(knob);

	switch (knob->type) {
	case KNOB_TYPE_BOOL:
	case KNOB_TYPE_NUMBER:
		if (example)
			strbuf_printf(out, "#%s = %s\n", key, example);
		else
			strbuf_printf(out, "#%s = %" PRIu64 "\n", key, knob->least);
		break;
	case KNOB_TYPE_LIST:
		strbuf_printf(out, "#%s = [\"%s\"]\n", key, example ? example : "");
		break;
	case KNOB_TYPE_WORD:
	case KNOB_TYPE_SIZE:
	case KNOB_TYPE_PERCENT:
	case KNOB_TYPE_TEXT:
		strbuf_printf(out, "#%s = \"%s\"\n", key, example ? example : "");
		break;
	}
}

static void add_knob(const struct knob *knob, const char *key, struct strbuf *out)
{
	strbuf_printf(out, "# %s", knob->summary);
	if (knob->type != KNOB_TYPE_TEXT && knob->type != KNOB_TYPE_BOOL) {
		strbuf_str_add(out, ": ");
		knob_values_add(knob, out);
	}
	strbuf_str_add(out, knob->scope == KNOB_SCOPE_HOST ? "; changes the machine\n" : "\n");
	add_example(knob, key, out);
}

void config_output_template(struct strbuf *out)
{
	const char *table, *home, *key;

	strbuf_str_add(out,
		"# Configuration of nvbind. Take the '#' from a line to make it count.\n"
		"# The command line and the environment count more than this file, a profile "
		"less.\n"
		"# 'nvbind config show --origin' shows what counts, 'nvbind config validate' "
		"checks.\n");
	for (size_t i = 0; (table = knob_place_home_table(i)); i++) {
		bool begun = false;

		for (size_t j = 0; j < KNOB_COUNT; j++) {
			if (!knob_place_home(&knob_table[j], &home, &key) ||
				strcmp(home, table) != 0)
				continue;
			if (!begun)
				strbuf_printf(out, "\n[%s]\n", table);
			begun = true;
			add_knob(&knob_table[j], key, out);
		}
	}
	strbuf_str_add(out, "\n# A profile of your own, for --profile NAME. It may set any of the "
			    "keys above.\n#[profiles.NAME]\n#inherits = \"gaming\"\n");
}
