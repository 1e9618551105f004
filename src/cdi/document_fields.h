/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a specification, as one table: the reader, the writer and the rule of the lowest
 * version walk it. Order is the order of writing, that of specs-go/config.go.
 */
#pragma once

#include <stddef.h>

#include "cdi/spec.h"

enum cdi_field_kind {
	CDI_FIELD_TEXT,		/* const char * */
	CDI_FIELD_TEXTS,	/* struct string_list */
	CDI_FIELD_INTEGER,	/* int64_t */
	CDI_FIELD_UINT32,	/* uint32_t */
	CDI_FIELD_TRUTH,	/* bool */
	CDI_FIELD_IDS,		/* struct cdi_gid_list */
	CDI_FIELD_ANNOTATIONS,	/* struct cdi_annotation_list */
	CDI_FIELD_EDITS,	/* struct cdi_edits, itself */
	CDI_FIELD_OBJECT,	/* a pointer; NULL: none */
	CDI_FIELD_OBJECTS,	/* a vector of objects */
};

/* In rising order. Source: specs-go/version.go. 0.8.0 and 1.0.0 added no field. */
enum cdi_version {
	CDI_VERSION_0_1_0,
	CDI_VERSION_0_2_0,
	CDI_VERSION_0_3_0, /* the lowest that is ever needed */
	CDI_VERSION_0_4_0,
	CDI_VERSION_0_5_0,
	CDI_VERSION_0_6_0,
	CDI_VERSION_0_7_0,
	CDI_VERSION_0_8_0,
	CDI_VERSION_1_0_0,
	CDI_VERSION_1_1_0,
	CDI_VERSION_COUNT,
};

struct cdi_object;

struct cdi_field {
	const char *name;
	enum cdi_field_kind kind;
	enum cdi_version since;
	enum cdi_version until; /* the first version without it; 0: there is none */
	size_t offset;
	size_t has_offset; /* of the bool that says whether the number is there; 0: none */
	const struct cdi_object *object;
};

struct cdi_object {
	size_t size_bytes;
	size_t n_fields;
	const struct cdi_field *fields;
};

extern const struct cdi_object cdi_spec_object;
extern const struct cdi_object cdi_edits_object;

/* A vector of objects, whatever they are. */
struct cdi_objects VEC(char);

/* False where the field is not set: nothing of it would be written. */
bool cdi_field_is_set(const struct cdi_field *field, const void *object);

/* NULL if `text` is no version; "v0.5.0" is one too. */
bool cdi_version_parse(const char *text, enum cdi_version *ret);
const char *cdi_version_name(enum cdi_version version);
