/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker: daemon.json.
 * Source: moby, cmd/dockerd/daemon.go and daemon/config/config.go (keys, what a reload reads, the
 * refusal of a key that is a flag too); CDI: features.cdi since 25.0, on by default since 28.2.
 */
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"

#define CONFIG_FILE "/etc/docker/daemon.json"

/* Where distributions write the flags of dockerd. */
static const char *const flag_files[] = { "/etc/default/docker", "/etc/sysconfig/docker",
	"/etc/conf.d/docker", "/etc/systemd/system/docker.service",
	"/lib/systemd/system/docker.service", "/usr/lib/systemd/system/docker.service" };
static const char drop_ins[] = "/etc/systemd/system/docker.service.d";

/* Of a user who runs a daemon of his own. Source: dockerd-rootless-setuptool.sh. */
static bool is_rootless(const struct setup_work *w)
{
	static const char *const signs[] = { "docker/daemon.json", "systemd/user/docker.service" };

	for (size_t i = 0; i < ELEMENTS(signs) && w->options->user_config; i++) {
		const char *path =
			arena_printf(w->arena, "%s/%s", w->options->user_config, signs[i]);

		if (path && host_tree_exists(w->tree, path))
			return true;
	}
	return false;
}

static const char *config_path(struct setup_work *w)
{
	if (w->options->config)
		return w->options->config;
	if (is_rootless(w))
		return arena_printf(w->arena, "%s/docker/daemon.json", w->options->user_config);
	return CONFIG_FILE;
}

static bool has_flag(const char *text, const char *flag)
{
	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n'), *found = strstr(line, flag);

		line += strspn(line, " \t");
		if (found && (!end || found < end) && *line != '#' && *line != ';')
			return true;
		line = end ? end + 1 : NULL;
	}
	return false;
}

/* dockerd does not start where a key of the file is a flag of its command line too. */
static int check_flags(struct setup_work *w, const char *path, struct nvb_error **err)
{
	const char *text = NULL;
	int r = 0;

	if (setup_read(w->tree, w->arena, path, &text, NULL) < 0 || !text)
		return 0;
	if (has_flag(text, "--add-runtime"))
		r = setup_warn(w, err,
			"'%s' gives dockerd --add-runtime: it refuses to start while the file has "
			"\"runtimes\" too; move that runtime to the file",
			path);
	if (r >= 0 && w->options->set_default && has_flag(text, "--default-runtime"))
		r = setup_warn(w, err,
			"'%s' gives dockerd --default-runtime: it refuses to start while the file "
			"has \"default-runtime\" too; remove the flag",
			path);
	return r;
}

static int check_all_flags(struct setup_work *w, struct nvb_error **err)
{
	struct string_list files = { 0 };
	int r = setup_list(w, drop_ins, ".conf", &files, err);

	for (size_t i = 0; i < ELEMENTS(flag_files) && r >= 0; i++)
		r = check_flags(w, flag_files[i], err);
	vec_foreach (const char *, file, &files)
		if (r >= 0)
			r = check_flags(w, *file, err);
	return r;
}

/* `ret_new`: the file does not say so yet. */
static int set_cdi(struct setup_work *w, bool *ret_new, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	int r;

	if (setup_is_older(w->version, 25, 0))
		return setup_warn(w, err,
			"Docker %s does not know CDI (25.0 and later do): it is left as it is",
			w->version);
	r = setup_read_tree(w, w->path, DOCUMENT_JSON, &root, err);
	if (r < 0)
		return r;
	*ret_new = !json_object_get_boolean(document_find(root, &DOCUMENT_PATH("features", "cdi")));
	return setup_set(w, &DOCUMENT_PATH("features", "cdi"), json_object_new_boolean(true), err);
}

/*
 * A reload reads runtimes and the default one. It never unsets a key that has gone: the default
 * runtime would stay ours while ours is gone, of which Docker 20.10 dies and 26 refuses the file.
 * CDI, and NVIDIA's hook, which --gpus needs, are looked for only when dockerd starts.
 */
static const char *activation(const struct setup_work *w, bool sets_cdi)
{
	if (w->undo || w->options->stand_in || sets_cdi)
		return is_rootless(w) ? "systemctl --user restart docker"
				      : "systemctl restart docker";
	return is_rootless(w) ? "systemctl --user reload docker" : "systemctl reload docker";
}

static int set_path(
	struct setup_work *w, const char *name, const char *path, struct nvb_error **err)
{
	return setup_set(
		w, &DOCUMENT_PATH("runtimes", name, "path"), json_object_new_string(path), err);
}

static int set_stand_in(struct setup_work *w, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *entry, *program;
	const char *now = NULL, *path = NULL;
	int r = setup_read_tree(w, w->path, DOCUMENT_JSON, &root, err);

	if (r < 0)
		return r;
	entry = document_find(root, &DOCUMENT_PATH("runtimes", SETUP_STAND_IN_NAME));
	program = document_find(entry, &DOCUMENT_PATH("path"));
	if (program || entry)
		now = json_object_get_string(program ? program : entry);
	r = setup_wants_stand_in(w, now, &path, err);
	return r > 0 ? set_path(w, SETUP_STAND_IN_NAME, path, err) : r;
}

static int plan(struct setup_work *w, struct nvb_error **err)
{
	bool sets_cdi = false;
	int r;

	w->path = config_path(w);
	w->format = DOCUMENT_JSON;
	if (!w->path)
		return NVB_OOM(err);
	r = set_path(w, SETUP_RUNTIME_NAME, w->options->runtime_path, err);
	if (r >= 0 && w->options->stand_in)
		r = set_stand_in(w, err);
	if (r >= 0 && w->options->set_default)
		r = setup_set(w, &DOCUMENT_PATH("default-runtime"),
			json_object_new_string(SETUP_RUNTIME_NAME), err);
	if (r >= 0 && w->options->cdi)
		r = set_cdi(w, &sets_cdi, err);
	w->activation = activation(w, sets_cdi);
	return r < 0 ? r : check_all_flags(w, err);
}

static const char *string_at(
	struct setup_work *w, struct json_object *root, const struct document_path *path)
{
	struct json_object *value = document_find(root, path);

	return json_object_is_type(value, json_type_string)
		       ? arena_strdup(w->arena, json_object_get_string(value))
		       : NULL;
}

static int inspect(struct setup_work *w, struct setup_status *status, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *cdi;
	int r;

	status->config = config_path(w);
	if (!status->config)
		return NVB_OOM(err);
	r = setup_read_tree(w, status->config, DOCUMENT_JSON, &root, err);
	if (r < 0)
		return r;
	status->runtime_path =
		string_at(w, root, &DOCUMENT_PATH("runtimes", SETUP_RUNTIME_NAME, "path"));
	status->nvidia_runtime = string_at(w, root, &DOCUMENT_PATH("runtimes", "nvidia", "path"));
	status->default_runtime = string_at(w, root, &DOCUMENT_PATH("default-runtime"));
	cdi = document_find(root, &DOCUMENT_PATH("features", "cdi"));
	if (w->version && setup_is_older(w->version, 25, 0))
		status->cdi = SETUP_NO;
	else if (json_object_is_type(cdi, json_type_boolean))
		status->cdi = json_object_get_boolean(cdi) ? SETUP_YES : SETUP_NO;
	else if (w->version)
		status->cdi = setup_is_older(w->version, 28, 2) ? SETUP_NO : SETUP_YES;
	return 0;
}

const struct setup_engine setup_docker = { "docker", "dockerd docker", plan, inspect };
