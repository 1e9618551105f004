/* SPDX-License-Identifier: Apache-2.0 */
#include "migrate/toolkit.h"

#include <string.h>

#include "base/path.h"
#include "format/json.h"
#include "format/toml.h"
#include "gpu/capability.h"
#include "request/runtime_policy.h"

#define DEPTH_LIMIT 8

static const char no_compat_switch[] = "the newer of the driver's and the image's libcuda is used "
				       "where that can work; there is no "
				       "switch";

struct migration {
	struct arena *arena;
	struct runtime_policy policy;
	struct toml_document *document;
	struct migrate_report *report;
	struct migrate_entry *entry; /* of the key at hand */
	const char *path[DEPTH_LIMIT];
	size_t depth;
	struct nvb_error **err;
};

static void migration_done(struct migration *m)
{
	toml_free(m->document);
}

#define SAY(m, kind, ...) migrate_remark((m)->arena, (m)->entry, (kind), 0, (m)->err, __VA_ARGS__)

static int become(struct migration *m, const char *key)
{
	m->entry->outcome = MIGRATE_CONVERTED;
	return SAY(m, MIGRATE_BECOMES, "%s", key);
}

static int not_converted(struct migration *m, const char *why)
{
	m->entry->outcome = MIGRATE_NOT_CONVERTED;
	return SAY(m, MIGRATE_LOST, "%s", why);
}

static int needs_nothing(struct migration *m, const char *why)
{
	return SAY(m, MIGRATE_NOTE, "%s", why);
}

/* Values. */

static int raise_type(struct migration *m, const char *expected)
{
	return NVB_RAISE(m->err, NVB_ERR_FORMAT, 0, "'%s' must be %s", m->entry->name, expected);
}

static int as_truth(struct migration *m, struct json_object *value, bool *ret)
{
	if (!json_object_is_type(value, json_type_boolean))
		return raise_type(m, "true or false");
	*ret = json_object_get_boolean(value);
	return 0;
}

static int as_text(struct migration *m, struct json_object *value, const char **ret)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return raise_type(m, "a text");
	text = arena_strdup(m->arena, json_object_get_string(value));
	if (!text)
		return NVB_OOM(m->err);
	*ret = text;
	return 0;
}

/* A list of texts, or one text that commas part. */
static int as_list(struct migration *m, struct json_object *value, struct string_list *ret)
{
	const char *text = NULL;
	int r;

	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			r = as_text(m, json_object_array_get_idx(value, i), &text);
			if (r < 0)
				return r;
			if (string_list_add(m->arena, ret, text) < 0)
				return NVB_OOM(m->err);
		}
		return 0;
	}
	r = as_text(m, value, &text);
	while (r >= 0 && *(text += strspn(text, ", "))) {
		const size_t n = strcspn(text, ", ");

		if (string_list_add(m->arena, ret, arena_strndup(m->arena, text, n)) < 0)
			return NVB_OOM(m->err);
		text += n;
	}
	return r;
}

/* Keys that become something. */

typedef int (*key_function)(struct migration *m, struct json_object *value);

static int on_disable_require(struct migration *m, struct json_object *value)
{
	int r = as_truth(m, value, &m->policy.container.disable_require);

	return r < 0 ? r : become(m, "disable_require");
}

static int on_swarm_resource(struct migration *m, struct json_object *value)
{
	struct string_list list = { 0 };
	int r = as_list(m, value, &list);

	if (r < 0)
		return r;
	if (!list.n)
		return needs_nothing(m, "none is named");
	m->policy.container.swarm_resources = list;
	return become(m, "swarm_resources");
}

static int on_accept_envvar(struct migration *m, struct json_object *value)
{
	bool accept = true;
	int r = as_truth(m, value, &accept);

	if (r < 0)
		return r;
	m->policy.container.accept_environment = accept ? POLICY_ALWAYS : POLICY_PRIVILEGED;
	m->policy.container.accept_exclusive = m->policy.container.accept_environment;
	/* Annotations were never bound by this; ours would follow it. */
	m->policy.container.accept_annotations = POLICY_ALWAYS;
	return become(m, accept ? "accept_environment = always"
				: "accept_environment = privileged, accept_annotations = always");
}

