/* SPDX-License-Identifier: Apache-2.0 */
/* A selection within its bounds: see struct container_bound. */
#pragma once

#include "request/container_request.h"
#include "request/selector.h"

/*
 * Takes out of `selection` what is not within every bound that concerns it, and returns 1; 0 if
 * that was all of it, because bounds leave no GPU ("void"): then the selection is `none`. Of a whole
 * GPU stay the partitions that are within. `foreign` are the names of devices that others define:
 * a bound that leaves nothing takes out those of its vendors. What is left out without an error is
 * told in the log. Errors: NVB_ERR_NO_GPU: nothing is in both lists, or a name of `foreign` is not
 * within a bound of its vendor; those of selector_resolve().
 */
int gpu_bounds_apply(const struct container_request *request, struct string_list *foreign,
	const struct inventory *inv, struct arena *a, struct selection *selection,
	struct nvb_error **err);

/* True if a bound names what the vendor's library alone knows. */
bool gpu_bounds_need_enrichment(const struct container_request *request);
