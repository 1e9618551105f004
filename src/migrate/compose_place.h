/* SPDX-License-Identifier: Apache-2.0 */
/* From changes of what a service means to changes of the text. */
#pragma once

#include "migrate/compose_edit.h"
#include "migrate/compose_lines.h"

/*
 * Adds to *ret what the changes of one service are in the text. *ret_refused is set, and *ret of no
 * use, where the text is written in a way that is not changed here; the line says where. With
 * `own`, new members come into the service itself, and not where it takes others from. Errors:
 * NVB_ERR_NO_MEMORY.
 */
int compose_place(const struct compose_text *t, struct yaml_node *service,
	const struct compose_edit_list *edits, bool own, struct arena *a,
	struct text_patch_list *ret, const char **ret_refused, unsigned *ret_line,
	struct nvb_error **err);
