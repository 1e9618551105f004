/* SPDX-License-Identifier: Apache-2.0 */
/* What `nvbind run` knows of an engine other than the built-in one. */
#pragma once

#include "engine/client/argv.h"
#include "nvbind/run.h"

struct run_client {
	const struct client_ops *ops;
	struct client_facts facts; /* all empty if the engine did not answer */
	bool answers;
	const char *why_not;
	struct method_question question;
	struct method_choice choice;
	struct string_list devices; /* paths of --device: the engine's own business */
};

/* The command line of the engine, and the knobs that say why it is this one, into the plan. */
int run_client_complete(struct run *run, struct nvb_error **err);
