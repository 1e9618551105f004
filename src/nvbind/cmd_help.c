/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/command.h"
#include "nvbind/help.h"

int cmd_help(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	struct command_context local = *context;
	enum command_id id = COMMAND_GLOBAL;
	int first, r;

	first = command_parse(COMMAND_HELP, &local, argc, argv, NULL, NULL, NULL, err);
	if (first <= 0)
		return first;
	for (; first < argc && (id == COMMAND_GLOBAL || command_is_group(id)); first++) {
		enum command_id below = command_find(id, argv[first]);

		if (below == COMMAND_GLOBAL)
			return command_raise_unknown(id, argv[first], err);
		id = below;
	}
	r = command_no_operands(COMMAND_HELP, first, argc, argv, err);
	if (r < 0)
		return r;
	help_print(id);
	return 0;
}
