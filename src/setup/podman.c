/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Podman: a drop-in of containers.conf.
 * Source: containers.conf(5): drop-ins are read in the order of their names behind the main file,
 * those of the user behind the system's; a table is merged by its keys. CDI needs no setting (4.1).
 */
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"

#define DROP_IN	   "50-nvbind.conf"
#define DIRECTORY  "containers/containers.conf.d"
#define SYSTEM_ETC "/etc"

static const char *config_directory(const struct setup_work *w)
{
	return w->options->user_config ? w->options->user_config : SYSTEM_ETC;
}

static const char *config_path(struct setup_work *w)
{
	if (w->options->config)
		return w->options->config;
	return arena_printf(w->arena, "%s/" DIRECTORY "/" DROP_IN, config_directory(w));
}

/* The files that Podman reads, the last word last. */
static int list_files(struct setup_work *w, struct string_list *ret, struct nvb_error **err)
{
	static const char *const directories[] = { "/usr/share", SYSTEM_ETC };
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(directories) && r >= 0; i++) {
		const char *d = directories[i];

		if (string_list_printf(w->arena, ret, "%s/containers/containers.conf", d) < 0)
			return NVB_OOM(err);
		d = arena_printf(w->arena, "%s/" DIRECTORY, d);
		r = d ? setup_list(w, d, ".conf", ret, err) : NVB_OOM(err);
	}
	if (r >= 0 && w->options->user_config) {
		const char *d = w->options->user_config;

		if (string_list_printf(w->arena, ret, "%s/containers/containers.conf", d) < 0)
			return NVB_OOM(err);
		d = arena_printf(w->arena, "%s/" DIRECTORY, d);
		r = d ? setup_list(w, d, ".conf", ret, err) : NVB_OOM(err);
	}
	return r;
}

/* What is read behind ours may say otherwise. */
static int check_later(struct setup_work *w, struct nvb_error **err)
{
	struct string_list files = { 0 };
	int r = list_files(w, &files, err);

	vec_foreach (const char *, file, &files) {
		_cleanup_(json_putp) struct json_object *root = NULL;
		struct json_object *name;

		if (r < 0)
			return r;
		if (setup_read_tree(w, *file, DOCUMENT_TOML, &root, NULL) < 0)
			continue;
		name = document_find(root, &DOCUMENT_PATH("engine", "runtime"));
		if (json_object_is_type(name, json_type_string))
			r = setup_check_later(w, *file, json_object_get_string(name), err);
	}
	return r;
}

static int set_runtime(
	struct setup_work *w, const char *name, const char *path, struct nvb_error **err)
{
	struct json_object *programs = json_object_new_array();

	if (!programs || json_object_array_add(programs, json_object_new_string(path)) < 0) {
		json_object_put(programs);
		return NVB_OOM(err);
	}
	return setup_set(w, &DOCUMENT_PATH("engine", "runtimes", name), programs, err);
}

static void note_runtime(
	struct setup_work *w, struct json_object *root, const char *name, const char **ret)
{
	struct json_object *programs =
		document_find(root, &DOCUMENT_PATH("engine", "runtimes", name));

	if (json_object_is_type(programs, json_type_array) && json_object_array_length(programs) &&
		json_object_is_type(json_object_array_get_idx(programs, 0), json_type_string))
		*ret = arena_strdup(
			w->arena, json_object_get_string(json_object_array_get_idx(programs, 0)));
}

/* What cannot be read says nothing: Podman itself will complain of it. */
static int set_stand_in(struct setup_work *w, struct nvb_error **err)
{
	struct string_list files = { 0 };
	const char *now = NULL, *path = NULL;
	int r = list_files(w, &files, err);

	if (r >= 0 && w->options->config &&
		string_list_add(w->arena, &files, w->options->config) < 0)
		return NVB_OOM(err);
	if (r < 0)
		return r;
	vec_foreach (const char *, file, &files) {
		_cleanup_(json_putp) struct json_object *root = NULL;

		if (setup_read_tree(w, *file, DOCUMENT_TOML, &root, NULL) >= 0)
			note_runtime(w, root, SETUP_STAND_IN_NAME, &now);
	}
	r = setup_wants_stand_in(w, now, &path, err);
	return r > 0 ? set_runtime(w, SETUP_STAND_IN_NAME, path, err) : r;
}

static int say_cdi(struct setup_work *w, struct nvb_error **err)
{
	if (setup_is_older(w->version, 4, 1))
		return setup_warn(
			w, err, "Podman %s does not know CDI (4.1 and later do)", w->version);
	return setup_note(w, err, "Podman reads CDI specifications without a setting");
}

static int plan(struct setup_work *w, struct nvb_error **err)
{
	int r = 0;

	w->path = config_path(w);
	w->format = DOCUMENT_TOML;
	w->new_text = SETUP_NEW_TEXT;
	if (!w->path)
		return NVB_OOM(err);
	if (w->options->set_default)
		r = setup_set(w, &DOCUMENT_PATH("engine", "runtime"),
			json_object_new_string(SETUP_RUNTIME_NAME), err);
	if (r >= 0)
		r = set_runtime(w, SETUP_RUNTIME_NAME, w->options->runtime_path, err);
	if (r >= 0 && w->options->stand_in)
		r = set_stand_in(w, err);
	if (r >= 0 && w->options->cdi)
		r = say_cdi(w, err);
	if (r >= 0 && w->options->set_default && !w->options->config)
		r = check_later(w, err);
	return r;
}

static int inspect(struct setup_work *w, struct setup_status *status, struct nvb_error **err)
{
	struct string_list files = { 0 };
	int r;

	status->config = config_path(w);
	if (!status->config)
		return NVB_OOM(err);
	r = list_files(w, &files, err);
	if (w->options->config && string_list_add(w->arena, &files, w->options->config) < 0)
		return NVB_OOM(err);
	vec_foreach (const char *, file, &files) {
		_cleanup_(json_putp) struct json_object *root = NULL;
		struct json_object *name;

		if (r >= 0)
			r = setup_read_tree(w, *file, DOCUMENT_TOML, &root, err);
		if (r < 0)
			return r;
		note_runtime(w, root, SETUP_RUNTIME_NAME, &status->runtime_path);
		note_runtime(w, root, SETUP_STAND_IN_NAME, &status->nvidia_runtime);
		name = document_find(root, &DOCUMENT_PATH("engine", "runtime"));
		if (json_object_is_type(name, json_type_string))
			status->default_runtime =
				arena_strdup(w->arena, json_object_get_string(name));
	}
	if (w->version)
		status->cdi = setup_is_older(w->version, 4, 1) ? SETUP_NO : SETUP_YES;
	return r;
}

const struct setup_engine setup_podman = { "podman", "podman", plan, inspect };
