/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a compose file's text that leave all else as it is: comments, order, quotes, anchors,
 * line ends.
 *
 * A change is said in terms of what a service means. It is made where that is written: in the
 * service, or behind the anchor that the service takes it from. What comes out is parsed again and
 * compared with what was meant; a service that would not be exactly that, or that would change
 * another one, stays as it was and is told as refused.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "format/yaml_position.h"

enum compose_edit_kind {
	COMPOSE_REMOVE, /* what stands at the path, and the mappings above that this empties */
	COMPOSE_PUT,	/* a scalar: in place of the old one, or new */
	COMPOSE_ADD,	/* an item of a list, or NAME=VALUE of a mapping; made if it is absent */
};

/* `path` begins in the service; an item of a list is its decimal index. */
struct compose_edit {
	enum compose_edit_kind kind;
	struct string_list path;
	const char *value; /* PUT, ADD */
	const char
		*near; /* PUT, ADD: the member of the service that a new one replaces or follows */
};

struct compose_edit_list VEC(struct compose_edit);

struct compose_service_edits {
	const char *service;
	struct compose_edit_list edits;
	const char *refused; /* out: why it stayed as it was; NULL: done */
	unsigned refused_line;
};

struct compose_edits VEC(struct compose_service_edits);

/*
 * `before` is what the text means, `root` where everything stands. The result is malloc'd.
 * Errors: NVB_ERR_FAILED (the result would not be what was meant: nothing can be done),
 * NVB_ERR_NO_MEMORY, NVB_ERR_LIMIT.
 */
int compose_edit_text(const char *text, size_t length, struct json_object *before,
	struct yaml_node *root, struct arena *a, struct compose_edits *edits, char **ret_text,
	size_t *ret_length, struct nvb_error **err);
