/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind migrate: what others configured, said in our terms. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "format/toml.h"
#include "host/tree.h"
#include "migrate/compose.h"
#include "migrate/toolkit.h"
#include "nvbind/command.h"
#include "nvbind/migrate_output.h"
#include "request/runtime_policy.h"

#define FROM_TOOLKIT	   "--from " TOOLKIT_NAME
#define DAEMON_LIMIT_BYTES ((size_t)1 << 20)

struct migrate_options {
	enum compose_target target;
	bool has_target, from_toolkit;
	const char *config, *output;
	bool in_place, force, diff, dry_run, json, quiet;
};

static enum compose_target target_of(const char *word)
{
	if (strcmp(word, "runtime") == 0)
		return COMPOSE_TO_RUNTIME;
	return strcmp(word, "boltfile") == 0 ? COMPOSE_TO_BOLTFILE : COMPOSE_TO_CDI;
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct migrate_options *options = target;

	(void)err;
	switch (id) {
	case OPTION_MIGRATE_TO:
		options->target = target_of(value);
		options->has_target = true;
		break;
	case OPTION_MIGRATE_FROM:
		options->from_toolkit = strcmp(value, "compose") != 0;
		break;
	case OPTION_MIGRATE_CONFIG:
		options->config = value;
		break;
	case OPTION_MIGRATE_OUTPUT:
		options->output = value;
		break;
	case OPTION_MIGRATE_IN_PLACE:
		options->in_place = true;
		break;
	case OPTION_MIGRATE_FORCE:
		options->force = true;
		break;
	case OPTION_MIGRATE_DIFF:
		options->diff = true;
		break;
	case OPTION_MIGRATE_DRY_RUN:
		options->dry_run = true;
		break;
	case OPTION_MIGRATE_JSON:
		options->json = true;
		break;
	default:
		break;
	}
	return 0;
}

static int raise_together(const char *one, const char *other, struct nvb_error **err)
{
	return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' and '%s' exclude each other", one, other);
}

static int check_options(const struct migrate_options *o, struct nvb_error **err)
{
	if (o->in_place && o->output)
		return raise_together("--in-place", "--output", err);
	if (o->json && o->diff)
		return raise_together("--json", "--diff", err);
	if (o->json && o->output && strcmp(o->output, MIGRATE_STREAM) == 0)
		return raise_together("--json", "--output -", err);
	if (o->diff && o->output && strcmp(o->output, MIGRATE_STREAM) == 0)
		return raise_together("--diff", "--output -", err);
	if (o->from_toolkit && o->has_target)
		return raise_together(FROM_TOOLKIT, "--to", err);
	if (o->from_toolkit && o->in_place)
		return raise_together(FROM_TOOLKIT, "--in-place", err);
	if (!o->from_toolkit && o->config)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'--config' needs '" FROM_TOOLKIT "'");
	if (o->in_place && o->target == COMPOSE_TO_BOLTFILE)
		return NVB_HINT(err, raise_together("--in-place", "--to boltfile", err),
			"use --output Boltfile.toml");
	return 0;
}

/* The report, where nothing for machines goes; or as JSON, where it does. */
static int print_report(const struct migrate_options *o, const struct migrate_report *report,
	struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r = o->quiet && !o->json ? 0
		: o->json	     ? migrate_report_format_json(report, &text, err)
				     : migrate_report_format(report, &text, err);

	if (r < 0)
		return r;
	if (text)
		fputs(text, o->json ? stdout : stderr);
	return migrate_report_complete(report) ? 0 : 1;
}

/* Compose files. */

/* A Boltfile is a new file beside the compose file, which stays. */
static int print_compose_diff(const struct migrate_options *o, const struct migrate_input *input,
	const char *after, struct nvb_error **err)
{
	_cleanup_free_ char *old = NULL;
	int r;

	if (o->target != COMPOSE_TO_BOLTFILE)
		return migrate_print_diff(input->path, input->text, after, err);
	r = o->output ? migrate_read_old(o->output, &old, err) : 0;
	return r < 0 ? r
		     : migrate_print_diff(o->output ? o->output : "Boltfile.toml", old, after, err);
}

static int deliver(const struct migrate_options *o, const struct migrate_input *input,
	const struct compose_result *result, struct nvb_error **err)
{
	const bool writes = !o->dry_run && (o->in_place || o->output);
	int r = 0;

	if (o->diff)
		r = print_compose_diff(o, input, result->text, err);
	if (r < 0)
		return r;
	if (writes && o->in_place)
		return result->changed
			       ? migrate_replace(input, result->text, result->length, o->force, err)
			       : 0;
	if (writes)
		return migrate_write(o->output, result->text, result->length, o->force, err);
	if (!o->diff && !o->json)
		(void)fwrite(result->text, 1, result->length, stdout);
	return 0;
}

static int migrate_compose(
	const struct migrate_options *o, const char *path, struct nvb_error **err)
{
	_cleanup_(migrate_input_done) struct migrate_input input = { .path = path };
	_cleanup_(compose_result_done) struct compose_result result = { 0 };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct compose_files files = { .read = migrate_read_beside, .user = &input };
	int r;

	if (!arena)
		return NVB_OOM(err);
	if (o->in_place && strcmp(path, MIGRATE_STREAM) == 0)
		return raise_together("--in-place", MIGRATE_STREAM, err);
	r = migrate_input_read(&input, err);
	if (r >= 0)
		r = compose_migrate(
			path, input.text, input.length, o->target, &files, arena, &result, err);
	if (r >= 0)
		r = deliver(o, &input, &result, err);
	return r < 0 ? r : print_report(o, &result.report, err);
}

