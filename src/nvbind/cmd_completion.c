/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/command.h"
#include "nvbind/help.h"

#include <stdio.h>

int cmd_completion(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(HELP_TEXT_BYTES);
	struct command_context local = *context;
	int first, r;

	first = command_parse(COMMAND_COMPLETION, &local, argc, argv, NULL, NULL, NULL, err);
	if (first <= 0)
		return first;
	if (first >= argc)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"'nvbind completion' needs the shell: bash, zsh or fish");
	r = command_no_operands(COMMAND_COMPLETION, first + 1, argc, argv, err);
	if (r < 0)
		return r;
	if (!completion_format(argv[first], &text))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"unknown shell '%.64s'; known are bash, zsh and fish", argv[first]);
	if (strbuf_failed(&text))
		return NVB_OOM(err);
	fputs(strbuf_str(&text), stdout);
	return 0;
}
