/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/knob_variables.h"

#include "base/cleanup.h"

const struct knob_variable knob_variables[] = {
#define VARIABLE(name, reader, since, effect, source) { name, reader, since, effect, source },
#define INFORMATIONAL(name, effect)		      { name, NULL, "", effect, NULL },
#include "plan/knob_variables.def"
#undef VARIABLE
#undef INFORMATIONAL
};
const size_t knob_variables_n = ELEMENTS(knob_variables);
