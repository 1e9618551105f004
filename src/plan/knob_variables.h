/* SPDX-License-Identifier: Apache-2.0 */
/* The environment variables that a plan may set: who reads them, since when, by what source. */
#pragma once

#include <stddef.h>

struct knob_variable {
	const char *name;
	const char *reader; /* NULL: nobody but what is ours; it informs */
	const char *since;  /* version; "": every one in use */
	const char *effect;
	const char *source; /* NULL as reader */
};

extern const struct knob_variable knob_variables[];
extern const size_t knob_variables_n;
