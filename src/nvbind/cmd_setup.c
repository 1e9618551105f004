/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind setup: shows a plan of src/setup/ and carries it out. */
#include <stdio.h>

#include "base/log.h"
#include "nvbind/setup_options.h"
#include "setup/status.h"

#define DIFFERENCE_LIMIT_BYTES ((size_t)32 << 20)

static int show(const struct setup_plan *plan, bool *ret_any, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(DIFFERENCE_LIMIT_BYTES);
	int r = setup_plan_format(plan, &text, err);

	if (r < 0)
		return r;
	fputs(strbuf_str(&text), stdout);
	*ret_any = text.length > 0;
	return 0;
}

static void tell(const struct setup_command *c, const struct setup_plan *plan, bool any)
{
	const char *name = setup_engine_name(c->engine);

	vec_foreach (const char *, note, &plan->notes)
		printf("%s: %s\n", name, *note);
	if (!any)
		printf("%s: nothing to %s\n", name, c->undo ? "undo" : "do");
	else if (c->dry_run)
		printf("%s: nothing has been changed (--dry-run)\n", name);
	else if (plan->activation)
		printf("%s: done; it counts after: %s\n", name, plan->activation);
	else
		printf("%s: done\n", name);
}

static int run_plan(
	const struct setup_command *c, const struct host_tree *tree, struct nvb_error **err)
{
	_cleanup_(setup_plan_freep) struct setup_plan *plan = NULL;
	bool any = false;
	int r = c->undo ? setup_plan_undo(c->engine, tree, &c->options, &plan, err)
			: setup_plan_make(c->engine, tree, &c->options, &plan, err);

	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &plan->warnings)
		log_warning("%s", *warning);
	r = show(plan, &any, err);
	if (r >= 0 && !c->dry_run)
		r = setup_plan_apply(plan, tree, err);
	if (r >= 0)
		tell(c, plan, any);
	return r < 0 ? r : 0;
}

/* Returns 1 if the configuration of an engine cannot be read. */
static int run_check(
	const struct setup_command *c, const struct host_tree *tree, struct nvb_error **err)
{
	_cleanup_(setup_report_freep) struct setup_report *report = NULL;
	_cleanup_free_ char *text = NULL;
	int r = setup_check(tree, &c->options, c->engine, &report, err);

	if (r >= 0)
		r = c->json ? setup_report_format_json(report, &text, err)
			    : setup_report_format_text(report, &text, err);
	if (r < 0)
		return r;
	fputs(text, stdout);
	vec_foreach (const struct setup_status, status, &report->engines)
		if (status->problem)
			return 1;
	return 0;
}

int cmd_setup(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	struct setup_command command;
	int r;

	if (!a)
		return NVB_OOM(err);
	r = setup_options_parse(a, context, argc, argv, &command, err);
	if (r <= 0)
		return r;
	r = host_tree_open(command.context.host_root, &tree, err);
	if (r < 0)
		return r;
	return command.check ? run_check(&command, &tree, err) : run_plan(&command, &tree, err);
}
