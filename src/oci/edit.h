/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds what a plan holds to an existing config.json. Everything else in the document, known or
 * not, stays as it is and where it is; 64-bit numbers keep their digits.
 * Source: OCI runtime specification 1.0.2, config.md and config-linux.md.
 */
#pragma once

#include <json-c/json.h>

#include "plan/plan.h"

/*
 * Environment (a name that is set is replaced), device nodes with their cgroup rules, network
 * devices, RDT, mounts (all of them sorted then: parents before what lies below them), hooks and
 * group ids. What the plan has nothing of is left alone. A node or mount takes the place of
 * one with the same path. Errors: NVB_ERR_FORMAT (the document is no container configuration).
 */
int oci_edit_plan(struct json_object *config, const struct plan *plan, struct nvb_error **err);
