/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind config validate: everything that is wrong or in doubt, of named files or of those that
 * count. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config_write.h"
#include "nvbind/config_command.h"

/* Finding texts quote keys of the file, which are escaped already. */
static int print_findings(const struct config_command *c, struct config_file *file)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct config_file *files[] = { file };
	const struct config config = { .arena = c->arena, .files = { .items = files, .n = 1 } };
	bool wrong = config_check_profiles(&config, &problem) < 0;

	vec_foreach (struct config_finding, finding, &file->findings)
		printf("%s%s%s\n", finding->text, finding->hint ? "; " : "",
			finding->hint ? finding->hint : "");
	if (wrong)
		printf("%s\n", nvb_error_message(problem));
	wrong |= file->findings.n > 0;
	if (!wrong)
		printf("%s: valid\n", file->name);
	return wrong;
}

/* Returns 1 if something is wrong with it. */
static int validate_text(const struct config_command *c, const char *name, const char *text,
	size_t length, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;
	struct config_file *file;
	int r = config_file_parse(c->arena, name, text, length, &file, &problem);

	if (r == NVB_ERR_NO_MEMORY)
		return NVB_OOM(err);
	if (r < 0) {
		printf("%s\n", nvb_error_message(problem));
		return 1;
	}
	return print_findings(c, file);
}

static int validate_named(
	const struct config_command *c, int n, char **names, struct nvb_error **err)
{
	int wrong = 0;

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *text = NULL;
		size_t length;
		int r = config_read_text(names[i], false, &text, &length, err);

		if (r >= 0)
			r = validate_text(c, names[i], text, length, err);
		if (r < 0)
			return r;
		wrong |= r;
	}
	return wrong;
}

static int validate_usual(const struct config_command *c, struct nvb_error **err)
{
	struct config_candidate_list list;
	int wrong = 0, found = 0;
	int r = config_search(c->arena, c->context.host_root, &c->files, &list, err);

	vec_foreach (struct config_candidate, candidate, &list) {
		if (r < 0)
			return r;
		if (candidate->state == CONFIG_REFUSED)
			printf("%s: not read: %s\n", candidate->path, candidate->why);
		wrong |= candidate->state == CONFIG_REFUSED;
		if (candidate->state != CONFIG_COUNTS)
			continue;
		found = 1;
		r = validate_text(c, candidate->path, candidate->text, candidate->length, err);
		wrong |= r > 0;
	}
	if (r >= 0 && !found && !wrong)
		log_notice("there is no configuration file; 'nvbind config path' shows where one "
			   "may be");
	return r < 0 ? r : wrong;
}

int cmd_config_validate(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct config_command c = { .arena = a };
	int first = a ? config_command_parse(COMMAND_CONFIG_VALIDATE, context, argc, argv, &c, err)
		      : NVB_OOM(err);

	if (first <= 0)
		return first;
	return first < argc ? validate_named(&c, argc - first, argv + first, err)
			    : validate_usual(&c, err);
}
