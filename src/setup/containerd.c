/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd: the section of its CRI plugin, for Kubernetes and crictl.
 *
 * Which file that is, is less simple than it looks. Source: containerd,
 * services/server/config/config.go (1.x) and cmd/containerd/server/config/config.go (2.x); 1.6
 * and 1.7 were tried:
 * - Files of `imports` are read behind the main one. Until 2.0 a plugin's section there takes the
 *   place of the whole section before it, so a drop-in with our runtime alone would lose the rest:
 *   the last file that has the section is the one to edit. Since 2.0 (version = 3) tables are
 * merged.
 * - Until 2.0 a `runtimes` table replaces the built-in one: one that names nvbind alone has no
 * runc.
 * - A version 1 file names the plugin "cri", a version 3 file splits it.
 * - CDI: enable_cdi since 1.7, on by default since 2.0.
 */
#include <glob.h>
#include <string.h>

#include "format/json.h"
#include "setup/engine.h"

#define CONFIG_FILE "/etc/containerd/config.toml"
#define DROP_IN	    "99-nvbind.toml"
#define RUNC_TYPE   "io.containerd.runc.v2"
#define FILES_LIMIT 64

struct config {
	struct json_object *main; /* the main file's tree; NULL: there is none */
	struct string_list files; /* the main file and what it imports, in the order of reading */
	const char *conf_d;	  /* a directory all of whose *.toml are imported */
	int64_t version;
	const char *plugin;
	const char *path;	     /* the file to edit */
	struct json_object *tree;    /* of that file */
	const char *default_file;    /* the last one that names a default runtime */
	struct json_object *section; /* what is said of the plugin before our edits; or NULL */
};

static void config_done(struct config *c)
{
	json_object_put(c->main);
	json_object_put(c->tree);
	json_object_put(c->section);
}

static const char *plugin_of(int64_t version)
{
	if (version >= 3)
		return "io.containerd.cri.v1.runtime";
	return version == 2 ? "io.containerd.grpc.v1.cri" : "cri";
}

/* Patterns are of the machine, with links as containerd itself follows them. */
static int expand(
	struct setup_work *w, const char *pattern, struct string_list *ret, struct nvb_error **err)
{
	const char *outside = host_tree_path(w->tree, w->arena, pattern);
	size_t prefix = strlen(w->tree->prefix);
	glob_t found = { 0 };
	int r = 0;

	if (!outside)
		return NVB_OOM(err);
	if (glob(outside, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && r == 0; i++)
			if (string_list_add(w->arena, ret, found.gl_pathv[i] + prefix) < 0)
				r = NVB_OOM(err);
	}
	globfree(&found);
	return r;
}

static int add_imports(struct setup_work *w, struct config *c, const char *parent,
	struct json_object *tree, struct nvb_error **err)
{
	struct json_object *imports = document_find(tree, &DOCUMENT_PATH("imports"));
	size_t n = json_object_is_type(imports, json_type_array) ? json_object_array_length(imports)
								 : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(imports, i);
		const char *pattern, *name;
		int r;

