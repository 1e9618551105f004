/* SPDX-License-Identifier: Apache-2.0 */
/* What the changes of a service mean, apart from how its text is written. */
#pragma once

#include <json-c/json.h>

#include "migrate/compose_edit.h"

/* Makes the changes in what a service means. */
int compose_meaning_change(
	struct json_object *service, const struct compose_edit_list *edits, struct nvb_error **err);

/* True if two services mean the same: an empty list is as good as none. Changes both. */
bool compose_meaning_same(struct json_object *one, struct json_object *other);
