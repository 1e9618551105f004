/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of nvidia-container-cli: one table of options, which parser, help and tests
 * read.
 * Source: libnvidia-container 1.17, src/cli/main.c, configure.c, list.c, info.c.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "gpu/capability.h"

enum cli_command {
	CLI_NONE, /* help or version alone */
	CLI_INFO,
	CLI_LIST,
	CLI_CONFIGURE,
};

struct cli_options {
	enum cli_command command;
	bool help, version;
	/* Of all commands. */
	const char *debug_path, *root, *ldcache, *user; /* NULL: not given */
	bool load_kmods, no_pivot, no_create_imex_channels;
	/* Each as given; those of devices and channels may be comma lists. */
	struct string_list devices, mig_config, mig_monitor, imex_channels, requirements;
	bool compat32;
	bool libraries, binaries, ipcs, firmwares;
	bool csv;
	const char *pid_text, *ldconfig, *cuda_compat_mode;
	bool compute, utility, video, graphics, display, ngx;
	bool no_cgroups, no_devbind, no_cntlibs;
	bool no_persistenced, no_fabricmanager, no_gsp_firmware;
	bool any;  /* some option of the command was given */
	pid_t pid; /* 0: not given */
	const char *rootfs;
};

/* Strings are borrowed from argv or go into `a`. Errors: NVB_ERR_USAGE. */
int cli_options_parse(
	int argc, char **argv, struct arena *a, struct cli_options *ret, struct nvb_error **err);

/* Help for the command, or for all of them (CLI_NONE). */
void cli_options_print_help(enum cli_command command, FILE *out);

/* What the container wants of the driver: the bits of --compute to --ngx and --compat32. */
capability_set cli_options_capabilities(const struct cli_options *options);

/* True if an option leaves out the file of this path: --no-persistenced and its kin. */
bool cli_options_leave_out(const struct cli_options *options, const char *path);
