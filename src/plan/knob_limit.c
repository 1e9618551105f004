/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knobs: isolation, limits, MIG, snapshots. What keeps the limits was found by plan_limits.c, in
 * front of all else; here it is said.
 */
#include "plan/knob_rule.h"

#include <string.h>

#include "base/number.h"

#define BYTES_PER_MIB (UINT64_C(1) << 20)
/* Source: NVIDIA, cuda-checkpoint: process trees and the driver's own functions. */
#define CHECKPOINT_DRIVER 570

static int report(struct plan_build *b, const struct setting *value, enum knob_id id,
	enum knob_status status, const char *mechanism, const char *reason, struct nvb_error **err)
{
	return plan_knob(b, err, knob_table[id].name, value->text, status, mechanism, "%s",
		reason ? reason : "");
}

static int resolve_isolation(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct plan_knob *outcome = &b->plan->isolation_outcome;

	plan_knobs_decide_isolation(b);
	return report(b, value, KNOB_ISOLATION, outcome->status, outcome->mechanism,
		b->plan->refused ? "a limit cannot be enforced" : outcome->reason, err);
}

static int report_limit(struct plan_build *b, const struct setting *value, enum knob_id id,
	const struct plan_limit_outcome *outcome, struct nvb_error **err)
{
	if (!b->req->gpus.n && b->plan->refused)
		return report(b, value, id, KNOB_UNSUPPORTED, NULL, b->plan->refused, err);
	if (!b->req->gpus.n)
		return report(b, value, id, KNOB_NONE, NULL, "no GPU was selected", err);
	return report(b, value, id, outcome->status, outcome->mechanism, outcome->reason, err);
}

static int resolve_memory_limit(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	return report_limit(b, value, KNOB_MEMORY_LIMIT, &b->memory_limit, err);
}

static int resolve_compute_limit(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	struct plan_limit_outcome own = b->compute_limit;

	/* Both were looked for together. */
	if (own.status >= KNOB_ADVISORY && own.reason && b->memory_limit.reason &&
		strcmp(own.reason, b->memory_limit.reason) == 0)
		own.reason = "see gpu_memory_limit";
	return report_limit(b, value, KNOB_COMPUTE_LIMIT, &own, err);
}

static int resolve_allow_unenforced(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const bool needed =
		b->memory_limit.status == KNOB_ADVISORY || b->compute_limit.status == KNOB_ADVISORY;

	if (!value->number)
		return report(b, value, KNOB_ALLOW_UNENFORCED, KNOB_APPLIED, "nvbind",
			"a limit that nothing enforces refuses the container", err);
	return report(b, value, KNOB_ALLOW_UNENFORCED, KNOB_APPLIED, "nvbind",
		needed ? "the container starts although it can go beyond a limit"
		       : "nothing needs it",
		err);
}

static bool is_partition_selected(const struct plan_build *b)
{
	for (size_t i = 0; i < b->req->gpus.n; i++)
		if (b->req->gpus.items[i].partition)
			return true;
	return false;
}

static int resolve_mig(struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct setting *size = knob_setting(b, KNOB_MODEL_SIZE);
	const char *reason = b->mig.reason;

	if (!value->number && is_partition_selected(b))
		return report(b, value, KNOB_MIG_ENABLED, KNOB_UNSUPPORTED, NULL,
			"a partition was selected by name", err);
	if (!value->number)
		return report(b, value, KNOB_MIG_ENABLED, KNOB_APPLIED, "device nodes",
			"no instance is chosen; the mode of the GPU stays as it is", err);
	if (!b->req->gpus.n)
		return report(
			b, value, KNOB_MIG_ENABLED, KNOB_NONE, NULL, "no GPU was selected", err);
	if (!reason && size && strcmp(size->text, "XLarge") == 0)
		reason = "an instance is smaller than its GPU: a model of this size fits the whole "
			 "GPU better";
	return report(b, value, KNOB_MIG_ENABLED, b->mig.status, b->mig.mechanism, reason, err);
}

