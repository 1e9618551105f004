/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes: what the selected GPUs need for the capabilities asked for, and what was asked for
 * beside them; each path once. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plan/plan_build.h"

static bool is_path(const char *path, const char *other)
{
	return other && strcmp(path, other) == 0;
}

/* True if the node belongs to a partition, or draws on the whole GPU. */
static bool is_drm_node(const struct gpu *gpu, const char *path)
{
	if (is_path(path, gpu->render_node) || is_path(path, gpu->card_node))
		return true;
	vec_foreach (struct gpu_partition, part, &gpu->partitions) {
		if (is_path(path, part->render_node))
			return true;
	}
	return false;
}

/*
 * A partition with a render node of its own (AMD XCP) must not bring its parent's or those of
 * its siblings: they open other partitions. A MIG instance can draw only if its profile says so
 * ("+gfx"). Source: NVIDIA MIG User Guide, "GPU instance profiles"; Linux,
 * drivers/gpu/drm/amd/amdxcp.
 */
static bool parent_node_fits(const struct selected_gpu *item, const struct gpu_node *node)
{
	const struct gpu_partition *part = item->partition;

	if (!part || !is_drm_node(item->gpu, node->node.path))
		return true;
	if (part->render_node)
		return false;
	return part->gi < 0 || (part->profile && strstr(part->profile, "+gfx"));
}

static int warn_missing(struct plan_build *b, const struct host_node *node, struct nvb_error **err)
{
	if (node->type)
		return plan_warn(b, err, "'%s' is missing on the host: made by its number, %u:%u",
			node->path, node->major, node->minor);
	return plan_warn(b, err,
		"'%s' is missing on the host and its number is not known: left out", node->path);
}

bool plan_nodes_has(const struct plan *plan, size_t n_known, const char *path)
{
	for (size_t i = 0; i < n_known; i++) {
		if (strcmp(plan->nodes.items[i].path, path) == 0)
			return true;
	}
	return false;
}

int plan_nodes_append(struct plan_build *b, const struct host_node *node, struct nvb_error **err)
{
	struct plan_node *n = vec_push(b->plan->arena, &b->plan->nodes);

	if (!n)
		return NVB_OOM(err);
	*n = (struct plan_node){
		.path = node->path,
		.host_path = node->host_path,
		.type = node->type,
		.major = node->major,
		.minor = node->minor,
		.mode = node->mode,
		.uid = node->uid,
		.gid = node->gid,
		.exists = node->exists,
		.is_device = node->is_device,
		.permissions = "rw",
	};
	return 0;
}

int plan_nodes_add_one(struct plan_build *b, const struct gpu_node *gpu_node,
	struct nvb_error **err)
{
	const struct host_node *node = &gpu_node->node;

	if (!node->exists && gpu_node->optional)
		return 0;
	if (plan_nodes_has(b->plan, b->plan->nodes.n, node->path))
		return 0;
	if (!node->exists) {
		int r = warn_missing(b, node, err);

		if (r < 0 || !node->type)
			return r;
	}
	return plan_nodes_append(b, node, err);
}

static int add_node(struct plan_build *b, const struct gpu_node *node, struct nvb_error **err)
{
	return node->needed_for & b->req->capabilities ? plan_nodes_add_one(b, node, err) : 0;
}

static int add_list(struct plan_build *b, const struct gpu_node_list *list, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (struct gpu_node, node, list) {
		if (r >= 0)
			r = add_node(b, node, err);
	}
	return r;
}

/* A whole GPU in MIG mode is the sum of its instances: the parent alone computes nothing. */
static int add_all_partitions(struct plan_build *b, const struct gpu *gpu, struct nvb_error **err)
{
	int r = 0;

	if (gpu->mig_enabled && !gpu->partitions.n)
		return plan_warn(b, err,
			"GPU %u is in MIG mode and has no instance: CUDA will not find it",
			gpu->index);
	vec_foreach (struct gpu_partition, part, &gpu->partitions) {
		if (r >= 0)
			r = add_list(b, &part->nodes, err);
	}
	return r;
}

static int add_selected(struct plan_build *b, const struct selected_gpu *item,
	struct nvb_error **err)
{
	int r = 0;

	vec_foreach (struct gpu_node, node, &item->gpu->nodes) {
		if (r >= 0 && parent_node_fits(item, node))
			r = add_node(b, node, err);
	}
	if (r < 0)
		return r;
	if (item->partition)
		return add_list(b, &item->partition->nodes, err);
	return add_all_partitions(b, item->gpu, err);
}

/*
 * Groups a process must be in to open the nodes. Only real device nodes count: the owner of a
 * stand-in file says nothing. A node that everyone may open, or not even its group, needs none.
 */
static int add_gid(struct plan *plan, const struct plan_node *node, struct nvb_error **err)
{
	const uint32_t world = S_IROTH | S_IWOTH, group = S_IRGRP | S_IWGRP;
	uint32_t *gid;

	if (!node->exists || !node->is_device || !node->gid)
		return 0;
	if ((node->mode & world) == world || !(node->mode & group))
		return 0;
	vec_foreach (uint32_t, have, &plan->additional_gids) {
		if (*have == node->gid)
			return 0;
	}
	gid = vec_push(plan->arena, &plan->additional_gids);
	if (!gid)
		return NVB_OOM(err);
	*gid = node->gid;
	return 0;
}

/* Runs of digits by value: /dev/nvidia2 before /dev/nvidia10. */
static int compare_paths(const void *a, const void *b)
{
	return strverscmp(((const struct plan_node *)a)->path, ((const struct plan_node *)b)->path);
}

static int compare_gids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int plan_nodes_add(struct plan_build *b, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < b->req->gpus.n; i++)
		r = add_selected(b, &b->req->gpus.items[i], err);
	vec_foreach (struct gpu_driver, driver, &b->inv->drivers) {
		if (r >= 0 && plan_uses_driver(b->inv, b->req, driver))
			r = add_list(b, &driver->common_nodes, err);
	}
	if (r >= 0)
		r = plan_companions_add_nodes(b, err);
	if (r >= 0)
		r = plan_mig_add_nodes(b, err);
	return r < 0 ? r : plan_nodes_finish(b, err);
}

int plan_nodes_finish(struct plan_build *b, struct nvb_error **err)
{
	struct plan *plan = b->plan;

	if (plan->nodes.n)
		qsort(plan->nodes.items, plan->nodes.n, sizeof(plan->nodes.items[0]),
			compare_paths);
	vec_foreach (struct plan_node, node, &plan->nodes) {
		int r = add_gid(plan, node, err);

		if (r < 0)
			return r;
	}
	if (plan->additional_gids.n)
		qsort(plan->additional_gids.items, plan->additional_gids.n,
			sizeof(plan->additional_gids.items[0]), compare_gids);
	return 0;
}
