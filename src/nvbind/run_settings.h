/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of `nvbind run`: what the command line said, with what environment, configuration
 * files and profile add to it.
 */
#pragma once

#include "nvbind/run_options.h"

struct run_settings {
	struct arena *arena;
	struct run_options *options; /* with the settings of the command line */
	struct string_list files;    /* of --config */
	const char *profile;	     /* of --profile; NULL: not given */
	bool isolate;		     /* --isolate */
	bool strict;		     /* --strict */
};

/*
 * Fills the options' settings, profile, capabilities, isolation, driver, engine and GPUs, as far as
 * the command line left them open. Errors: those of config_load(), NVB_ERR_USAGE.
 */
int run_settings_load(const struct run_settings *s, struct nvb_error **err);
