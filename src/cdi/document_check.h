/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the reader and the rules share: a complaint about a field names its path and, where the
 * specification came from a text, its line.
 */
#pragma once

#include "cdi/spec.h"
#include "format/json.h"

struct cdi_check {
	struct json_object *root; /* what the text says; NULL: the spec was made here */
	unsigned line;		  /* of the last complaint; 0: not known */
};

/* Raises "'PATH' must be EXPECTED"; `key` NULL: the place itself. */
int cdi_refuse(struct cdi_check *check, const struct json_at *at, const char *key,
	struct nvb_error **err, const char *expected, ...) __attribute__((format(printf, 5, 6)));

/* The rules that need more than types. */
int cdi_check_spec(struct cdi_check *check, const struct cdi_spec *spec, struct nvb_error **err);

/* Keys and values together, and the grammar of keys. */
int cdi_check_annotations(struct cdi_check *check, const struct json_at *at,
	const struct cdi_annotation_list *annotations, struct nvb_error **err);
