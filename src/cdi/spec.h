/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CDI specification as data.
 * Source: Container Device Interface specification 1.1.0, SPEC.md (cncf-tags/container-device-interface).
 *
 * Field for field what the document holds: what it does not say is NULL, or has its `has_` bit
 * unset; nothing is filled in. Strings belong to the spec's arena. Immutable after reading.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct cdi_device_node {
	const char *path, *host_path; /* host_path NULL: the same */
	const char *type;             /* "c", "b", "u", "p", "", NULL */
	const char *permissions;      /* NULL: "rw" of the runtime's choice */
	int64_t major, minor;         /* both 0 and !has_numbers: from the node itself */
	bool has_major, has_minor;
	uint32_t file_mode, uid, gid;
	bool has_file_mode, has_uid, has_gid;
};

struct cdi_mount {
	const char *host_path, *container_path;
	const char *type; /* NULL: a bind mount */
	struct string_list options;
};

struct cdi_hook {
	const char *name; /* "createContainer", ... */
	const char *path;
	struct string_list args, env;
	int64_t timeout_s;
	bool has_timeout;
};

struct cdi_net_device {
	const char *host_interface_name, *name;
};

struct cdi_intel_rdt {
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct string_list schemata;
	bool enable_monitoring, has_enable_monitoring;
	bool enable_cmt, has_enable_cmt, enable_mbm, has_enable_mbm;
};

struct cdi_annotation {
	const char *key, *value;
};

struct cdi_device_node_list VEC(struct cdi_device_node);
struct cdi_mount_list VEC(struct cdi_mount);
struct cdi_hook_list VEC(struct cdi_hook);
struct cdi_net_device_list VEC(struct cdi_net_device);
struct cdi_annotation_list VEC(struct cdi_annotation);
struct cdi_gid_list VEC(uint32_t);

struct cdi_edits {
	struct string_list env; /* NAME=VALUE */
	struct cdi_device_node_list device_nodes;
	struct cdi_net_device_list net_devices;
	struct cdi_mount_list mounts;
	struct cdi_hook_list hooks;
	struct cdi_gid_list additional_gids;
	struct cdi_intel_rdt *intel_rdt; /* NULL: none */
};

struct cdi_device {
	const char *name;
	struct cdi_annotation_list annotations;
	struct cdi_edits edits;
};

struct cdi_device_list VEC(struct cdi_device);

struct cdi_spec {
	struct arena *arena;
	const char *path;    /* of the file it was read from; NULL: made here */
	const char *version; /* cdiVersion */
	const char *kind;    /* "nvidia.com/gpu" */
	const char *vendor, *class_name;
	struct cdi_annotation_list annotations;
	struct cdi_device_list devices;
	struct cdi_edits edits; /* of every device, once per container */
};

struct cdi_spec *cdi_spec_new(void);
void cdi_spec_free(struct cdi_spec *spec);
DEFINE_FREEP(struct cdi_spec, cdi_spec_free)

/* NULL if the spec has no device of this name. */
const struct cdi_device *cdi_spec_device(const struct cdi_spec *spec, const char *name);
/* The option alone makes a runtime bind, whatever the type says. */
bool cdi_mount_has_bind_option(const struct cdi_mount *mount);
/* A bind mount by its option or its type: the host path is a path then. */
bool cdi_mount_is_bind(const struct cdi_mount *mount);
bool cdi_edits_are_empty(const struct cdi_edits *edits);
/* Adds what `from` holds behind what is there; the texts are shared. -1: out of memory. */
int cdi_edits_append(struct arena *a, struct cdi_edits *edits, const struct cdi_edits *from);