static int on_accept_mounts(struct migration *m, struct json_object *value)
{
	bool accept = false;
	int r = as_truth(m, value, &accept);

	if (r < 0)
		return r;
	m->policy.container.accept_volume_mounts = accept ? POLICY_ALWAYS : POLICY_NEVER;
	return become(m, accept ? "accept_volume_mounts = always" : "accept_volume_mounts = never");
}

static int on_capabilities(struct migration *m, struct json_object *value)
{
	const char *text = NULL;
	capability_set set;
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	if (capability_parse(text, &set, NULL) < 0)
		return not_converted(m, "a capability in it is not known");
	m->policy.container.capabilities = set;
	return become(m, "capabilities");
}

static int on_root(struct migration *m, struct json_object *value)
{
	const char *text = "";
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	if (!*text || strcmp(text, "/") == 0)
		return needs_nothing(m, "this machine itself is the default");
	if (!path_is_normal(text))
		return not_converted(m, "host_root takes an absolute path");
	m->policy.host_root = text;
	return become(m, "host_root");
}

static int on_debug(struct migration *m, struct json_object *value)
{
	const char *text = "";
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	if (!*text || strcmp(text, "/dev/null") == 0)
		return needs_nothing(m, "no log but the engine's is the default");
	if (!path_is_normal(text))
		return not_converted(m, "log_path takes an absolute path");
	m->policy.log_path = text;
	return become(m, "log_path");
}

static int on_log_level(struct migration *m, struct json_object *value)
{
	static const struct {
		const char *theirs, *ours;
	} levels[] = {
		{ "trace", "debug" },
		{ "debug", "debug" },
		{ "info", "info" },
		{ "warning", "warning" },
		{ "warn", "warning" },
		{ "error", "error" },
		{ "fatal", "error" },
		{ "panic", "error" },
	};
	const char *text = NULL;
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTS(levels); i++) {
		if (strcmp(text, levels[i].theirs) != 0)
			continue;
		m->policy.log_level = levels[i].ours;
		return become(m, "log_level");
	}
	return not_converted(m, "no such level is known");
}

static int on_runtimes(struct migration *m, struct json_object *value)
{
	struct string_list list = { 0 };
	int r = as_list(m, value, &list);

	if (r < 0)
		return r;
	vec_foreach (const char *, name, &list)
		if (!**name || (strchr(*name, '/') && !path_is_normal(*name)))
			return not_converted(
				m, "low_level_runtimes takes names and absolute paths");
	if (!list.n)
		return needs_nothing(m, "none is named: the default is tried");
	m->policy.low_level_runtimes = list;
	return become(m, "low_level_runtimes");
}

static int on_annotation_prefixes(struct migration *m, struct json_object *value)
{
	struct string_list list = { 0 };
	int r = as_list(m, value, &list);

	if (r < 0)
		return r;
	m->policy.container.annotation_prefixes = list;
	return become(m, "annotation_prefixes");
}

static int on_ignore_imex(struct migration *m, struct json_object *value)
{
	int r = as_truth(m, value, &m->policy.container.ignore_imex_channels);

	return r < 0 ? r : become(m, "ignore_imex_channels");
}

static int on_mode(struct migration *m, struct json_object *value)
{
	const char *text = NULL;
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	if (strcmp(text, "csv") == 0)
		return not_converted(m, "Tegra's lists of files are not read");
	return needs_nothing(m,
		"there is one mode: CDI names are taken from specifications, all else from the "
		"machine");
}

static int on_cuda_compat(struct migration *m, struct json_object *value)
{
	const char *text = NULL;
	int r = as_text(m, value, &text);

	if (r < 0)
		return r;
	return strcmp(text, "disabled") == 0 ? not_converted(m, no_compat_switch)
					     : needs_nothing(m, no_compat_switch);
}

/*
 * Every key. A key without a function needs nothing while its value is `harmless` (JSON without
 * blanks; NULL: whatever it is), and is not converted otherwise.
 */
