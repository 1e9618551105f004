/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind profile create and edit: what writes a profile into a configuration file. */
#include <string.h>

#include "base/log.h"
#include "config/config_output.h"
#include "config/config_write.h"
#include "format/document.h"
#include "format/json.h"
#include "nvbind/config_command.h"
#include "nvbind/profile_command.h"

#define NAME_LIMIT	64
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct profile_edit {
	struct profile_command *c;
	const char *name, *path;
	struct document_path table; /* of the profile */
	bool create;
	char *text;		  /* malloc'd: of the file */
	struct json_object *root; /* owned */
	struct document_edits edits;
};

static void edit_done(struct profile_edit *e)
{
	free(e->text);
	if (e->root)
		(void)json_object_put(e->root);
	document_edits_done(&e->edits);
}

/* A name that a command line takes without quotes, and that no path or option looks like. */
static int check_name(const char *name, struct nvb_error **err)
{
	bool stands_in;
	size_t length = strlen(name);

	if (!length || length > NAME_LIMIT || name[0] == '-' ||
		strspn(name, NAME_CHARACTERS) != length)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "create a profile '%.64s'", name),
			"a name is letters, digits, '-' and '_', at most %d", NAME_LIMIT);
	if (profile_find(name, &stands_in) && !stands_in)
		log_notice("'%s' is built in: yours takes its place", name);
	return 0;
}

static int read_file(struct profile_edit *e, struct nvb_error **err)
{
	size_t length;
	int r = config_read_text(e->path, e->create, &e->text, &length, err);

	if (r < 0)
		return r;
	if (strlen(e->text) != length)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "change '%s': it holds a NUL byte", e->path);
	return document_parse(DOCUMENT_TOML, e->path, e->text, &e->root, err);
}

static struct document_path table_of(enum knob_section section, const char *name)
{
	if (section == KNOB_SECTION_GAMING_PROFILE)
		return DOCUMENT_PATH("gpu", "gaming_profiles", name);
	if (section == KNOB_SECTION_OLLAMA_PROFILE)
		return DOCUMENT_PATH("ai_ml", "ollama_profiles", name);
	return DOCUMENT_PATH("profiles", name);
}

/* The key that the table has for this knob already, in whatever spelling; else its name. */
static const char *key_of(const struct profile_edit *e, const struct knob *knob)
{
	struct json_object *table = document_find(e->root, &e->table);

	if (!json_object_is_type(table, json_type_object))
		return knob->name;
	json_object_object_foreach(table, key, value)
	{
		const char *nearest;

		(void)value;
		if (!strchr(key, '.') && knob_find(key, &nearest) == knob)
			return key;
	}
	return knob->name;
}

static int set_key(struct profile_edit *e, const char *key, struct json_object *take_value,
	struct nvb_error **err)
{
	const struct document_path path = document_path_below(&e->table, key);

	return document_edits_add(&e->edits, e->c->arena, &path, take_value, err);
}

static int set_parent(struct profile_edit *e, const char *parent, struct nvb_error **err)
{
	struct json_object *value = *parent ? json_object_new_string(parent) : NULL;

	if (*parent && !value)
		return NVB_OOM(err);
	return set_key(e, "inherits", value, err);
}

/* "KEY=VALUE"; "KEY=" takes the key away. */
static int assign(struct profile_edit *e, const char *assignment, struct nvb_error **err)
{
	const char *value = strchr(assignment, '='), *nearest = NULL;
	struct settings parsed = { .arena = e->c->arena };
	struct json_object *o = NULL;
	const struct knob *knob;
	const char *key;
	int r;

	if (!value || value == assignment)
		return NVB_HINT(err, NVB_RAISE(err, NVB_ERR_USAGE, 0, "read '%.64s'", assignment),
			"it is KEY=VALUE, as in dlss_enabled=false");
	key = arena_strndup(e->c->arena, assignment, (size_t)(value++ - assignment));
	if (!key)
		return NVB_OOM(err);
	if (strcmp(key, "inherits") == 0)
		return set_parent(e, value, err);
	knob = strchr(key, '.') ? NULL : knob_find(key, &nearest);
	if (!knob) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "unknown key '%.64s'", key);
		return nearest ? NVB_HINT(err, r, "did you mean '%s'?", nearest) : r;
	}
	if (*value) {
		r = settings_set(
			&parsed, knob, value, SOURCE_COMMAND_LINE, "the command line", err);
		if (r < 0)
			return r;
		o = config_value(knob, &parsed.of[knob->id]);
		if (!o)
			return NVB_OOM(err);
	}
	return set_key(e, key_of(e, knob), o, err);
}

