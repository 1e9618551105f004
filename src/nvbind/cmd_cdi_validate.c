/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cdi/document.h"
#include "cdi/presence.h"
#include "format/json.h"
#include "gpu/discover.h"
#include "nvbind/cdi_arguments.h"

/* Every finding is an error: an engine would refuse the file, or the container not start. */
struct report_line {
	const char *path;
	const char *field; /* NULL: in the message, or none */
	const char *message;
};

struct report {
	struct arena *arena;
	const struct host_tree *tree;
	struct inventory *inventory;
	struct report_line_list VEC(struct report_line) lines;
	struct string_list valid; /* files without a finding */
};

static int add_line(struct report *report, const char *path, const char *field, const char *message,
	struct nvb_error **err)
{
	struct report_line *line = vec_push(report->arena, &report->lines);

	if (!line)
		return NVB_OOM(err);
	line->path = arena_strdup(report->arena, path);
	line->field = field;
	line->message = arena_strdup(report->arena, message);
	return line->path && line->message ? 0 : NVB_OOM(err);
}

/* No error of the file's, but whoever may change it names programs that engines run as root. */
static void warn_of_writers(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		log_warning("'%s' belongs to another user, who may have hooks of his run as root",
			path);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		log_warning(
			"others may write to '%s', and so have hooks of theirs run as root", path);
}

static int check_spec(struct report *report, const struct cdi_spec *spec, struct nvb_error **err)
{
	struct cdi_finding_list findings = { 0 };
	int r;

	warn_of_writers(spec->path);
	r = cdi_spec_find_missing(spec, report->tree,
		cdi_spec_driver_version(spec, report->inventory), report->arena, &findings, err);
	vec_foreach (struct cdi_finding, finding, &findings)
		if (r >= 0)
			r = add_line(report, spec->path, finding->field, finding->message, err);
	if (r >= 0 && !findings.n && string_list_add(report->arena, &report->valid, spec->path) < 0)
		r = NVB_OOM(err);
	return r < 0 ? r : 0;
}

static int check_file(struct report *report, const char *path, struct nvb_error **err)
{
	_cleanup_(cdi_spec_freep) struct cdi_spec *spec = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;

	if (cdi_document_read(AT_FDCWD, path, path, &spec, &problem) < 0)
		return add_line(report, path, NULL, nvb_error_message(problem), err);
	return check_spec(report, spec, err);
}

static int check_registry(
	struct report *report, const struct cdi_arguments *arguments, struct nvb_error **err)
{
	_cleanup_(cdi_registry_freep) struct cdi_registry *registry = NULL;
	int r;

	r = cdi_registry_read(&arguments->directories, &registry, err);
	if (r < 0)
		return r;
	vec_foreach (struct cdi_problem, problem, &registry->problems)
		if (r >= 0)
			r = add_line(report, problem->path, NULL, problem->message, err);
	vec_foreach (struct cdi_conflict, conflict, &registry->conflicts) {
		const char *message = arena_printf(report->arena, "'%s' is defined by '%s' too",
			conflict->name, conflict->other_path);

		if (r >= 0)
			r = message ? add_line(report, conflict->path, NULL, message, err)
				    : NVB_OOM(err);
	}
	vec_foreach (struct cdi_spec *, spec, &registry->specs)
		if (r >= 0)
			r = check_spec(report, *spec, err);
	return r < 0 ? r : 0;
}

/* Messages of files begin with the file already. */
static const char *without_path(const struct report_line *line)
{
	const size_t length = strlen(line->path);

	if (strncmp(line->message, line->path, length) == 0 && (line->message[length] == ':'))
		return line->message + length;
	return NULL;
}

static void print_text(const struct report *report)
{
	vec_foreach (const struct report_line, line, &report->lines) {
		const char *rest = without_path(line);

		if (rest)
			printf("%s%s\n", line->path, rest);
		else if (line->field)
			printf("%s: '%s': %s\n", line->path, line->field, line->message);
		else
			printf("%s: %s\n", line->path, line->message);
	}
	vec_foreach (const char *const, path, &report->valid)
		printf("%s: valid\n", *path);
}

static int print_json(const struct report *report, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	_cleanup_free_ char *text = NULL;
	struct json_object *list = json_add_array(&b, root, "findings");
	int r;

	vec_foreach (const struct report_line, line, &report->lines) {
		struct json_object *object = json_append_object(&b, list);

		json_add_string(&b, object, "path", line->path);
		json_add_string(&b, object, "field", line->field);
		json_add_string(&b, object, "message", line->message);
	}
	list = json_add_array(&b, root, "valid");
	vec_foreach (const char *const, path, &report->valid)
		json_append_string(&b, list, *path);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		fputs(text, stdout);
	return r < 0 ? r : 0;
}

static int examine(
	struct report *report, const struct cdi_arguments *arguments, struct nvb_error **err)
{
	int r = 0;

	if (!arguments->operands.n)
		r = check_registry(report, arguments, err);
	vec_foreach (const char *const, path, &arguments->operands)
		if (r >= 0)
			r = check_file(report, *path, err);
	if (r < 0)
		return r;
	if (!arguments->json)
		print_text(report);
	return arguments->json ? print_json(report, err) : 0;
}

int cmd_cdi_validate(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(cdi_arguments_done) struct cdi_arguments arguments = CDI_ARGUMENTS_INIT;
	_cleanup_(inventory_freep) struct inventory *inventory = NULL;
	struct report report;
	int r;

	r = cdi_arguments_parse(COMMAND_CDI_VALIDATE, context, argc, argv, &arguments, err);
	if (r <= 0)
		return r;
	r = inventory_discover(&arguments.tree, &inventory, err);
	if (r < 0)
		return r;
	report = (struct report){
		.arena = arguments.arena,
		.tree = &arguments.tree,
		.inventory = inventory,
	};
	r = examine(&report, &arguments, err);
	return r < 0 ? r : report.lines.n > 0;
}
