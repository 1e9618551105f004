/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA_REQUIRE_*: what an image needs of driver and GPU.
 *
 *	REQUIREMENT := GROUP[ GROUP...]		one of them must hold
 *	GROUP       := CONSTRAINT[,CONSTRAINT...]	all of them must hold
 *	CONSTRAINT  := KEY OPERATOR VALUE, KEY := cuda | driver | arch | brand,
 *	               OPERATOR := = | != | < | <= | > | >=
 *
 * Versions compare number by number, what is not given is 0; a brand has no order. A constraint on
 * another KEY is left out with a warning: newer images may know more than we.
 *
 * Source: NVIDIA Container Toolkit documentation, "Constraints".
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* NULL: not known. A constraint on an unknown fact holds, with a warning: nothing refuses to start
 * a container because of what nobody knows. */
struct requirement_facts {
	const char *driver_version; /* "550.163.01" */
	const char *cuda_version;   /* the newest that the driver serves: "12.4" */
	const char *cuda_at_least;  /* where that is not known: it is this one or a newer */
	const char *arch;           /* lowest compute capability of the GPUs: "8.0" */
	const char *brand;          /* "tesla", "geforce", ...: lower case */
};

/* Which facts a requirement asks for: they need not be found out otherwise. */
struct requirement_needs {
	bool driver, cuda, arch, brand;
};

int requirement_needs(const struct string_list *requirements, struct requirement_needs *ret,
	struct nvb_error **err);

/*
 * Errors: NVB_ERR_USAGE (not the grammar), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY, NVB_ERR_DRIVER:
 * "meet the image's requirement 'cuda>=13.0': this driver serves CUDA 12.4".
 */
int requirement_check(const struct string_list *requirements, const struct requirement_facts *facts,
	struct arena *a, struct string_list *ret_warnings, struct nvb_error **err);
