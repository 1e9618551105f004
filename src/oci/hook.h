/* SPDX-License-Identifier: Apache-2.0 */
/* A hook of a plan as config.json has it. Source: OCI runtime specification 1.0.2, "POSIX-platform
 * Hooks". */
#pragma once

#include "format/json.h"
#include "plan/plan.h"

void oci_hook_append(struct json_builder *b, struct json_object *list,
	const struct plan_hook *hook);
