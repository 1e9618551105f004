/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "cdi/generate_build.h"

/*
 * What the group may do, all may do: a group of the host is only a number in the container. See
 * generate.h.
 */
static uint32_t container_mode(uint32_t mode)
{
	return mode | ((mode & (S_IRGRP | S_IWGRP)) >> 3);
}

static bool has_path(const struct cdi_edits *edits, const char *path)
{
	vec_foreach (const struct cdi_device_node, node, &edits->device_nodes) {
		if (strcmp(node->path, path) == 0)
			return true;
	}
	return false;
}

int generate_node(struct generate *g, struct cdi_edits *edits, const struct host_node *node,
	struct nvb_error **err)
{
	struct cdi_device_node *n;

	if (has_path(edits, node->path))
		return 0;
	n = vec_push(g->spec->arena, &edits->device_nodes);
	if (!n)
		return NVB_OOM(err);
	*n = (struct cdi_device_node){
		.path = generate_keep(g, node->path),
		.permissions = "rw",
		.has_major = node->type != 0,
		.has_minor = node->type != 0,
		.major = node->type ? (int64_t)node->major : 0,
		.minor = node->type ? (int64_t)node->minor : 0,
		/* Engines look at the node if the type is not told; they must not where the
		 * driver makes it later. */
		.type = node->exists || !node->type ? NULL
			: node->type == 'b'	    ? "b"
						    : "c",
		.has_file_mode = node->exists && node->is_device,
	};
	if (n->has_file_mode)
		n->file_mode = container_mode(node->mode);
	if (strcmp(node->path, node->host_path) != 0)
		n->host_path = generate_keep(g, node->host_path);
	if (!n->path || (!n->host_path && strcmp(node->path, node->host_path) != 0))
		return NVB_OOM(err);
	return 0;
}

int generate_gpu_nodes(struct generate *g, struct cdi_edits *edits,
	const struct gpu_node_list *nodes, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct gpu_node, node, nodes) {
		if (r >= 0 && (node->node.exists || node->node.type))
			r = generate_node(g, edits, &node->node, err);
	}
	return r;
}

static bool is_in(const struct gpu_node_list *list, const char *path)
{
	if (!list)
		return false;
	vec_foreach (const struct gpu_node, node, list) {
		if (strcmp(node->node.path, path) == 0)
			return true;
	}
	return false;
}

int generate_plan_nodes(struct generate *g, struct cdi_edits *edits, const struct plan *plan,
	const struct gpu_node_list *but, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const struct plan_node, n, &plan->nodes) {
		const struct host_node node = {
			.path = n->path,
			.host_path = n->host_path,
			.type = n->type,
			.exists = n->exists,
			.is_device = n->is_device,
			.major = n->major,
			.minor = n->minor,
			.mode = n->mode,
		};

		if (r >= 0 && !is_in(but, n->path))
			r = generate_node(g, edits, &node, err);
	}
	return r;
}