static const char *snapshot_reason(const struct plan_build *b)
{
	const capability_set drawing = CAPABILITY_GRAPHICS | CAPABILITY_DISPLAY;
	const struct gpu_driver *driver = plan_nvidia_driver(b->inv, b->req);
	uint64_t branch = 0;

	if (b->req->capabilities & drawing)
		return "no driver can save what OpenGL and Vulkan hold; without the capabilities "
		       "graphics and display, CUDA programs could be saved";
	if (!driver)
		return "GPU state can be saved on NVIDIA's driver for CUDA, and by CRIU for ROCm: "
		       "this version of nvbind does neither";
	if (!driver->version ||
		!number_parse_n(driver->version, strcspn(driver->version, "."), 100000, &branch) ||
		branch < CHECKPOINT_DRIVER)
		return "saving CUDA programs needs NVIDIA's driver 570, and a version of nvbind "
		       "that does it";
	return "the driver can save CUDA programs (cuCheckpointProcess); this version of nvbind "
	       "does not ask it to";
}

static int resolve_snapshot(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	if (!value->number)
		return report(b, value, KNOB_SNAPSHOT_GPU_STATE, KNOB_APPLIED, "nvbind",
			"nothing of the GPU is kept", err);
	if (!b->req->gpus.n)
		return report(b, value, KNOB_SNAPSHOT_GPU_STATE, KNOB_NONE, NULL,
			"no GPU was selected", err);
	return report(
		b, value, KNOB_SNAPSHOT_GPU_STATE, KNOB_UNSUPPORTED, NULL, snapshot_reason(b), err);
}

/* NULL: this GPU's memory can be protected. */
static const char *protection_problem(
	const struct plan_build *b, const struct setting *value, const struct gpu *gpu)
{
	const struct gpu_abilities *able = machine_abilities_of(b->req->abilities, gpu);
	const struct setting *limit = knob_setting(b, KNOB_MEMORY_LIMIT);

	if (!(limit_rung_get(LIMIT_DMEM)->vendors & (1U << gpu->vendor)))
		return "only GPUs whose memory the kernel's dmem controller knows have it: those "
		       "of "
		       "amdgpu and xe";
	if (!able)
		return "the dmem control group was not looked for";
	if (able->unusable[LIMIT_DMEM])
		return able->unusable[LIMIT_DMEM];
	if (able->total_memory_bytes && value->number > able->total_memory_bytes)
		return "the GPU has less memory";
	if (limit && value->number > limit->number)
		return "gpu_memory_limit is less";
	return NULL;
}

static int protect(
	struct plan_build *b, const struct gpu *gpu, uint64_t bytes, struct nvb_error **err)
{
	struct plan_limit *slot = NULL;

	vec_foreach (struct plan_limit, limit, &b->plan->limits)
		if (limit->gpu == gpu && limit->rung == LIMIT_DMEM)
			slot = limit;
	if (!slot) {
		slot = vec_push(b->plan->arena, &b->plan->limits);
		if (!slot)
			return NVB_OOM(err);
		*slot = (struct plan_limit){ .gpu = gpu, .rung = LIMIT_DMEM };
	}
	slot->protect_bytes = bytes;
	return 0;
}

static int resolve_vram_protect(
	struct plan_build *b, const struct setting *value, struct nvb_error **err)
{
	const struct selection *gpus = &b->req->gpus;
	int r = 0;

	if (!gpus->n)
		return report(
			b, value, KNOB_VRAM_PROTECT, KNOB_NONE, NULL, "no GPU was selected", err);
	for (size_t i = 0; i < gpus->n; i++) {
		const char *problem = protection_problem(b, value, gpus->items[i].gpu);

		if (problem)
			return plan_knob(b, err, knob_table[KNOB_VRAM_PROTECT].name, value->text,
				KNOB_UNSUPPORTED, NULL, "GPU %u: %s", gpus->items[i].gpu->index,
				problem);
	}
	for (size_t i = 0; r >= 0 && i < gpus->n; i++)
		r = protect(b, gpus->items[i].gpu, value->number, err);
	return r < 0 ? r
		     : report(b, value, KNOB_VRAM_PROTECT, KNOB_APPLIED, "dmem.low",
			       "others' memory is moved out before the container's", err);
}

static const struct knob_rule rules[] = {
	{ KNOB_ISOLATION, resolve_isolation },
	{ KNOB_MEMORY_LIMIT, resolve_memory_limit },
	{ KNOB_COMPUTE_LIMIT, resolve_compute_limit },
	{ KNOB_ALLOW_UNENFORCED, resolve_allow_unenforced },
	{ KNOB_MIG_ENABLED, resolve_mig },
	{ KNOB_SNAPSHOT_GPU_STATE, resolve_snapshot },
	{ KNOB_VRAM_PROTECT, resolve_vram_protect },
};

const struct knob_rule_table knob_rules_limit = { rules, ELEMENTS(rules) };
