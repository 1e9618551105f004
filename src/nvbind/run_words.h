/* SPDX-License-Identifier: Apache-2.0 */
/* Variables, volumes and network of `nvbind run`: engines of their own read them themselves, for
 * the built-in one they are read here. */
#pragma once

#include "nvbind/run_options.h"

/* Sets env, volumes and network of the options from their words. Errors: NVB_ERR_USAGE, IO, FORMAT.
 */
int run_words_read(struct arena *a, struct run_options *options, struct nvb_error **err);

/* What every engine would refuse. Errors: NVB_ERR_USAGE. */
int run_words_check(const struct run_words *words, struct nvb_error **err);
