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
	if (first < argc) {
		id = command_find(argv[first]);
		if (id == COMMAND_GLOBAL)
			return command_raise_unknown(argv[first], err);
		first++;
	}
	r = command_no_operands(COMMAND_HELP, first, argc, argv, err);
	if (r < 0)
		return r;
	help_print(id);
	return 0;
}
