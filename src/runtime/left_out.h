/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan holds that a container cannot get any more once it is made. */
#pragma once

#include "plan/plan.h"

/* One warning that names all of it. `env` is what the container has already; NULL: not known. */
void left_out_warn(const struct plan *plan, const struct string_list *env);
