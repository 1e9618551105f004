/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind config init, set and unset: what writes a file. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config_edit.h"
#include "config/config_output.h"
#include "config/config_write.h"
#include "nvbind/config_command.h"

#define TEMPLATE_LIMIT_BYTES ((size_t)1 << 20)

static int raise_no_home(struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_USAGE, 0, "find a place for the configuration: no HOME"),
		"name the file");
}

int cmd_config_init(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(TEMPLATE_LIMIT_BYTES);
	struct config_command c = { .arena = a };
	int r = a ? config_command_parse(COMMAND_CONFIG_INIT, context, argc, argv, &c, err)
		  : NVB_OOM(err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_CONFIG_INIT, r, argc, argv, err);
	if (r < 0)
		return r;
	config_output_template(&text);
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	if (c.path && strcmp(c.path, "-") == 0) {
		(void)fputs(strbuf_str(&text), stdout);
		return 0;
	}
	if (!c.path)
		c.path = config_own_path(a, c.context.host_root);
	if (!c.path)
		return raise_no_home(err);
	r = config_write_text(c.path, strbuf_str(&text), c.force, err);
	if (r >= 0 && !c.context.quiet)
		printf("'%s' is written\n", c.path);
	return r;
}

int config_command_find_file(
	struct arena *a, const char *host_root, const char **path, struct nvb_error **err)
{
	const struct string_list none = { 0 };
	struct config_candidate_list list;
	int r;

	if (*path)
		return 0;
	r = config_search(a, host_root, &none, &list, err);
	if (r < 0)
		return r;
	vec_foreach (struct config_candidate, candidate, &list)
		if (candidate->state == CONFIG_COUNTS && !*path)
			*path = candidate->path;
	if (!*path)
		*path = config_own_path(a, host_root);
	return *path ? 0 : raise_no_home(err);
}

/* `value` NULL: remove the key. */
static int change(
	struct config_command *c, const char *key, const char *value, struct nvb_error **err)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	size_t length;
	int r = config_command_find_file(c->arena, c->context.host_root, &c->path, err);

	if (r >= 0)
		r = config_read_text(c->path, value != NULL, &before, &length, err);
	if (r < 0)
		return r;
	if (strlen(before) != length)
		return NVB_RAISE(
			err, NVB_ERR_FORMAT, 0, "change '%s': it holds a NUL byte", c->path);
	r = value ? config_edit_set(c->arena, c->path, before, key, value, &after, err)
		  : config_edit_unset(c->arena, c->path, before, key, &after, err);
	if (r < 0)
		return r;
	if (strcmp(before, after) == 0) {
		log_notice("'%s' says so already", c->path);
		return 0;
	}
	r = config_write_text(c->path, after, true, err);
	if (r >= 0)
		log_notice("'%s' is changed", c->path);
	return r;
}

int cmd_config_set(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	const char *key, *value;
	int r, first = a ? config_command_parse(COMMAND_CONFIG_SET, context, argc, argv, &c, err)
			 : NVB_OOM(err);

	if (first <= 0)
		return first;
	if (first + 1 >= argc)
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'nvbind config set' needs a KEY and a VALUE");
	key = argv[first];
	value = argv[first + 1];
	/* Options may stand behind the value too. */
	argc -= first + 1;
	argv += first + 1;
	first = config_command_parse(COMMAND_CONFIG_SET, &c.context, argc, argv, &c, err);
	if (first <= 0)
		return first;
	r = command_no_operands(COMMAND_CONFIG_SET, first, argc, argv, err);
	return r < 0 ? r : change(&c, key, value, err);
}

int cmd_config_unset(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	const char *key;
	int r, first = a ? config_command_parse(COMMAND_CONFIG_UNSET, context, argc, argv, &c, err)
			 : NVB_OOM(err);

	if (first <= 0)
		return first;
	if (first >= argc)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'nvbind config unset' needs a KEY");
	key = argv[first];
	argc -= first;
	argv += first;
	first = config_command_parse(COMMAND_CONFIG_UNSET, &c.context, argc, argv, &c, err);
	if (first <= 0)
		return first;
	r = command_no_operands(COMMAND_CONFIG_UNSET, first, argc, argv, err);
	return r < 0 ? r : change(&c, key, NULL, err);
}
