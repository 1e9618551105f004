/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdarg.h>
#include <string.h>

#include "plan/knob_rule.h"
#include "plan/plan_build.h"

struct plan *plan_new(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct plan *plan = arena ? arena_new_object(arena, struct plan) : NULL;

	if (plan)
		plan->arena = TAKE_PTR(arena);
	return plan;
}

void plan_free(struct plan *plan)
{
	/* The plan lives in its own arena. */
	if (plan)
		arena_free(plan->arena);
}

const char *knob_status_name(enum knob_status status)
{
	static const char *const names[] = {
		[KNOB_ENFORCED] = "enforced",
		[KNOB_APPLIED] = "applied",
		[KNOB_ADVISORY] = "advisory",
		[KNOB_UNSUPPORTED] = "unsupported",
		[KNOB_NONE] = "none",
	};

	return names[status];
}

bool plan_engine_is_built_in(const struct request *req)
{
	return !req->engine || strcmp(req->engine, "bolt") == 0;
}

bool plan_serves_selected(const struct inventory *inv, const struct request *req,
	const struct gpu_driver *driver)
{
	for (size_t i = 0; i < req->gpus.n; i++) {
		if (inventory_driver(inv, req->gpus.items[i].gpu) == driver)
			return true;
	}
	return false;
}

bool plan_uses_driver(const struct inventory *inv, const struct request *req,
	const struct gpu_driver *driver)
{
	if (plan_serves_selected(inv, req, driver))
		return true;
	return driver->brings_user_space &&
		(req->driver_only || plan_companions_manage(inv, req, driver->vendor));
}

const struct gpu_driver *plan_nvidia_driver(const struct inventory *inv, const struct request *req)
{
	vec_foreach (struct gpu_driver, driver, &inv->drivers) {
		if (driver->vendor == GPU_VENDOR_NVIDIA && driver->brings_user_space &&
			plan_uses_driver(inv, req, driver))
			return driver;
	}
	return NULL;
}

const char *plan_vprintf(struct plan_build *b, const char *format, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	/* Most are a text as it is. */
	if (strcmp(format, "%s") == 0)
		return arena_strdup(b->plan->arena, va_arg(ap, const char *));
	if (vasprintf(&text, format, ap) < 0) {
		text = NULL;
		return NULL;
	}
	return arena_strdup(b->plan->arena, text);
}

int plan_warn(struct plan_build *b, struct nvb_error **err, const char *format, ...)
{
	const char *text;
	va_list ap;

	va_start(ap, format);
	text = plan_vprintf(b, format, ap);
	va_end(ap);
	if (!text || string_list_add(b->plan->arena, &b->plan->warnings, text) < 0)
		return NVB_OOM(err);
	return 0;
}

int plan_knob(struct plan_build *b, struct nvb_error **err, const char *name, const char *value,
	enum knob_status status, const char *mechanism, const char *reason, ...)
{
	struct plan_knob *knob = vec_push(b->plan->arena, &b->plan->knobs);
	const char *text;
	va_list ap;

	va_start(ap, reason);
	text = plan_vprintf(b, reason, ap);
	va_end(ap);
	if (!knob || !text)
		return NVB_OOM(err);
	*knob = (struct plan_knob){
		.name = name,
		.value = value,
		.status = status,
		.mechanism = mechanism,
		.reason = *text ? text : NULL,
	};
	return 0;
}

/* What the request says goes into the plan as it is. */
static int copy_request(struct plan *plan, const struct request *req, struct nvb_error **err)
{
	plan->engine = req->engine;
	plan->image = req->image;
	plan->isolation = req->isolation;
	plan->gpus = req->gpus;
	vec_foreach (const char *, word, &req->command) {
		if (string_list_add(plan->arena, &plan->command, *word) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

static int check_selection(const struct request *req, struct nvb_error **err)
{
	for (size_t i = 0; i < req->gpus.n; i++) {
		const struct gpu *gpu = req->gpus.items[i].gpu;

		if (gpu->state != GPU_USABLE)
			return NVB_RAISE(err, NVB_ERR_NO_GPU, 0, "GPU %u cannot be used: %s",
				gpu->index,
				gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state));
	}
	return 0;
}

typedef int (*plan_step)(struct plan_build *b, struct nvb_error **err);

static int make(struct plan_build *b, const plan_step *steps, size_t n_steps,
	struct plan **ret_plan, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	int r;

	b->plan = arena ? arena_new_object(arena, struct plan) : NULL;
	if (!b->plan)
		return NVB_OOM(err);
	b->plan->arena = arena;
	r = check_selection(b->req, err);
	if (r >= 0)
		r = plan_companions_find(b->inv, b->req, arena, &b->companions, err);
	if (r >= 0)
		r = copy_request(b->plan, b->req, err);
	for (size_t i = 0; r >= 0 && i < n_steps; i++)
		r = steps[i](b, err);
	if (r < 0)
		return r;
	arena = NULL;
	*ret_plan = b->plan;
	return 0;
}

static int make_all(struct plan_build *b, struct plan **ret_plan, struct nvb_error **err)
{
	static const plan_step steps[] = {
		plan_limits_choose,
		plan_driver_check,
		plan_nodes_add,
		plan_files_add,
		knob_rules_apply,
		plan_env_add,
		plan_knobs_add,
	};

	return make(b, steps, ELEMENTS(steps), ret_plan, err);
}

int plan_make(const struct inventory *inv, const struct request *req,
	const struct container_root *root, struct plan **ret_plan, struct nvb_error **err)
{
	struct plan_build b = { .inv = inv, .req = req, .root = root };

	return make_all(&b, ret_plan, err);
}

int plan_make_for_spec(const struct inventory *inv, const struct request *req,
	const struct container_root *root, struct plan **ret_plan, struct nvb_error **err)
{
	struct plan_build b = { .inv = inv, .req = req, .root = root, .for_spec = true };

	return make_all(&b, ret_plan, err);
}

int plan_make_nodes(const struct inventory *inv, const struct request *req, struct plan **ret_plan,
	struct nvb_error **err)
{
	static const plan_step steps[] = { plan_driver_check, plan_nodes_add };
	struct plan_build b = { .inv = inv, .req = req };

	return make(&b, steps, ELEMENTS(steps), ret_plan, err);
}