		if (!json_object_is_type(item, json_type_string))
			continue;
		pattern = json_object_get_string(item);
		if (pattern[0] != '/')
			pattern = arena_printf(w->arena, "%.*s%s",
				(int)(path_base_name(parent) - parent), parent, pattern);
		else
			pattern = arena_strdup(w->arena, pattern);
		if (!pattern)
			return NVB_OOM(err);
		name = path_base_name(pattern);
		if (!c->conf_d && strcmp(name, "*.toml") == 0) {
			c->conf_d = arena_strndup(w->arena, pattern, (size_t)(name - pattern) - 1);
			if (!c->conf_d)
				return NVB_OOM(err);
		}
		r = expand(w, pattern, &c->files, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool seen_before(const struct string_list *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(files->items[i], files->items[n]) == 0)
			return true;
	return false;
}

static int64_t version_of(struct json_object *tree)
{
	struct json_object *version = document_find(tree, &DOCUMENT_PATH("version"));

	return json_object_is_type(version, json_type_int) ? json_object_get_int64(version) : 1;
}

static int merge_into(struct json_object *to, struct json_object *from, struct nvb_error **err)
{
	int r = 0;

	json_object_object_foreach(from, key, value)
	{
		struct json_object *there;

		if (r < 0)
			break;
		if (json_object_is_type(value, json_type_object) &&
			json_object_object_get_ex(to, key, &there) &&
			json_object_is_type(there, json_type_object))
			r = merge_into(there, value, err);
		else if (json_object_object_add(to, key, json_object_get(value)) < 0)
			r = NVB_OOM(err);
	}
	return r;
}

/* A file's section of the plugin: into c->section as this containerd reads it. */
static int take_section(
	struct config *c, struct json_object *tree, const char *file, struct nvb_error **err)
{
	struct json_object *section =
		document_find(tree, &DOCUMENT_PATH("plugins", plugin_of(version_of(tree))));
	struct json_object *copy = NULL;

	if (!json_object_is_type(section, json_type_object))
		return 0;
	if (document_find(section, &DOCUMENT_PATH("containerd", "default_runtime_name")))
		c->default_file = file;
	if (c->version < 3 || !c->section) {
		if (json_object_deep_copy(section, &copy, NULL) < 0)
			return NVB_OOM(err);
		json_object_put(c->section);
		c->section = copy;
	} else {
		int r = merge_into(c->section, section, err);

		if (r < 0)
			return r;
	}
	if (c->version < 3) {
		json_object_put(c->tree);
		c->tree = json_object_get(tree);
		c->path = file;
		c->plugin = plugin_of(version_of(tree));
	}
	return 0;
}

static bool is_ours(const char *file)
{
	return strcmp(path_base_name(file), DROP_IN) == 0;
}

/* A file of our own: in the newest format that this containerd surely knows. */
static int64_t version_of_new(const struct setup_work *w)
{
	return w->version && !setup_is_older(w->version, 2, 0) ? 3 : 2;
}

/* All files, breadth first as containerd does. `with_ours`: our own drop-in counts too. */
static int read_files(struct setup_work *w, const char *main_file, bool with_ours, struct config *c,
	struct nvb_error **err)
{
	int r = 0;

	if (string_list_add(w->arena, &c->files, main_file) < 0)
		return NVB_OOM(err);
	for (size_t i = 0; i < c->files.n && r >= 0; i++) {
		_cleanup_(json_putp) struct json_object *tree = NULL;
		const char *file = c->files.items[i];

		if (i >= FILES_LIMIT)
			return NVB_RAISE(err, NVB_ERR_LIMIT, 0,
				"read '%s': it imports more than %d files", main_file, FILES_LIMIT);
		if (seen_before(&c->files, i) || (!with_ours && i > 0 && is_ours(file)))
			continue;
		r = setup_read_tree(w, file, DOCUMENT_TOML, &tree, err);
		if (r < 0)
			return r;
		if (i == 0) {
			c->main = json_object_get(tree);
			c->version = host_tree_exists(w->tree, file) ? version_of(tree)
								     : version_of_new(w);
			c->path = main_file;
			c->plugin = plugin_of(c->version);
			c->tree = json_object_get(tree);
		}
		r = take_section(c, tree, file, err);
		if (r >= 0)
			r = add_imports(w, c, file, tree, err);
	}
	return r;
}

static struct json_object *in_section(const struct config *c, const struct document_path *path)
{
	return c->section ? document_find(c->section, path) : NULL;
}

static const char *default_name(const struct config *c)
{
	struct json_object *name =
		in_section(c, &DOCUMENT_PATH("containerd", "default_runtime_name"));

	return json_object_is_type(name, json_type_string) ? json_object_get_string(name) : NULL;
}

/* Kata and gVisor start no OCI runtime. */
static bool starts_runc(struct json_object *runtime)
{
	struct json_object *type = document_find(runtime, &DOCUMENT_PATH("runtime_type"));

	return !json_object_is_type(type, json_type_string) ||
	       strncmp(json_object_get_string(type), "io.containerd.runc.", 19) == 0;
}

/*
 * The runtime whose settings ours gets: the default one, unless that is a stand-in itself; then the
 * table that named the default before there were names; then the stand-in, which was set up like
 * the others once.
 */
static struct json_object *find_model(const struct config *c)
{
	const char *name = default_name(c);
	bool stands_in = name && (strstr(name, "nvidia") || strstr(name, SETUP_RUNTIME_NAME));
	const struct document_path places[] = {
		DOCUMENT_PATH("containerd", "runtimes", name && !stands_in ? name : "runc"),
		DOCUMENT_PATH("containerd", "runtimes", "runc"),
		DOCUMENT_PATH("containerd", "runtimes", "crun"),
		DOCUMENT_PATH("containerd", "default_runtime"),
		DOCUMENT_PATH("containerd", "runtimes", name ? name : "nvidia"),
		DOCUMENT_PATH("containerd", "runtimes", "nvidia"),
	};

