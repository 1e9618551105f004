/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as the trees of format/json.h: what a document says, whatever its notation.
 *
 * Plain scalars mean what they mean to the readers that our files share their users with: the Go
 * libraries, which add to YAML 1.2's core schema the truth values of YAML 1.1 (yes, no, on, off)
 * and its numbers (010 is 8, 0b11, 1_000). What that decides is in yaml_scalar.c.
 */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

#include "base/error.h"

/* libfyaml keeps up to 256 bytes for a byte of its input. */
#define YAML_TEXT_LIMIT_BYTES ((size_t)2 << 20)
#define YAML_DEPTH_LIMIT      64
/* Of values, with those that aliases repeat: a file of 1 KiB can stand for 10^9. */
#define YAML_NODE_LIMIT	  ((size_t)1 << 18)
#define YAML_ANCHOR_LIMIT ((size_t)1 << 10)

/*
 * Parses one document in UTF-8. Anchors, aliases and merge keys ("<<") are resolved into copies;
 * a value knows its line (format/json_lines.h). A second key of the same name is an error, and so
 * is a second document, a document that is null, a value that is not finite, and a tag that is
 * not of the core schema.
 * Errors: NVB_ERR_FORMAT (with line and column), NVB_ERR_LIMIT, NVB_ERR_NO_MEMORY.
 */
int yaml_parse(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err);

/*
 * The same for compose files: of plain scalars, only true, false and null are no texts, and a text
 * is as it is spelled (no, 3.10, 1e3). The tag !override says nothing in a file alone, and what has
 * !reset is null, or empty.
 * Source: gopkg.in/yaml.v3 3.0.1, resolve.go; Compose Specification, "merge", 2026-08.
 */
int yaml_parse_as_written(
	const char *text, size_t length, struct json_object **ret_root, struct nvb_error **err);

/*
 * Writes a tree in block style: deterministic, and the same to a reader of YAML 1.1 and of 1.2.
 * *ret_text is malloc'd and NUL-terminated; ret_length may be NULL.
 * Errors: NVB_ERR_LIMIT (or no memory), NVB_ERR_FORMAT (a number that is not finite).
 */
int yaml_format(
	struct json_object *root, char **ret_text, size_t *ret_length, struct nvb_error **err);
