/* SPDX-License-Identifier: Apache-2.0 */
/* A value of the machine that can be read and set: what a change is about. */
#pragma once

#include "plan/plan.h"

/* Where values are. */
struct host_values {
	const struct host_tree *tree; /* NULL: the running machine */
	struct inventory *inv;	      /* opened when the first GPU is asked */
};

void host_values_done(struct host_values *values);

/*
 * FILE: one line without white space at its end. GPU_POWER: milliwatts. Errors: NVB_ERR_NOT_FOUND
 * (no such file or GPU), NVB_ERR_UNSUPPORTED (not of this kind, no regular file, several lines),
 * NVB_ERR_IO, NVB_ERR_PERMISSION, NVB_ERR_DRIVER, NVB_ERR_NO_MEMORY.
 */
int host_value_read(struct host_values *values, struct arena *a, enum host_change_kind kind,
	const char *target, const char **ret_value, struct nvb_error **err);
/* The same errors; a file is written at once, as the kernel wants it. */
int host_value_write(struct host_values *values, enum host_change_kind kind, const char *target,
	const char *value, struct nvb_error **err);
