/* SPDX-License-Identifier: Apache-2.0 */
/* The other programs of nvbind. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/*
 * The path of one: beside this program, as `make` leaves it, else where it is installed, whether or
 * not it is there (*ret_exists may be NULL). Errors: NVB_ERR_NO_MEMORY.
 */
int sibling_path(struct arena *a, const char *name, const char **ret, bool *ret_exists,
	struct nvb_error **err);
