/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "doctor/doctor.h"
#include "gpu/discover.h"
#include "nvbind/command.h"

struct doctor_options {
	bool detailed, json;
};

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct doctor_options *options = target;

	(void)value;
	(void)err;
	if (id == OPTION_DOCTOR_DETAILED)
		options->detailed = true;
	if (id == OPTION_DOCTOR_JSON)
		options->json = true;
	return 0;
}

static int examine(
	const struct host_tree *tree, struct doctor_report **ret_report, struct nvb_error **err)
{
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct doctor_user user;
	int r;

	if (!arena)
		return NVB_OOM(err);
	r = doctor_user_read(arena, &user, err);
	if (r < 0)
		return r;
	r = inventory_discover(tree, &inv, err);
	if (r < 0)
		return r;
	return doctor_run(tree, inv, &user, ret_report, err);
}

int cmd_doctor(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(doctor_report_freep) struct doctor_report *report = NULL;
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	_cleanup_free_ char *text = NULL;
	struct command_context local = *context;
	struct doctor_options options = { 0 };
	int first, r;

	first = command_parse(COMMAND_DOCTOR, &local, argc, argv, set_option, &options, NULL, err);
	if (first <= 0)
		return first;
	r = command_no_operands(COMMAND_DOCTOR, first, argc, argv, err);
	if (r < 0)
		return r;
	r = host_tree_open(local.host_root, &tree, err);
	if (r < 0)
		return r;
	r = examine(&tree, &report, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "examine the machine");
	r = options.json ? doctor_format_json(report, &text, err)
			 : doctor_format_text(report, options.detailed, &text, err);
	if (r < 0)
		return r;
	fputs(text, stdout);
	return report->counts[DOCTOR_FAILED] ? 1 : 0;
}
