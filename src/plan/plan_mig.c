/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The right to make MIG instances, and to watch those of others. Both are for whole GPUs: besides
 * the right's own node a container gets those of all instances that its GPUs could ever have,
 * because it is about to make them.
 */
#include <string.h>

#include "plan/plan_build.h"

/* A right, and the knob that tells what became of it. */
struct right {
	const char *knob, *purpose;
	bool wanted;
	const struct gpu_node_list *nodes;
};

#define N_RIGHTS 2

static void list_rights(const struct plan_build *b, const struct gpu_driver *driver,
	struct right ret[static N_RIGHTS])
{
	ret[0] = (struct right){
		.knob = "mig_config",
		.purpose = "make MIG instances",
		.wanted = b->req->mig_config,
		.nodes = driver ? &driver->mig_config_nodes : NULL,
	};
	ret[1] = (struct right){
		.knob = "mig_monitor",
		.purpose = "watch MIG instances",
		.wanted = b->req->mig_monitor,
		.nodes = driver ? &driver->mig_monitor_nodes : NULL,
	};
}

static bool is_wanted(const struct plan_build *b)
{
	return b->req->mig_config || b->req->mig_monitor;
}

/* The driver of the GPUs whose instances it is about; NULL: none is selected. */
static const struct gpu_driver *find_driver(const struct plan_build *b)
{
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);

	return driver && plan_serves_selected(b->inv, b->req, driver) ? driver : NULL;
}

static int check_whole(const struct plan_build *b, struct nvb_error **err)
{
	for (size_t i = 0; i < b->req->gpus.n; i++) {
		const struct selected_gpu *item = &b->req->gpus.items[i];
		int r;

		if (!item->partition || item->partition->gi < 0)
			continue;
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"manage MIG on GPU %u: only its instance %u:%u is selected",
			item->gpu->index, item->gpu->index, item->partition->index);
		return NVB_HINT(
			err, r, "select the whole GPU, or leave the right to manage MIG out");
	}
	return 0;
}

static int raise_no_node(const struct right *right, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_DRIVER, 0,
		"give the container the right to %s: the driver has no device node for it",
		right->purpose);

	return NVB_HINT(err, r,
		"MIG needs NVIDIA's driver 450 or later, with 'nvidia-caps' in '/proc/devices'");
}

static int add_right(struct plan_build *b, const struct right *right, struct nvb_error **err)
{
	int r = right->nodes->n ? 0 : raise_no_node(right, err);

	vec_foreach (const struct gpu_node, node, right->nodes) {
		/* Without its number it would be left out, and the right with it. */
		if (r >= 0 && !node->node.exists && !node->node.type)
			r = raise_no_node(right, err);
		if (r >= 0)
			r = plan_nodes_add_one(b, node, err);
	}
	return r;
}

static int add_instances(struct plan_build *b, const struct gpu *gpu, struct nvb_error **err)
{
	size_t n_known = b->plan->nodes.n;
	int r = 0;

	/* Each is in the list once: only what was there before can be the same. */
	vec_foreach (const struct gpu_node, node, &gpu->mig_nodes) {
		if (r >= 0 && !plan_nodes_has(b->plan, n_known, node->node.path))
			r = plan_nodes_append(b, &node->node, err);
	}
	return r;
}

int plan_mig_add_nodes(struct plan_build *b, struct nvb_error **err)
{
	const struct gpu_driver *driver = find_driver(b);
	struct right rights[N_RIGHTS];
	int r;

	if (!is_wanted(b))
		return 0;
	r = check_whole(b, err);
	if (r < 0 || !driver)
		return r;
	list_rights(b, driver, rights);
	for (size_t i = 0; i < N_RIGHTS && r >= 0; i++) {
		if (rights[i].wanted)
			r = add_right(b, &rights[i], err);
	}
	for (size_t i = 0; i < b->req->gpus.n && r >= 0; i++)
		r = add_instances(b, b->req->gpus.items[i].gpu, err);
	return r;
}

int plan_mig_report(struct plan_build *b, struct nvb_error **err)
{
	const struct gpu_driver *driver = find_driver(b);
	struct right rights[N_RIGHTS];
	int r = 0;

	list_rights(b, driver, rights);
	for (size_t i = 0; i < N_RIGHTS && r >= 0; i++) {
		if (!rights[i].wanted)
			continue;
		if (driver)
			r = plan_knob(b, err, rights[i].knob, "all", KNOB_APPLIED, "device nodes",
				"of the selected GPUs; the driver asks for CAP_SYS_ADMIN too");
		else
			r = plan_knob(b, err, rights[i].knob, "all", KNOB_UNSUPPORTED, NULL,
				"no NVIDIA GPU is selected");
	}
	return r;
}
