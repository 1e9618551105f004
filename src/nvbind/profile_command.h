/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `nvbind profile` share. */
#pragma once

#include "config/config.h"
#include "nvbind/command.h"

struct profile_command {
	struct command_context context;
	struct arena *arena;
	struct string_list files;     /* of --config: FILE */
	struct string_list run_words; /* of explain: options that `nvbind run` takes too */
	const char *inherits, *path;  /* of --inherits, --file; NULL: not given */
	bool json, origin;
};

/* A profile by its name, as a container would get it. */
struct profile_view {
	const char *name;
	const struct config_part *part; /* NULL: built in */
	const struct profile *base;	/* itself, if it is built in */
	const char *inherits;		/* what it stands on directly; NULL: nothing */
	const char *summary;
	const char *origin; /* "built in", FILE:LINE:COLUMN */
	struct settings settings;
};

/* Parses the options of any of them. Returns as command_parse(). */
int profile_command_parse(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct profile_command *c, struct nvb_error **err);

/* The same, and the one operand that it needs; options may stand behind it too. 0: answered. */
int profile_command_parse_name(enum command_id id, const struct command_context *context, int argc,
	char **argv, struct profile_command *c, const char **ret_name, struct nvb_error **err);

/* The files that count. Their warnings are logged. */
int profile_command_load(
	const struct profile_command *c, struct config *ret, struct nvb_error **err);

/* Errors: those of config_merge_profile(). */
int profile_command_view(const struct profile_command *c, const struct config *config,
	const char *name, struct profile_view *ret, struct nvb_error **err);