static const struct key {
	const char *name;
	key_function function;
	const char *harmless;
	const char *reason;
} keys[] = {
	{ "disable-require", on_disable_require, NULL, NULL },
	{ "swarm-resource", on_swarm_resource, NULL, NULL },
	{ "accept-nvidia-visible-devices-envvar-when-unprivileged", on_accept_envvar, NULL, NULL },
	{ "accept-nvidia-visible-devices-as-volume-mounts", on_accept_mounts, NULL, NULL },
	{ "supported-driver-capabilities", on_capabilities, NULL, NULL },

	{ "nvidia-container-cli.root", on_root, NULL, NULL },
	{ "nvidia-container-cli.path", NULL, NULL, "no other program is started for a container" },
	{ "nvidia-container-cli.environment", NULL, NULL,
		"no other program is started for a container" },
	{ "nvidia-container-cli.debug", NULL, NULL,
		"there is one log: log_path, from nvidia-container-runtime.debug" },
	{ "nvidia-container-cli.ldcache", NULL, "\"\"",
		"the cache of host_root is read, and no other" },
	{ "nvidia-container-cli.load-kmods", NULL, NULL,
		"a container start loads no kernel modules; they are loaded at boot, and 'nvbind "
		"doctor' tells what is missing" },
	{ "nvidia-container-cli.no-pivot", NULL, NULL, "no process enters the container's root" },
	{ "nvidia-container-cli.no-cgroups", NULL, NULL,
		"the low-level runtime sets the device rules, as far as it may" },
	{ "nvidia-container-cli.user", NULL, NULL, "no process with another user is started" },
	{ "nvidia-container-cli.ldconfig", NULL, NULL,
		"no ldconfig is run, and the container's ld.so.cache is not touched: libraries go "
		"where the loader looks" },

	{ "nvidia-container-runtime.debug", on_debug, NULL, NULL },
	{ "nvidia-container-runtime.log-level", on_log_level, NULL, NULL },
	{ "nvidia-container-runtime.runtimes", on_runtimes, NULL, NULL },
	{ "nvidia-container-runtime.mode", on_mode, NULL, NULL },
	{ "nvidia-container-runtime.modes.csv.mount-spec-path", NULL,
		"\"/etc/nvidia-container-runtime/host-files-for-container.d\"",
		"Tegra's lists of files are not read" },
	{ "nvidia-container-runtime.modes.csv.compat-container-root", NULL, "\"\"",
		"Tegra's lists of files are not read" },
	{ "nvidia-container-runtime.modes.cdi.spec-dirs", NULL, "[\"/etc/cdi\",\"/var/run/cdi\"]",
		"specifications are read from /etc/cdi and /var/run/cdi" },
	{ "nvidia-container-runtime.modes.cdi.default-kind", NULL, "\"nvidia.com/gpu\"",
		"a device without a kind is one of nvidia.com/gpu" },
	{ "nvidia-container-runtime.modes.cdi.annotation-prefixes", on_annotation_prefixes, NULL,
		NULL },
	{ "nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags", NULL, "[]",
		"flags of NVIDIA's library, which is not used" },
	{ "nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks", NULL, NULL,
		"the runtime adds no hooks" },
	{ "nvidia-container-runtime.modes.legacy.cuda-compat-mode", on_cuda_compat, NULL, NULL },

	{ "nvidia-container-runtime-hook.path", NULL, NULL, "the runtime adds no hooks" },
	{ "nvidia-container-runtime-hook.skip-mode-detection", NULL, NULL, "there is one mode" },
	{ "nvidia-ctk.path", NULL, NULL, "no other program is started for a container" },

	{ "features.allow-cuda-compat-libs-from-container", NULL, "false",
		"no file of a container is ever a source of a mount (CVE-2024-0132)" },
	{ "features.allow-ldconfig-from-container", NULL, "false",
		"no program of a container is ever run (CVE-2024-0136)" },
	{ "features.allow-unknown-oci-spec-fields", NULL, NULL,
		"unknown fields always stay as they are" },
	{ "features.disable-cuda-compat-lib-hook", NULL, "false", no_compat_switch },
	{ "features.disable-imex-channel-creation", NULL, NULL,
		"nodes of channels are never created" },
	{ "features.ignore-imex-channel-requests", on_ignore_imex, NULL, NULL },
	{ "features.no-additional-gids-for-device-nodes", NULL, "false",
		"a container always gets the groups that may open its nodes" },
};

size_t toolkit_key_count(void)
{
	return ELEMENTS(keys);
}

