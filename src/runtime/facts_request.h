/* SPDX-License-Identifier: Apache-2.0 */
/* What the container of a config.json asks for. */
#pragma once

#include "oci/container_facts.h"
#include "request/container_request.h"

/* For a container that is to have GPUs, while the policy takes no request of it: the error that
 * says so. 0: nothing was refused. */
int facts_request_raise_refused(const struct container_request *request, struct nvb_error **err);

/* As container_request_make(). */
int facts_request_make(const struct oci_facts *facts, const struct container_policy *policy,
	struct arena *a, struct container_request *ret, struct nvb_error **err);