/* The toolkit. */

static int read_below(const struct host_tree *tree, const char *path, char **ret_text,
	size_t *ret_length, struct nvb_error **err)
{
	errint_t e = file_read_in(tree->root_fd, path, TOML_TEXT_LIMIT_BYTES, ret_text, ret_length);

	if (e >= 0)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err,
			e == -ENOENT ? NVB_ERR_NOT_FOUND : nvb_status_from_errno(-e, NVB_ERR_IO),
			-e, "read '%s'", path),
		"--config names the file, if it is elsewhere");
}

static int read_config(const struct migrate_options *o, const struct host_tree *tree,
	struct migrate_input *input, struct nvb_error **err)
{
	input->path = o->config ? o->config : TOOLKIT_CONFIG_PATH;
	return o->config ? migrate_input_read(input, err)
			 : read_below(tree, input->path, &input->text, &input->length, err);
}

/* What an engine starts stays as it is until its own configuration is changed. */
static int note_engines(const struct host_tree *tree, struct arena *a,
	struct migrate_report *report, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;

	if (file_read_in(tree->root_fd, TOOLKIT_DOCKER_CONFIG, DAEMON_LIMIT_BYTES, &text, &length) <
		0)
		return 0;
	return toolkit_note_docker(text, length, a, report, err);
}

static int print_policy_diff(const struct migrate_options *o, const struct host_tree *tree,
	const char *path, const char *policy, struct nvb_error **err)
{
	_cleanup_free_ char *old = NULL;
	int r = o->output ? migrate_read_old(path, &old, err)
			  : migrate_read_old_below(
				    tree->root_fd, RUNTIME_POLICY_PATH, path, &old, err);

	return r < 0 ? r : migrate_print_diff(path, old, policy, err);
}

static int deliver_policy(const struct migrate_options *o, const struct host_tree *tree,
	struct arena *a, const char *policy, struct nvb_error **err)
{
	const char *path = o->output ? o->output : host_tree_path(tree, a, RUNTIME_POLICY_PATH);
	int r = 0;

	if (!path)
		return NVB_OOM(err);
	if (o->diff)
		r = print_policy_diff(o, tree, path, policy, err);
	if (r < 0)
		return r;
	if (o->dry_run) {
		if (!o->diff && !o->json)
			fputs(policy, stdout);
		return 0;
	}
	if ((o->diff || o->json) && !o->output) {
		if (o->force)
			log_warning("'%s' is not written: with %s, only --output writes", path,
				o->diff ? "--diff" : "--json");
		return 0;
	}
	r = o->output ? migrate_write(path, policy, strlen(policy), o->force, err)
		      : migrate_write_below(tree->root_fd, RUNTIME_POLICY_PATH, path, policy,
				strlen(policy), o->force, err);
	return r == NVB_ERR_PERMISSION
		       ? NVB_HINT(err, r, "run it as root, or with --dry-run to see the policy")
		       : r;
}

static int migrate_toolkit(const struct migrate_options *o, const struct command_context *context,
	struct nvb_error **err)
{
	_cleanup_(migrate_input_done) struct migrate_input input = { 0 };
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct migrate_report report = { 0 };
	_cleanup_free_ char *policy = NULL;
	int r;

	if (!arena)
		return NVB_OOM(err);
	r = host_tree_open(context->host_root, &tree, err);
	if (r >= 0)
		r = read_config(o, &tree, &input, err);
	if (r >= 0)
		r = toolkit_migrate(
			input.path, input.text, input.length, arena, &policy, &report, err);
	if (r >= 0)
		r = note_engines(&tree, arena, &report, err);
	if (r >= 0)
		r = deliver_policy(o, &tree, arena, policy, err);
	return r < 0 ? r : print_report(o, &report, err);
}

/* 1: go on; *ret_file is NULL where none is named. */
static int parse_options(struct command_context *context, int argc, char **argv,
	struct migrate_options *options, const char **ret_file, struct nvb_error **err)
{
	int first =
		command_parse(COMMAND_MIGRATE, context, argc, argv, set_option, options, NULL, err);
	bool ended;
	int r;

	if (first <= 0 || first == argc)
		return first <= 0 ? first : 1;
	*ret_file = argv[first];
	ended = strcmp(argv[first - 1], "--") == 0;
	argc -= first;
	argv += first;
	if (ended) {
		r = command_no_operands(COMMAND_MIGRATE, 1, argc, argv, err);
		return r < 0 ? r : 1;
	}
	/* Options may stand behind the file too. */
	first = command_parse(COMMAND_MIGRATE, context, argc, argv, set_option, options, NULL, err);
	if (first <= 0)
		return first;
	r = command_no_operands(COMMAND_MIGRATE, first, argc, argv, err);
	return r < 0 ? r : 1;
}

int cmd_migrate(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	struct migrate_options options = { .target = COMPOSE_TO_CDI };
	struct command_context local = *context;
	const char *file = NULL;
	int r = parse_options(&local, argc, argv, &options, &file, err);

	if (r <= 0)
		return r;
	options.quiet = local.quiet;
	r = check_options(&options, err);
	if (r < 0)
		return r;
	if (options.from_toolkit && file)
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'" FROM_TOOLKIT "' takes no FILE: '%.128s'", file);
	if (options.from_toolkit)
		return migrate_toolkit(&options, &local, err);
	if (!file)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind migrate' needs a FILE"),
			"nvbind migrate docker-compose.yml, or " FROM_TOOLKIT);
	return migrate_compose(&options, file, err);
}