	for (size_t i = 0; i < ELEMENTS(places); i++) {
		struct json_object *model = in_section(c, &places[i]);

		if (json_object_is_type(model, json_type_object) && starts_runc(model))
			return model;
	}
	return NULL;
}

/* Members that say nothing; containerd's own dump is full of them. */
static void drop_empty(struct json_object *table)
{
	struct json_object_iter it;
	const char *key;

again:
	key = NULL;
	json_object_object_foreachC(table, it)
	{
		if (json_object_is_type(it.val, json_type_object))
			drop_empty(it.val);
		if ((json_object_is_type(it.val, json_type_string) &&
			    json_object_get_string_len(it.val) == 0) ||
			(json_object_is_type(it.val, json_type_array) &&
				json_object_array_length(it.val) == 0) ||
			(json_object_is_type(it.val, json_type_object) &&
				json_object_object_length(it.val) == 0))
			key = it.key;
	}
	if (key) {
		json_object_object_del(table, key);
		goto again;
	}
}

static bool ensure_string(struct json_object *table, const char *key, const char *value)
{
	return json_object_object_add(table, key, json_object_new_string(value)) == 0;
}

static struct json_object *make_runtime(const struct config *c, const char *program)
{
	_cleanup_(json_putp) struct json_object *runtime = NULL;
	struct json_object *model = find_model(c), *options;

	if (model ? json_object_deep_copy(model, &runtime, NULL) < 0
		  : !(runtime = json_object_new_object()))
		return NULL;
	drop_empty(runtime);
	if (!json_object_object_get_ex(runtime, "runtime_type", NULL) &&
		!ensure_string(runtime, "runtime_type", RUNC_TYPE))
		return NULL;
	if (!json_object_object_get_ex(runtime, "options", &options)) {
		options = json_object_new_object();
		if (!options || json_object_object_add(runtime, "options", options) < 0)
			return NULL;
	}
	if (!json_object_is_type(options, json_type_object) ||
		!ensure_string(options, "BinaryName", program))
		return NULL;
	return TAKE_PTR(runtime);
}

static bool has_runtime_of_others(const struct config *c)
{
	struct json_object *runtimes = in_section(c, &DOCUMENT_PATH("containerd", "runtimes"));

	if (!json_object_is_type(runtimes, json_type_object))
		return false;
	json_object_object_foreach(runtimes, key, value)
	{
		(void)value;
		if (strcmp(key, SETUP_RUNTIME_NAME) != 0)
			return true;
	}
	return false;
}

/* Until 2.0 the built-in table is gone with the first entry of a file: one of ours, if it is. */
static int keep_runc(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	const char *name = default_name(c);
	struct json_object *runc;

	if (c->version >= 3 ||
		(name && strcmp(name, "runc") != 0 && strcmp(name, SETUP_RUNTIME_NAME) != 0) ||
		has_runtime_of_others(c) ||
		in_section(c, &DOCUMENT_PATH("containerd", "default_runtime")))
		return 0;
	runc = json_object_new_object();
	if (!runc || !ensure_string(runc, "runtime_type", RUNC_TYPE)) {
		json_object_put(runc);
		return NVB_OOM(err);
	}
	return setup_set(w, &DOCUMENT_PATH("plugins", c->plugin, "containerd", "runtimes", "runc"),
		runc, err);
}

static struct json_object *cdi_directories(void)
{
	static const char *const directories[] = { "/etc/cdi", "/var/run/cdi" };
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list && i < ELEMENTS(directories); i++)
		if (json_object_array_add(list, json_object_new_string(directories[i])) < 0) {
			json_object_put(list);
			return NULL;
		}
	return list;
}

