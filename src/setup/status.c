/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/status.h"

#include <string.h>

#include "format/json.h"
#include "setup/engine.h"
#include "setup/version.h"

#define TEXT_LIMIT_BYTES ((size_t)1 << 20)

static const char *const spec_directories[] = { "/etc/cdi", "/var/run/cdi" };

void setup_report_free(struct setup_report *report)
{
	if (report)
		arena_free(report->arena);
}

static int add_missing(struct setup_report *report, struct setup_status *status, const char *format,
	const char *word, struct nvb_error **err)
{
	return string_list_printf(report->arena, &status->missing, "%s%s", format, word) < 0
		       ? NVB_OOM(err)
		       : 0;
}

/* What stands between this engine and a GPU by one of the two ways. */
static int find_missing(const struct host_tree *tree, struct setup_report *report,
	struct setup_status *status, struct nvb_error **err)
{
	int r = 0;

	if (!status->program || status->problem)
		return 0;
	if (status->runtime_path && status->runtime_path[0] == '/' &&
		!host_tree_exists(tree, status->runtime_path))
		r = add_missing(report, status, "install ", status->runtime_path, err);
	if (r >= 0 && !status->runtime_path && status->cdi != SETUP_YES)
		r = add_missing(report, status, "nvbind setup ", status->engine, err);
	if (r >= 0 && status->cdi == SETUP_YES && !report->specs.n)
		r = add_missing(report, status, "nvbind cdi generate", "", err);
	return r;
}

static int check_engine(const struct setup_engine *engine, const struct host_tree *tree,
	const struct setup_options *options, struct setup_report *report, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct setup_status *status = vec_push(report->arena, &report->engines);
	struct setup_work w = { .arena = report->arena, .tree = tree, .options = options };

	if (!status)
		return NVB_OOM(err);
	*status = (struct setup_status){ .engine = engine->name, .cdi = SETUP_UNKNOWN };
	status->program = setup_program(tree, report->arena, engine->programs);
	status->version = w.version = setup_version(tree, report->arena, engine->programs);
	if (engine->inspect(&w, status, &problem) < 0) {
		status->problem = arena_strdup(report->arena, nvb_error_message(problem));
		if (!status->problem)
			return NVB_OOM(err);
	}
	status->config_exists = status->config && host_tree_exists(tree, status->config);
	status->is_default =
		status->default_runtime && strcmp(status->default_runtime, SETUP_RUNTIME_NAME) == 0;
	return find_missing(tree, report, status, err);
}

static int find_specs(
	const struct host_tree *tree, struct setup_report *report, struct nvb_error **err)
{
	static const char *const suffixes[] = { ".json", ".yaml" };
	struct setup_work w = { .arena = report->arena, .tree = tree };
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(spec_directories); i++)
		for (size_t k = 0; k < ELEMENTS(suffixes) && r >= 0; k++)
			r = setup_list(&w, spec_directories[i], suffixes[k], &report->specs, err);
	return r;
}

int setup_check(const struct host_tree *tree, const struct setup_options *options,
	const struct setup_engine *only, struct setup_report **ret, struct nvb_error **err)
{
	struct arena *a = arena_new();
	_cleanup_(setup_report_freep) struct setup_report *report =
		a ? arena_new_object(a, struct setup_report) : NULL;
	int r;

	if (!report) {
		arena_free(a);
		return NVB_OOM(err);
	}
	report->arena = a;
	r = find_specs(tree, report, err);
	for (size_t i = 0; setup_engine_at(i) && r >= 0; i++)
		if (!only || only == setup_engine_at(i))
			r = check_engine(setup_engine_at(i), tree, options, report, err);
	if (r >= 0)
		*ret = TAKE_PTR(report);
	return r;
}

static void format_runtime(const struct setup_status *s, struct strbuf *out)
{
	if (s->problem) {
		strbuf_printf(out, "  problem     %s\n", s->problem);
		return;
	}
	strbuf_printf(out, "  runtime     %s\n", s->runtime_path ? s->runtime_path : "not set up");
	strbuf_printf(out, "  default     %s\n",
		s->default_runtime ? s->default_runtime : "the engine's own");
	if (s->nvidia_runtime)
		strbuf_printf(out, "  nvidia      %s\n", s->nvidia_runtime);
	strbuf_printf(out, "  CDI         %s\n",
		s->cdi == SETUP_YES  ? "on"
		: s->cdi == SETUP_NO ? "off"
				     : "not known");
}

static void format_status(const struct setup_status *s, struct strbuf *out)
{
	if (!s->program && !s->config_exists && !s->problem) {
		strbuf_printf(out, "%s: not installed\n", s->engine);
		return;
	}
	strbuf_printf(out, "%s: %s%s%s\n", s->engine, s->program ? s->program : "no program",
		s->version ? ", version " : "", s->version ? s->version : "");
	strbuf_printf(out, "  file        %s%s\n", s->config, s->config_exists ? "" : " (none)");
	format_runtime(s, out);
	vec_foreach (const char *, missing, &s->missing)
		strbuf_printf(out, "  to do       %s\n", *missing);
}

int setup_report_format_text(const struct setup_report *report, char **ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf out = STRBUF_INIT(TEXT_LIMIT_BYTES);

	vec_foreach (const struct setup_status, s, &report->engines)
		format_status(s, &out);
	strbuf_printf(&out, "CDI specifications: %zu\n", report->specs.n);
	vec_foreach (const char *, spec, &report->specs)
		strbuf_printf(&out, "  %s\n", *spec);
	*ret = strbuf_take(&out);
	return *ret ? 0 : NVB_OOM(err);
}

static void add_list(struct json_builder *b, struct json_object *o, const char *key,
	const struct string_list *list)
{
	struct json_object *array = json_add_array(b, o, key);

	vec_foreach (const char *, item, list)
		json_append_string(b, array, *item);
}

static void add_status(struct json_builder *b, struct json_object *o, const struct setup_status *s)
{
	json_add_string(b, o, "engine", s->engine);
	json_add_bool(b, o, "installed", s->program != NULL);
	json_add_string(b, o, "program", s->program);
	json_add_string(b, o, "version", s->version);
	json_add_string(b, o, "config", s->config);
	json_add_bool(b, o, "config_exists", s->config_exists);
	json_add_string(b, o, "problem", s->problem);
	json_add_string(b, o, "runtime", s->runtime_path);
	json_add_string(b, o, "default_runtime", s->default_runtime);
	json_add_bool(b, o, "is_default", s->is_default);
	json_add_string(b, o, "nvidia_runtime", s->nvidia_runtime);
	if (s->cdi == SETUP_UNKNOWN)
		json_add_null(b, o, "cdi");
	else
		json_add_bool(b, o, "cdi", s->cdi == SETUP_YES);
	add_list(b, o, "missing", &s->missing);
}

int setup_report_format_json(const struct setup_report *report, char **ret, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *engines = json_add_array(&b, root, "engines");
	int r;

	vec_foreach (const struct setup_status, s, &report->engines)
		add_status(&b, json_append_object(&b, engines), s);
	add_list(&b, root, "cdi_specs", &report->specs);
	r = json_builder_check(&b, err);
	return r < 0 ? r : json_format(root, JSON_PRETTY, ret, NULL, err);
}
