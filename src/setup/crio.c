/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRI-O: a drop-in of crio.conf.
 * Source: crio.conf(5) and crio.conf.d(5): drop-ins are read in the order of their names behind the
 * main file; a runtime that is named there is a whole new one, so what the default runtime has (its
 * monitor, its root, the annotations that it allows) is given to ours too. CDI is on since 1.23.
 */
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"

#define CONFIG_FILE "/etc/crio/crio.conf"
#define DIRECTORY   "/etc/crio/crio.conf.d"
#define DROP_IN	    DIRECTORY "/99-nvbind.conf"

/* What CRI-O has been told by all files but ours. */
struct told {
	struct json_object *runtimes;
	const char *default_runtime;
	const char *default_file; /* that said so */
};

static int list_files(struct setup_work *w, struct string_list *ret, struct nvb_error **err)
{
	if (string_list_add(w->arena, ret, CONFIG_FILE) < 0)
		return NVB_OOM(err);
	return setup_list(w, DIRECTORY, "", ret, err);
}

static int merge(struct json_object *to, struct json_object *from, struct nvb_error **err)
{
	json_object_object_foreach(
		from, key, value) if (json_object_object_add(to, key, json_object_get(value)) <
				      0) return NVB_OOM(err);
	return 0;
}

/* `skip` may be NULL. */
static int read_told(
	struct setup_work *w, const char *skip, struct told *told, struct nvb_error **err)
{
	struct string_list files = { 0 };
	int r = list_files(w, &files, err);

	if (r >= 0 && w->options->config &&
		string_list_add(w->arena, &files, w->options->config) < 0)
		return NVB_OOM(err);
	vec_foreach (const char *, file, &files) {
		_cleanup_(json_putp) struct json_object *root = NULL;
		struct json_object *found;

		if (r < 0 || (skip && strcmp(*file, skip) == 0))
			continue;
		r = setup_read_tree(w, *file, DOCUMENT_TOML, &root, err);
		if (r < 0)
			return r;
		found = document_find(root, &DOCUMENT_PATH("crio", "runtime", "runtimes"));
		if (json_object_is_type(found, json_type_object))
			r = merge(told->runtimes, found, err);
		found = document_find(root, &DOCUMENT_PATH("crio", "runtime", "default_runtime"));
		if (json_object_is_type(found, json_type_string)) {
			told->default_runtime =
				arena_strdup(w->arena, json_object_get_string(found));
			told->default_file = *file;
		}
	}
	return r;
}

/* A stand-in only where there is no other: it was set up like the others once. */
static struct json_object *find_model(const struct told *told)
{
	const char *name = told->default_runtime;
	const char *const names[] = { name && !strstr(name, "nvidia") ? name : NULL, "crun", "runc",
		name, "nvidia" };
	struct json_object *model;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (names[i] && json_object_object_get_ex(told->runtimes, names[i], &model) &&
			json_object_is_type(model, json_type_object))
			return model;
	return NULL;
}

static int add_runtime(struct setup_work *w, const char *name, const char *path,
	struct json_object *model, struct nvb_error **err)
{
	struct json_object *runtime = NULL;

	if (model ? json_object_deep_copy(model, &runtime, NULL) < 0
		  : !(runtime = json_object_new_object()))
		return NVB_OOM(err);
	json_object_object_del(runtime, "runtime_config_path");
	if (json_object_object_add(runtime, "runtime_path", json_object_new_string(path)) < 0 ||
		json_object_object_add(runtime, "runtime_type", json_object_new_string("oci")) <
			0) {
		json_object_put(runtime);
		return NVB_OOM(err);
	}
	return setup_set(w, &DOCUMENT_PATH("crio", "runtime", "runtimes", name), runtime, err);
}

static const char *runtime_path(struct setup_work *w, const struct told *told, const char *name)
{
	struct json_object *path =
		document_find(told->runtimes, &DOCUMENT_PATH(name, "runtime_path"));

	return json_object_is_type(path, json_type_string)
		       ? arena_strdup(w->arena, json_object_get_string(path))
		       : NULL;
}

static int add_stand_in(struct setup_work *w, const struct told *told, struct nvb_error **err)
{
	const char *path = NULL;
	bool is_there = document_find(told->runtimes, &DOCUMENT_PATH(SETUP_STAND_IN_NAME));
	const char *now = runtime_path(w, told, SETUP_STAND_IN_NAME);
	int r = setup_wants_stand_in(w, now || !is_there ? now : SETUP_STAND_IN_NAME, &path, err);

	return r > 0 ? add_runtime(w, SETUP_STAND_IN_NAME, path, find_model(told), err) : r;
}

static int plan(struct setup_work *w, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *runtimes = json_object_new_object();
	struct told told = { .runtimes = runtimes };
	int r;

	w->path = w->options->config ? w->options->config : DROP_IN;
	w->format = DOCUMENT_TOML;
	w->new_text = SETUP_NEW_TEXT;
	w->activation = "systemctl restart crio";
	if (!runtimes)
		return NVB_OOM(err);
	r = read_told(w, w->options->config ? NULL : DROP_IN, &told, err);
	if (r >= 0 && w->options->set_default)
		r = setup_set(w, &DOCUMENT_PATH("crio", "runtime", "default_runtime"),
			json_object_new_string(SETUP_RUNTIME_NAME), err);
	if (r >= 0)
		r = add_runtime(
			w, SETUP_RUNTIME_NAME, w->options->runtime_path, find_model(&told), err);
	if (r >= 0)
		r = add_stand_in(w, &told, err);
	if (r >= 0)
		r = setup_check_later(w, told.default_file, told.default_runtime, err);
	if (r >= 0 && w->options->cdi)
		r = setup_is_older(w->version, 1, 23)
			    ? setup_warn(w, err, "CRI-O %s does not know CDI (1.23 and later do)",
				      w->version)
			    : setup_note(
				      w, err, "CRI-O reads CDI specifications without a setting");
	return r;
}

static int inspect(struct setup_work *w, struct setup_status *status, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *runtimes = json_object_new_object();
	struct told told = { .runtimes = runtimes };
	int r;

	status->config = w->options->config ? w->options->config : DROP_IN;
	r = runtimes ? read_told(w, NULL, &told, err) : NVB_OOM(err);
	if (r < 0)
		return r;
	status->runtime_path = runtime_path(w, &told, SETUP_RUNTIME_NAME);
	status->nvidia_runtime = runtime_path(w, &told, SETUP_STAND_IN_NAME);
	status->default_runtime = told.default_runtime;
	if (w->version)
		status->cdi = setup_is_older(w->version, 1, 23) ? SETUP_NO : SETUP_YES;
	return 0;
}

const struct setup_engine setup_crio = { "crio", "crio", plan, inspect };