static int set_cdi(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	struct json_object *enabled = in_section(c, &DOCUMENT_PATH("enable_cdi"));
	int r;

	if (setup_is_older(w->version, 1, 7))
		return setup_warn(w, err,
			"containerd %s does not know CDI (1.7 and later do): it is left as it is",
			w->version);
	if (c->version >= 3 && (!enabled || json_object_get_boolean(enabled)))
		return setup_note(
			w, err, "containerd 2 reads CDI specifications without a setting");
	r = setup_set(w, &DOCUMENT_PATH("plugins", c->plugin, "enable_cdi"),
		json_object_new_boolean(true), err);
	if (r >= 0 && c->version < 3 && !in_section(c, &DOCUMENT_PATH("cdi_spec_dirs")))
		r = setup_set(w, &DOCUMENT_PATH("plugins", c->plugin, "cdi_spec_dirs"),
			cdi_directories(), err);
	return r;
}

/* Docker's package of containerd ships with the plugin off. */
static int check_disabled(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	struct json_object *list = document_find(c->main, &DOCUMENT_PATH("disabled_plugins"));
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));

		if (name && (strcmp(name, "cri") == 0 ||
				    strcmp(name, "io.containerd.grpc.v1.cri") == 0 ||
				    strcmp(name, "io.containerd.cri.v1.runtime") == 0))
			return setup_warn(w, err,
				"'%s' disables the plugin '%s', which alone reads this: Kubernetes "
				"needs it, 'ctr' and 'nerdctl' do not",
				c->files.items[0], name);
	}
	return 0;
}

/* With merging, a drop-in of our own where the main file imports a directory of them. */
static int choose_file(struct setup_work *w, struct config *c, struct nvb_error **err)
{
	w->path = c->path;
	if (c->version < 3 || !c->conf_d || w->options->config)
		return 0;
	w->path = arena_printf(w->arena, "%s/" DROP_IN, c->conf_d);
	return w->path ? 0 : NVB_OOM(err);
}

static const char *new_text(struct setup_work *w, const struct config *c)
{
	return arena_printf(w->arena, SETUP_NEW_TEXT "version = %d\n", (int)c->version);
}

/* Until 2.0 the older table wins. Source: containerd, pkg/cri/config/config.go. */
static int check_default_table(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	struct json_object *type =
		in_section(c, &DOCUMENT_PATH("containerd", "default_runtime", "runtime_type"));

	if (c->version >= 3 || !json_object_is_type(type, json_type_string) ||
		!json_object_get_string_len(type))
		return 0;
	return setup_warn(w, err,
		"'%s' has a table 'default_runtime', which overrides the default runtime: make it "
		"one of 'runtimes'",
		c->path);
}

