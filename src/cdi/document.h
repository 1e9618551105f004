/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI specifications as documents: reading JSON and YAML of any author, writing our own.
 *
 * Reading is strict, as the reference implementation's is: an unknown field, a wrong type, a
 * second key of one name or a version lower than the features used is an error that names the
 * file, the line and the field.
 */
#pragma once

#include "cdi/spec.h"

/* Of JSON; YAML has the limit of format/yaml.h. */
#define CDI_DOCUMENT_LIMIT_BYTES ((size_t)16 << 20)

enum cdi_format {
	CDI_FORMAT_JSON,
	CDI_FORMAT_YAML,
};

/* By the file's extension; false: neither ".json" nor ".yaml" (".yml" is no CDI file). */
bool cdi_format_of_path(const char *path, enum cdi_format *ret_format);

/*
 * Parses and validates. `path` is for messages and cdi_spec.path; may be NULL.
 * Errors: NVB_ERR_FORMAT, NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int cdi_document_parse(const char *text, size_t length, enum cdi_format format, const char *path,
	struct cdi_spec **ret_spec, struct nvb_error **err);

/* Reads a file by its extension; a link or anything but a regular file is an error. */
int cdi_document_read(int dir_fd, const char *name, const char *path, struct cdi_spec **ret_spec,
	struct nvb_error **err);

/* The document's text, malloc'd; deterministic. spec->version must be set. */
int cdi_document_write(const struct cdi_spec *spec, enum cdi_format format, char **ret_text,
	size_t *ret_length, struct nvb_error **err);

/* The same of edits alone: the object of a "containerEdits" field. */
int cdi_edits_write(const struct cdi_edits *edits, enum cdi_format format, char **ret_text,
	size_t *ret_length, struct nvb_error **err);

/* The rules that need more than types: names, versions, edits (SPEC.md; research of the reference
 * implementation). Called by cdi_document_parse() too. */
int cdi_spec_validate(const struct cdi_spec *spec, struct nvb_error **err);

/* The lowest cdiVersion whose features cover the spec. Static text. */
const char *cdi_spec_minimum_version(const struct cdi_spec *spec);

/* Grammar of names. */
bool cdi_is_vendor(const char *text, size_t length);
bool cdi_is_class(const char *text, size_t length);
bool cdi_is_device_name(const char *text);
/* "vendor/class=device": pointers and lengths into `text`; false if it is not one. */
bool cdi_split_qualified(const char *text, size_t *ret_vendor_length, const char **ret_class,
	size_t *ret_class_length, const char **ret_device);
