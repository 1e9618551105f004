/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says on standard error: errors, warnings, notices, debug lines. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * Installs the sink of base/log.h. NVBIND_DEBUG chooses debug components; --verbose shows
 * notices, --quiet hides warnings. Colours only on a terminal without NO_COLOR.
 */
void output_init(void);
void output_set_level(bool verbose, bool quiet);

/* "nvbind: MESSAGE" and, if there is one, "  hint: HINT", which may have several lines. */
void output_error(const struct nvb_error *e);
/* The same as a warning: the command goes on with what is left. */
void output_problem(const struct nvb_error *e);
