/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/container_facts.h"

#include <string.h>

#include "format/json.h"

#define ADMINISTRATION "CAP_SYS_ADMIN"
#define USER_NAMESPACE "user"
/* Source: Podman, libpod/container_internal: "io.container.manager", getOCICgroupPath(). */
#define PODMAN_ANNOTATION "io.container.manager"
#define PODMAN_NAME	  "libpod"

static int read_env(const struct json_at *process, struct arena *a, struct oci_facts *facts,
	struct nvb_error **err)
{
	struct json_at env;
	int r = json_member(process, "env", json_type_array, &env, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_length(&env); i++) {
		const char *assignment;

		r = json_item_string(&env, i, &assignment, err);
		if (r < 0)
			return r;
		if (string_list_add(a, &facts->env, assignment) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

static int read_capabilities(
	const struct json_at *process, struct oci_facts *facts, struct nvb_error **err)
{
	struct json_at capabilities, bounding;
	int r = json_member(process, "capabilities", json_type_object, &capabilities, err);

	if (r > 0)
		r = json_member(&capabilities, "bounding", json_type_array, &bounding, err);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_length(&bounding); i++) {
		const char *name;

		r = json_item_string(&bounding, i, &name, err);
		if (r < 0)
			return r;
		facts->administers |= strcmp(name, ADMINISTRATION) == 0;
	}
	return 0;
}

static int read_process(const struct json_at *root, struct arena *a, struct oci_facts *facts,
	struct nvb_error **err)
{
	struct json_at process;
	int r = json_member(root, "process", json_type_object, &process, err);

	if (r <= 0)
		return r;
	r = read_env(&process, a, facts, err);
	return r < 0 ? r : read_capabilities(&process, facts, err);
}

static int add_pair(struct arena *a, struct oci_pair_list *list, const char *key, const char *value,
	struct nvb_error **err)
{
	struct oci_pair *pair = vec_push(a, list);

	if (!pair)
		return NVB_OOM(err);
	*pair = (struct oci_pair){ .key = key, .value = value };
	return 0;
}

static int read_annotations(const struct json_at *root, struct arena *a, struct oci_facts *facts,
	struct nvb_error **err)
{
	struct json_at annotations;
	int r = json_member(root, "annotations", json_type_object, &annotations, err);

	if (r <= 0)
		return r;
	json_object_object_foreach(annotations.value, key, member)
	{
		const char *value;

		(void)member;
		r = json_get_string(&annotations, key, &value, err);
		if (r > 0) {
			facts->podman |= strcmp(key, PODMAN_ANNOTATION) == 0 &&
					 strcmp(value, PODMAN_NAME) == 0;
			r = add_pair(a, &facts->annotations, key, value, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_mounts(const struct json_at *root, struct arena *a, struct oci_facts *facts,
	struct nvb_error **err)
{
	struct json_at mounts;
	int r = json_member(root, "mounts", json_type_array, &mounts, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_length(&mounts); i++) {
		const char *destination = "", *source = "";
		struct json_at mount;

		r = json_item(&mounts, i, json_type_object, &mount, err);
		if (r >= 0)
			r = json_get_string(&mount, "destination", &destination, err);
		if (r >= 0)
			r = json_get_string(&mount, "source", &source, err);
		if (r >= 0)
			r = add_pair(a, &facts->mounts, destination, source, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_root(const struct json_at *root, struct oci_facts *facts, struct nvb_error **err)
{
	struct json_at at;
	int r = json_member(root, "root", json_type_object, &at, err);

	if (r <= 0)
		return r;
	r = json_get_string(&at, "path", &facts->root_path, err);
	return r < 0 ? r : json_get_bool(&at, "readonly", &facts->root_read_only, err);
}

static int read_namespaces(
	const struct json_at *linux_at, struct oci_facts *facts, struct nvb_error **err)
{
	struct json_at namespaces;
	int r = json_member(linux_at, "namespaces", json_type_array, &namespaces, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_length(&namespaces); i++) {
		const char *type = "";
		struct json_at namespace;

		r = json_item(&namespaces, i, json_type_object, &namespace, err);
		if (r >= 0)
			r = json_get_string(&namespace, "type", &type, err);
		if (r < 0)
			return r;
		facts->user_namespace |= strcmp(type, USER_NAMESPACE) == 0;
	}
	return 0;
}

static int read_gid_map(const struct json_at *mappings, size_t index, struct arena *a,
	struct oci_facts *facts, struct nvb_error **err)
{
	uint64_t inside = 0, outside = 0, count = 0;
	struct oci_id_map *map;
	struct json_at at;
	int r;

	r = json_item(mappings, index, json_type_object, &at, err);
	if (r >= 0)
		r = json_get_uint(&at, "containerID", UINT32_MAX, &inside, err);
	if (r >= 0)
		r = json_get_uint(&at, "hostID", UINT32_MAX, &outside, err);
	if (r >= 0)
		r = json_get_uint(&at, "size", UINT32_MAX, &count, err);
	if (r < 0)
		return r;
	map = vec_push(a, &facts->gid_maps);
	if (!map)
		return NVB_OOM(err);
	*map = (struct oci_id_map){ (uint32_t)inside, (uint32_t)outside, (uint32_t)count };
	return 0;
}

/* "machine.slice:libpod:ID", "/libpod_parent/libpod-ID". */
static int read_cgroup(
	const struct json_at *linux_at, struct oci_facts *facts, struct nvb_error **err)
{
	const char *path;
	int r = json_get_string(linux_at, "cgroupsPath", &path, err);

	if (r > 0)
		facts->podman |=
			strstr(path, ":" PODMAN_NAME ":") || strstr(path, "/" PODMAN_NAME "-");
	return r;
}

static int read_linux(const struct json_at *root, struct arena *a, struct oci_facts *facts,
	struct nvb_error **err)
{
	struct json_at linux_at, mappings;
	int r = json_member(root, "linux", json_type_object, &linux_at, err);

	if (r <= 0)
		return r;
	r = read_cgroup(&linux_at, facts, err);
	if (r >= 0)
		r = read_namespaces(&linux_at, facts, err);
	if (r >= 0)
		r = json_member(&linux_at, "gidMappings", json_type_array, &mappings, err);
	for (size_t i = 0; r > 0 && i < json_length(&mappings); i++) {
		r = read_gid_map(&mappings, i, a, facts, err);
		if (r < 0)
			return r;
		r = 1;
	}
	return r;
}

int oci_facts_read(
	struct json_object *config, struct arena *a, struct oci_facts *ret, struct nvb_error **err)
{
	struct oci_facts facts = { 0 };
	struct json_at root;
	int r;

	r = json_root(config, json_type_object, &root, err);
	if (r >= 0)
		r = read_process(&root, a, &facts, err);
	if (r >= 0)
		r = read_annotations(&root, a, &facts, err);
	if (r >= 0)
		r = read_mounts(&root, a, &facts, err);
	if (r >= 0)
		r = read_root(&root, &facts, err);
	if (r >= 0)
		r = read_linux(&root, a, &facts, err);
	if (r < 0)
		return r;
	facts.privileged = facts.administers && !facts.user_namespace;
	*ret = facts;
	return 0;
}
