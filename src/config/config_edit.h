/* SPDX-License-Identifier: Apache-2.0 */
/* One value in the text of a configuration file; comments and order stay. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/*
 * `key` is a knob's flat name, then it is set where the file has it already, else at its home; or
 * a whole place, "services.web.gpu.isolation". The file must hold no error afterwards.
 * *ret_text is malloc'd. Errors: NVB_ERR_USAGE (the key, the value), NVB_ERR_FORMAT (the file is
 * wrong, or would be), NVB_ERR_UNSUPPORTED (its layout cannot be edited safely).
 */
int config_edit_set(struct arena *a, const char *name, const char *text, const char *key,
	const char *value, char **ret_text, struct nvb_error **err);

/*
 * Removes it from that place, or, by a flat name, wherever it stands for all containers.
 * NVB_ERR_NOT_FOUND: the file does not have it.
 */
int config_edit_unset(struct arena *a, const char *name, const char *text, const char *key,
	char **ret_text, struct nvb_error **err);