const char *toolkit_key_name(size_t i)
{
	return keys[i].name;
}

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* True for a table in which a known key is. */
static bool is_table(const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i < ELEMENTS(keys); i++)
		if (strncmp(keys[i].name, name, n) == 0 && keys[i].name[n] == '.')
			return true;
	return false;
}

/* Walking. */

static int apply_key(struct migration *m, const struct key *key, struct json_object *value)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (!key)
		return not_converted(m, "this key is not known");
	if (key->function)
		return key->function(m, value);
	if (!key->harmless)
		return needs_nothing(m, key->reason);
	r = json_format(value, JSON_PLAIN, &text, NULL, m->err);
	if (r < 0)
		return r;
	return strcmp(text, key->harmless) == 0 ? needs_nothing(m, key->reason)
						: not_converted(m, key->reason);
}

static int add_entry(struct migration *m, const char *name)
{
	struct toml_position begin, end;

	m->entry = vec_push(m->arena, &m->report->entries);
	if (!m->entry)
		return NVB_OOM(m->err);
	*m->entry = (struct migrate_entry){
		.name = name,
		.outcome = MIGRATE_NOTHING_TO_DO,
	};
	if (toml_locate(m->document, m->path, m->depth, &begin, &end))
		m->entry->line = begin.line;
	return 0;
}

static int walk(struct migration *m, const char *prefix, struct json_object *table)
{
	int r = 0;

	json_object_object_foreach(table, name, value)
	{
		const char *full = *prefix ? arena_printf(m->arena, "%s.%s", prefix, name)
					   : arena_strdup(m->arena, name);

		if (!full)
			return NVB_OOM(m->err);
		m->path[m->depth++] = name;
		if (json_object_is_type(value, json_type_object) && is_table(full) &&
			m->depth < DEPTH_LIMIT) {
			r = walk(m, full, value);
		} else {
			r = add_entry(m, full);
			if (r >= 0)
				r = apply_key(m, find_key(full), value);
		}
		m->depth--;
		if (r < 0)
			return r;
	}
	return 0;
}

/* As the file stands, and not as its tables are sorted. */
static void sort_by_line(struct migrate_report *report)
{
	for (size_t i = 1; i < report->entries.n; i++) {
		const struct migrate_entry moved = report->entries.items[i];
		size_t at = i;

		for (; at > 0 && report->entries.items[at - 1].line > moved.line; at--)
			report->entries.items[at] = report->entries.items[at - 1];
		report->entries.items[at] = moved;
	}
}

int toolkit_migrate(const char *name, const char *text, size_t length, struct arena *a,
	char **ret_policy, struct migrate_report *ret_report, struct nvb_error **err)
{
	static const char *default_runtimes[] = { "runc", "crun" };
	struct migrate_report report = { .source = name, .what = "key" };
	_cleanup_(migration_done) struct migration m = {
		.arena = a,
		.policy = {
			.container = container_policy_default,
			.low_level_runtimes = { .items = default_runtimes,
				.n = ELEMENTS(default_runtimes) },
			.host_root = "/",
			.log_level = "warning",
		},
		.report = &report,
		.err = err,
	};
	int r = toml_parse(name, text, length, &m.document, err);

	if (r < 0)
		return r;
	r = walk(&m, "", toml_root(m.document));
	if (r < 0)
		return NVB_CONTEXT(err, r, "read '%s'", name);
	sort_by_line(&report);
	if (!report.entries.n && string_list_add(a, &report.remarks,
					 "the file sets nothing: all is as by default") < 0)
		return NVB_OOM(err);
	r = runtime_policy_format(&m.policy, ret_policy, err);
	if (r < 0)
		return r;
	*ret_report = report;
	return 0;
}

int toolkit_note_docker(const char *text, size_t length, struct arena *a,
	struct migrate_report *report, struct nvb_error **err)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct json_object *runtimes = NULL;

	if (json_parse(text, length, &root, NULL) < 0 ||
		!json_object_is_type(root, json_type_object) ||
		!json_object_object_get_ex(root, "runtimes", &runtimes) ||
		!json_object_is_type(runtimes, json_type_object) ||
		!json_object_object_get_ex(runtimes, "nvidia", NULL))
		return 0;
	return string_list_add(a, &report->remarks,
		       "Docker still knows the runtime 'nvidia': 'nvbind setup docker' adds ours") <
			       0
		       ? NVB_OOM(err)
		       : 0;
}
