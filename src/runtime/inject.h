/* SPDX-License-Identifier: Apache-2.0 */
/* Gives the container of a bundle what it asks for: by editing its configuration. */
#pragma once

#include "request/runtime_policy.h"
#include "runtime/arguments.h"
#include "runtime/bundle.h"

/*
 * Returns 1 if the configuration was replaced; 0 if the container asks for nothing: then no byte
 * of the bundle is touched. Errors: those of gpu_plan_make(), bundle_replace(), and
 * container_request_make().
 */
int inject(const struct bundle *bundle, const struct runtime_policy *policy,
	const struct runtime_arguments *arguments, struct nvb_error **err);
