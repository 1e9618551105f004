/* SPDX-License-Identifier: Apache-2.0 */
/* A hook of a plan as config.json has it. Source: OCI runtime specification 1.0.2, "POSIX-platform
 * Hooks". */
#pragma once

#include <stdbool.h>

#include "format/json.h"
#include "plan/plan.h"

struct json_object *oci_hook_describe(struct json_builder *b, const struct plan_hook *hook);

/* True if both run the same program in the same way. */
bool oci_hook_is_same(struct json_object *hook, struct json_object *other);