/* What is written must be read again, and the profile must make sense with what it inherits. */
static int check_result(const struct profile_edit *e, const char *text, struct nvb_error **err)
{
	struct config_file *file = NULL;
	struct config_file **files = arena_new_object(e->c->arena, struct config_file *);
	struct config config = { .arena = e->c->arena, .files = { .items = files, .n = 1 } };
	struct settings scratch = { .arena = e->c->arena };
	const struct profile *base;
	int r = config_file_parse(e->c->arena, e->path, text, strlen(text), &file, err);

	if (r >= 0)
		r = config_file_check(file, false, err);
	if (r < 0 || !files)
		return r < 0 ? r : NVB_OOM(err);
	*files = file;
	r = config_merge_profile(&config, e->name, &scratch, &base, err);
	vec_foreach (const char *, warning, &scratch.warnings)
		log_warning("%s", *warning);
	return r;
}

static int write_file(struct profile_edit *e, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r = document_apply(DOCUMENT_TOML, e->path, e->text, &e->edits, &text, err);

	if (r >= 0)
		r = check_result(e, text, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "write profile '%s'", e->name);
	if (strcmp(text, e->text) == 0) {
		log_notice("'%s' says so already", e->path);
		return 0;
	}
	r = config_write_text(e->path, text, true, err);
	if (r >= 0)
		log_notice("'%s' is changed", e->path);
	return r < 0 ? r : 0;
}

/* NAME [KEY=VALUE...], with options anywhere. Returns 1, 0 if --help was answered, or an error. */
static int parse_words(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct profile_command *c, struct string_list *words, struct nvb_error **err)
{
	int first;

	c->context = *context;
	while ((first = profile_command_parse(id, &c->context, argc, argv, c, err)) > 0 &&
		first < argc) {
		argc -= first;
		argv += first;
		if (string_list_add(c->arena, words, argv[0]) < 0)
			return NVB_OOM(err);
	}
	if (first > 0 && !words->n)
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'nvbind %s' needs a NAME", command_get(id)->name);
	return first > 0 ? 1 : first;
}

/* The words behind the name. */
static int assign_all(
	struct profile_edit *e, const struct string_list *words, struct nvb_error **err)
{
	for (size_t i = 1; i < words->n; i++) {
		int r = assign(e, words->items[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int create(struct profile_edit *e, const struct string_list *words, struct nvb_error **err)
{
	int r = check_name(e->name, err);

	if (r >= 0)
		r = config_command_find_file(e->c->arena, e->c->context.host_root, &e->path, err);
	if (r >= 0)
		r = read_file(e, err);
	if (r < 0)
		return r;
	e->table = table_of(KNOB_SECTION_PROFILE, e->name);
	if (document_find(e->root, &e->table))
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_FAILED, 0, "create profile '%s': '%s' has it",
				e->name, e->path),
			"change it by 'nvbind profile edit %s KEY=VALUE'", e->name);
	r = set_parent(e, e->c->inherits ? e->c->inherits : "default", err);
	if (r >= 0)
		r = assign_all(e, words, err);
	return r < 0 ? r : write_file(e, err);
}

int cmd_profile_create(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct profile_command c = { .arena = a };
	_cleanup_(edit_done) struct profile_edit e = { .c = &c, .create = true };
	struct string_list words = { 0 };
	int r = a ? parse_words(COMMAND_PROFILE_CREATE, context, argc, argv, &c, &words, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	e.name = words.items[0];
	e.path = c.path;
	return create(&e, &words, err);
}

/* The file that defines it, and where in that file it is. */
static int find_profile(struct profile_edit *e, struct nvb_error **err)
{
	struct config config;
	const struct config_part *part;
	int r = 0;

	if (e->path && string_list_add(e->c->arena, &e->c->files, e->path) < 0)
		return NVB_OOM(err);
	r = profile_command_load(e->c, &config, err);
	if (r < 0)
		return r;
	part = config_find_profile(&config, e->name);
	if (!part)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0,
				"edit profile '%.64s': no configuration file defines it", e->name),
			"'nvbind profile create NAME --inherits PROFILE' makes one of your own");
	e->table = table_of(part->section, part->name);
	vec_foreach (struct config_file *, file, &config.files)
		for (size_t i = 0; i < (*file)->parts.n; i++)
			if ((*file)->parts.items[i] == part)
				e->path = (*file)->name;
	return 0;
}

int cmd_profile_edit(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct profile_command c = { .arena = a };
	_cleanup_(edit_done) struct profile_edit e = { .c = &c };
	struct string_list words = { 0 };
	int r = a ? parse_words(COMMAND_PROFILE_EDIT, context, argc, argv, &c, &words, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	if (words.n == 1)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"'nvbind profile edit' needs what to change"),
			"it is KEY=VALUE; KEY= takes a key away");
	e.name = words.items[0];
	e.path = c.path;
	r = find_profile(&e, err);
	if (r >= 0)
		r = read_file(&e, err);
	if (r >= 0)
		r = assign_all(&e, &words, err);
	return r < 0 ? r : write_file(&e, err);
}
