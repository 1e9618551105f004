/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi/document_fields.h"

#include "base/cleanup.h"

/* clang-format off */
#define SINCE(version) CDI_VERSION_##version
#define ALWAYS SINCE(0_3_0)
#define FIELD(type, member, name, kind, since) \
	{ name, CDI_FIELD_##kind, since, 0, offsetof(struct type, member), 0, NULL }
/* A number or a truth value: has_MEMBER says whether it is there. */
#define VALUE(type, member, name, kind, since, until) \
	{ name, CDI_FIELD_##kind, since, until, offsetof(struct type, member), \
		offsetof(struct type, has_##member), NULL }
#define OBJECTS(type, member, name, kind, since, object) \
	{ name, CDI_FIELD_##kind, since, 0, offsetof(struct type, member), 0, &object }
#define OBJECT(type, fields) { sizeof(struct type), ELEMENTS(fields), fields }

static const struct cdi_field device_node_fields[] = {
	FIELD(cdi_device_node, path, "path", TEXT, ALWAYS),
	FIELD(cdi_device_node, host_path, "hostPath", TEXT, SINCE(0_5_0)),
	FIELD(cdi_device_node, type, "type", TEXT, ALWAYS),
	VALUE(cdi_device_node, major, "major", INTEGER, ALWAYS, 0),
	VALUE(cdi_device_node, minor, "minor", INTEGER, ALWAYS, 0),
	VALUE(cdi_device_node, file_mode, "fileMode", UINT32, ALWAYS, 0),
	FIELD(cdi_device_node, permissions, "permissions", TEXT, ALWAYS),
	VALUE(cdi_device_node, uid, "uid", UINT32, ALWAYS, 0),
	VALUE(cdi_device_node, gid, "gid", UINT32, ALWAYS, 0),
};

static const struct cdi_field net_device_fields[] = {
	FIELD(cdi_net_device, host_interface_name, "hostInterfaceName", TEXT, ALWAYS),
	FIELD(cdi_net_device, name, "name", TEXT, ALWAYS),
};

static const struct cdi_field hook_fields[] = {
	FIELD(cdi_hook, name, "hookName", TEXT, ALWAYS),
	FIELD(cdi_hook, path, "path", TEXT, ALWAYS),
	FIELD(cdi_hook, args, "args", TEXTS, ALWAYS),
	FIELD(cdi_hook, env, "env", TEXTS, ALWAYS),
	{ "timeout", CDI_FIELD_INTEGER, ALWAYS, 0, offsetof(struct cdi_hook, timeout_s),
		offsetof(struct cdi_hook, has_timeout), NULL },
};

static const struct cdi_field mount_fields[] = {
	FIELD(cdi_mount, host_path, "hostPath", TEXT, ALWAYS),
	FIELD(cdi_mount, container_path, "containerPath", TEXT, ALWAYS),
	FIELD(cdi_mount, options, "options", TEXTS, ALWAYS),
	FIELD(cdi_mount, type, "type", TEXT, SINCE(0_4_0)),
};

static const struct cdi_field rdt_fields[] = {
	FIELD(cdi_intel_rdt, clos_id, "closID", TEXT, ALWAYS),
	FIELD(cdi_intel_rdt, l3_cache_schema, "l3CacheSchema", TEXT, ALWAYS),
	FIELD(cdi_intel_rdt, mem_bw_schema, "memBwSchema", TEXT, ALWAYS),
	FIELD(cdi_intel_rdt, schemata, "schemata", TEXTS, SINCE(1_1_0)),
	VALUE(cdi_intel_rdt, enable_monitoring, "enableMonitoring", TRUTH, SINCE(1_1_0), 0),
	VALUE(cdi_intel_rdt, enable_cmt, "enableCMT", TRUTH, ALWAYS, SINCE(1_1_0)),
	VALUE(cdi_intel_rdt, enable_mbm, "enableMBM", TRUTH, ALWAYS, SINCE(1_1_0)),
};

static const struct cdi_object device_node_object = OBJECT(cdi_device_node, device_node_fields);
static const struct cdi_object net_device_object = OBJECT(cdi_net_device, net_device_fields);
static const struct cdi_object hook_object = OBJECT(cdi_hook, hook_fields);
static const struct cdi_object mount_object = OBJECT(cdi_mount, mount_fields);
static const struct cdi_object rdt_object = OBJECT(cdi_intel_rdt, rdt_fields);

static const struct cdi_field edits_fields[] = {
	FIELD(cdi_edits, env, "env", TEXTS, ALWAYS),
	OBJECTS(cdi_edits, device_nodes, "deviceNodes", OBJECTS, ALWAYS, device_node_object),
	OBJECTS(cdi_edits, net_devices, "netDevices", OBJECTS, SINCE(1_1_0), net_device_object),
	OBJECTS(cdi_edits, hooks, "hooks", OBJECTS, ALWAYS, hook_object),
	OBJECTS(cdi_edits, mounts, "mounts", OBJECTS, ALWAYS, mount_object),
	OBJECTS(cdi_edits, intel_rdt, "intelRdt", OBJECT, SINCE(0_7_0), rdt_object),
	FIELD(cdi_edits, additional_gids, "additionalGids", IDS, SINCE(0_7_0)),
};

const struct cdi_object cdi_edits_object = OBJECT(cdi_edits, edits_fields);

static const struct cdi_field device_fields[] = {
	FIELD(cdi_device, name, "name", TEXT, ALWAYS),
	FIELD(cdi_device, annotations, "annotations", ANNOTATIONS, SINCE(0_6_0)),
	OBJECTS(cdi_device, edits, "containerEdits", EDITS, ALWAYS, cdi_edits_object),
};

static const struct cdi_object device_object = OBJECT(cdi_device, device_fields);

static const struct cdi_field spec_fields[] = {
	FIELD(cdi_spec, version, "cdiVersion", TEXT, ALWAYS),
	FIELD(cdi_spec, kind, "kind", TEXT, ALWAYS),
	FIELD(cdi_spec, annotations, "annotations", ANNOTATIONS, SINCE(0_6_0)),
	OBJECTS(cdi_spec, devices, "devices", OBJECTS, ALWAYS, device_object),
	OBJECTS(cdi_spec, edits, "containerEdits", EDITS, ALWAYS, cdi_edits_object),
};
/* clang-format on */

const struct cdi_object cdi_spec_object = OBJECT(cdi_spec, spec_fields);

bool cdi_field_is_set(const struct cdi_field *field, const void *object)
{
	const void *at = (const char *)object + field->offset;

	switch (field->kind) {
	case CDI_FIELD_TEXT:
		return *(const char *const *)at;
	case CDI_FIELD_INTEGER:
	case CDI_FIELD_UINT32:
	case CDI_FIELD_TRUTH:
		return *((const bool *)object + field->has_offset);
	case CDI_FIELD_EDITS:
		return !cdi_edits_are_empty(at);
	case CDI_FIELD_OBJECT:
		return *(const void *const *)at;
	case CDI_FIELD_TEXTS:
	case CDI_FIELD_IDS:
	case CDI_FIELD_ANNOTATIONS:
	case CDI_FIELD_OBJECTS:
	default:
		return ((const struct vec_any *)at)->n > 0;
	}
}
