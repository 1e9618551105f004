/* SPDX-License-Identifier: Apache-2.0 */
/* Where the hook and the command line say things: on standard error, under the name they are called
 * by. */
#pragma once

#include "base/error.h"

/* Warnings go to standard error. `debug_path`: a file that gets the debug lines too; NULL: none. */
void personality_log_open(const char *program, const char *debug_path);

/* The message and its hint, as one sentence each. */
void personality_log_error(const struct nvb_error *error);
