/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `nvbind config` share. */
#pragma once

#include "config/config.h"
#include "nvbind/command.h"

struct config_command {
	struct command_context context;
	struct arena *arena;
	struct string_list files; /* of --config */
	const char *path;	  /* of --file or --output; NULL: not given */
	bool json, origin, force;
};

/* Parses the options of any of them. Returns as command_parse(). */
int config_command_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct config_command *c, struct nvb_error **err);

/* What counts here: environment and files. Warnings are logged. */
int config_command_load(const struct config_command *c, struct config *ret_config,
	struct settings *ret_settings, struct nvb_error **err);

/* *path: the file to change, if it is NULL: the one that counts, else one of the caller's own,
 * which need not exist. */
int config_command_find_file(
	struct arena *a, const char *host_root, const char **path, struct nvb_error **err);