static int set_runtime(struct setup_work *w, const struct config *c, const char *name,
	const char *path, struct nvb_error **err)
{
	return setup_set(w, &DOCUMENT_PATH("plugins", c->plugin, "containerd", "runtimes", name),
		make_runtime(c, path), err);
}

static const char *program_of(struct setup_work *w, const struct config *c, const char *name)
{
	struct json_object *program = in_section(
		c, &DOCUMENT_PATH("containerd", "runtimes", name, "options", "BinaryName"));

	return json_object_is_type(program, json_type_string)
		       ? arena_strdup(w->arena, json_object_get_string(program))
		       : NULL;
}

static int set_stand_in(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	const char *path = NULL, *now = program_of(w, c, SETUP_STAND_IN_NAME);
	bool is_there =
		in_section(c, &DOCUMENT_PATH("containerd", "runtimes", SETUP_STAND_IN_NAME));
	int r = setup_wants_stand_in(w, now || !is_there ? now : SETUP_STAND_IN_NAME, &path, err);

	return r > 0 ? set_runtime(w, c, SETUP_STAND_IN_NAME, path, err) : r;
}

static int set_all(struct setup_work *w, const struct config *c, struct nvb_error **err)
{
	int r = w->options->cdi ? set_cdi(w, c, err) : 0;

	if (r >= 0 && w->options->set_default)
		r = setup_set(w,
			&DOCUMENT_PATH("plugins", c->plugin, "containerd", "default_runtime_name"),
			json_object_new_string(SETUP_RUNTIME_NAME), err);
	if (r >= 0 && w->options->set_default)
		r = check_default_table(w, c, err);
	if (r >= 0)
		r = keep_runc(w, c, err);
	if (r >= 0)
		r = set_runtime(w, c, SETUP_RUNTIME_NAME, w->options->runtime_path, err);
	return r >= 0 ? set_stand_in(w, c, err) : r;
}

static int plan(struct setup_work *w, struct nvb_error **err)
{
	_cleanup_(config_done) struct config c = { .version = 2 };
	int r;

	w->format = DOCUMENT_TOML;
	w->activation = "systemctl restart containerd (containers go on meanwhile)";
	r = read_files(w, w->options->config ? w->options->config : CONFIG_FILE, false, &c, err);
	if (r >= 0)
		r = choose_file(w, &c, err);
	if (r < 0)
		return r;
	w->new_text = new_text(w, &c);
	if (!w->new_text)
		return NVB_OOM(err);
	r = set_all(w, &c, err);
	if (r >= 0 && default_name(&c))
		r = setup_check_later(w, c.default_file, default_name(&c), err);
	return r < 0 ? r : check_disabled(w, &c, err);
}

static int inspect(struct setup_work *w, struct setup_status *status, struct nvb_error **err)
{
	_cleanup_(config_done) struct config c = { .version = 2 };
	struct json_object *cdi;
	int r;

	status->config = w->options->config ? w->options->config : CONFIG_FILE;
	r = read_files(w, status->config, true, &c, err);
	if (r < 0)
		return r;
	status->runtime_path = program_of(w, &c, SETUP_RUNTIME_NAME);
	status->nvidia_runtime = program_of(w, &c, SETUP_STAND_IN_NAME);
	if (default_name(&c))
		status->default_runtime = arena_strdup(w->arena, default_name(&c));
	cdi = in_section(&c, &DOCUMENT_PATH("enable_cdi"));
	if (setup_is_older(w->version, 1, 7))
		status->cdi = SETUP_NO;
	else if (json_object_is_type(cdi, json_type_boolean))
		status->cdi = json_object_get_boolean(cdi) ? SETUP_YES : SETUP_NO;
	else if (w->version)
		status->cdi = setup_is_older(w->version, 2, 0) ? SETUP_NO : SETUP_YES;
	else if (c.main && version_of(c.main) >= 3)
		status->cdi = SETUP_YES;
	return 0;
}

const struct setup_engine setup_containerd = { "containerd", "containerd", plan, inspect };
