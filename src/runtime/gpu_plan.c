/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gpu_plan.h"

#include <string.h>

#include "base/log.h"
#include "cdi/apply.h"
#include "gpu/cache.h"
#include "gpu/enrich.h"
#include "gpu/requirement_facts.h"
#include "request/requirement.h"
#include "runtime/gpu_bounds.h"

/* A plan while it is made. */
struct making {
	const struct container_request *from;
	struct gpu_plan *to;
	struct request request;
	struct string_list own, foreign; /* selectors: of our kinds, names of CDI specifications */
	struct string_list warnings;
};

void gpu_plan_done(struct gpu_plan *gpu_plan)
{
	plan_free(gpu_plan->plan);
	container_root_free(gpu_plan->root);
	cdi_registry_free(gpu_plan->registry);
	inventory_free(gpu_plan->inv);
	host_tree_done(&gpu_plan->tree);
	arena_free(gpu_plan->arena);
	*gpu_plan = (struct gpu_plan)GPU_PLAN_INIT;
}

static int read_machine(
	struct making *m, const struct runtime_policy *policy, struct nvb_error **err)
{
	int r = host_tree_open(policy->host_root, &m->to->tree, err);

	if (r >= 0)
		r = inventory_open(&m->to->tree, NULL, &m->to->inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	/* A MIG UUID is known to the vendor's library alone; nothing else is asked of it here. */
	if (selector_needs_enrichment(&m->own) || gpu_bounds_need_enrichment(m->from))
		r = inventory_ask_library_apart(m->to->inv, err);
	return r;
}

/* What a few containers ask for and most do not. */
static int read_machine_more(struct making *m, struct nvb_error **err)
{
	const struct discover_trees trees = { .machine = &m->to->tree };
	int r = 0;

	if (m->from->companions.n)
		r = inventory_find_companions(m->to->inv, &trees, err);
	if (r >= 0 && (m->from->mig_config || m->from->mig_monitor))
		r = inventory_find_mig_control(m->to->inv, &trees, err);
	return r < 0 ? NVB_CONTEXT(err, r, "look for devices beside the GPUs") : 0;
}

/* Of the optional selectors those join the others that find a GPU. */
static int join_optional(struct making *m, struct nvb_error **err)
{
	vec_foreach (const char *, selector, &m->from->optional_selectors) {
		const struct string_list one = { .items = selector, .n = 1 };
		struct selection found = { 0 };
		int r = selector_resolve(&one, m->to->inv, m->to->arena, &found, err);

		if (r == NVB_ERR_NO_GPU) {
			nvb_error_clear(err);
			continue;
		}
		if (r < 0)
			return r;
		if (string_list_add(m->to->arena, &m->own, *selector) < 0)
			return NVB_OOM(err);
	}
	return 0;
}

/* The variable that names what does not exist: the vendors' are read together. */
static const char *asker_of_missing(const struct making *m)
{
	static const char amd[] = "amd.com/";

	if (m->from->source == CONTAINER_SOURCE_VENDORS)
		vec_foreach (const char *, selector, &m->own) {
			const struct string_list one = { .items = selector, .n = 1 };
			struct selection found;

			if (strncmp(*selector, amd, strlen(amd)) == 0 &&
				selector_resolve(&one, m->to->inv, m->to->arena, &found, NULL) < 0)
				return "AMD_VISIBLE_DEVICES";
		}
	return m->from->asker ? m->from->asker : "the container's request";
}

static int make_request(struct making *m, struct nvb_error **err)
{
	const struct container_request *from = m->from;
	int r;

	m->request = (struct request){
		.engine = "runtime",
		.gpus = { .none = true },
		.capabilities = from->capabilities,
		.capabilities_source = from->capabilities_given		  ? SOURCE_ENVIRONMENT
				       : from->profile != PROFILE_DEFAULT ? SOURCE_PROFILE
									  : SOURCE_DEFAULT,
		.profile = from->profile,
		.driver_only = from->driver_only,
		.companions = from->companions,
		.mig_config = from->mig_config,
		.mig_monitor = from->mig_monitor,
	};
	if (!m->own.n)
		return 0;
	m->request.gpus.none = false;
	r = selector_resolve(&m->own, m->to->inv, m->to->arena, &m->request.gpus, err);
	return r < 0 ? NVB_CONTEXT(err, r, "read '%s'", asker_of_missing(m)) : 0;
}

static bool has_nvidia(const struct selection *gpus)
{
	for (size_t i = 0; i < gpus->n; i++)
		if (gpus->items[i].gpu->vendor == GPU_VENDOR_NVIDIA ||
			gpus->items[i].gpu->vendor == GPU_VENDOR_WSL)
			return true;
	return false;
}

/* "none" takes the GPUs and leaves the driver's files, as where it is the request itself. */
static bool keeps_driver(const struct container_request *from)
{
	vec_foreach (const struct container_bound, bound, &from->bounds)
		if (bound->driver_only)
			return true;
	return false;
}

/* Returns 0 if the bounds leave nothing at all. */
static int bind_request(struct making *m, struct nvb_error **err)
{
	struct request *request = &m->request;
	const bool had_gpus = request->gpus.n > 0, had_nvidia = has_nvidia(&request->gpus);
	int r = gpu_bounds_apply(
		m->from, &m->foreign, m->to->inv, m->to->arena, &request->gpus, err);

	if (r < 0 || !m->from->bounds.n)
		return r;
	request->driver_only |= r == 0 && had_nvidia && keeps_driver(m->from);
	/* What comes with NVIDIA's GPUs goes with them. */
	if (!request->driver_only && !has_nvidia(&request->gpus)) {
		request->companions = (struct string_list){ 0 };
		request->mig_config = request->mig_monitor = false;
	}
	if (r > 0)
		return 1;
	vec_foreach (const struct container_bound, bound, &m->from->bounds)
		if (had_gpus && !bound->selectors.n)
			log_warning("%s leaves none of the GPUs that %s asks for", bound->variable,
				m->from->asker);
	return m->foreign.n || request->driver_only;
}

/* Of the facts, the library tells the compute capability and the name that a brand follows from. */
static bool library_may_help(const struct making *m, const struct requirement_facts *facts,
	const struct requirement_needs *needs)
{
	bool nameless = false;

	for (size_t i = 0; i < m->request.gpus.n; i++)
		nameless |= !m->request.gpus.items[i].gpu->name;
	return m->request.gpus.n &&
	       ((needs->arch && !facts->arch) || (needs->brand && !facts->brand && nameless));
}

/* Returns 1 if the library may know what the answer depends on, and 0 if it is final. */
static int check_facts(struct making *m, struct string_list *ret_warnings, struct nvb_error **err)
{
	const struct selection *gpus = &m->request.gpus;
	const struct gpu **list =
		arena_alloc(m->to->arena, (gpus->n ? gpus->n : 1) * sizeof(const struct gpu *));
	struct gpu_requirement_facts known = { 0 };
	struct requirement_needs needs;
	struct requirement_facts facts;
	int r;

	if (!list)
		return NVB_OOM(err);
	for (size_t i = 0; i < gpus->n; i++)
		list[i] = gpus->items[i].gpu;
	/* Requirements are of one vendor's driver: another's GPUs have nothing to meet. */
	if (!gpu_requirement_facts(m->to->inv, list, gpus->n, &known))
		return 0;
	facts = (struct requirement_facts){
		.driver_version = known.driver_version,
		.cuda_version = known.cuda_version,
		.cuda_at_least = known.cuda_at_least,
		.arch = known.compute_capability,
		.brand = known.brand,
	};
	r = requirement_check(&m->from->requirements, &facts, m->to->arena, ret_warnings, err);
	if (r >= 0)
		r = requirement_needs(&m->from->requirements, &needs, err);
	return r < 0 ? r : ret_warnings->n > 0 && library_may_help(m, &facts, &needs);
}

static int check_requirements(struct making *m, struct nvb_error **err)
{
	int r;

	/* What others define as devices is served by no driver of ours. */
	if (!m->from->requirements.n || !(m->request.gpus.n || m->request.driver_only))
		return 0;
	r = check_facts(m, &m->warnings, err);
	if (r <= 0)
		return r;
	r = inventory_ask_library_apart(m->to->inv, err);
	if (r <= 0)
		return r;
	m->warnings = (struct string_list){ 0 };
	r = check_facts(m, &m->warnings, err);
	return r < 0 ? r : 0;
}

/* What the plan has said in other words before. */
static bool is_said(const struct plan *plan, const char *reason)
{
	vec_foreach (const char *, warning, &plan->warnings)
		if (strstr(*warning, reason))
			return true;
	return false;
}

/* Who asks for everything means what there is. */
static bool is_missed(const struct making *m, const struct plan_knob *knob)
{
	return knob->status == KNOB_UNSUPPORTED && knob->reason &&
	       !(strcmp(knob->name, "compat32") == 0 && m->request.capabilities == CAPABILITY_ALL);
}

static int add_warnings(struct making *m, struct nvb_error **err)
{
	struct plan *plan = m->to->plan;
	const struct string_list *lists[] = { &m->warnings, &m->to->inv->warnings };
	int r = 0;

	vec_foreach (const struct plan_knob, knob, &plan->knobs)
		if (r >= 0 && is_missed(m, knob) && !is_said(plan, knob->reason))
			r = string_list_printf(plan->arena, &plan->warnings,
				"%s '%s' has no effect: %s", knob->name,
				knob->value ? knob->value : "", knob->reason);
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		vec_foreach (const char *, warning, lists[i])
			if (r >= 0)
				r = string_list_add(plan->arena, &plan->warnings, *warning);
	return r < 0 ? NVB_OOM(err) : 0;
}

static int make_plan(struct making *m, int root_fd, struct nvb_error **err)
{
	struct string_list dirs = { 0 }, names = { 0 };
	struct gpu_plan *to = m->to;
	int r;

	r = plan_questions(to->inv, &m->request, to->arena, &dirs, &names, err);
	if (r < 0)
		return r;
	r = container_root_inspect(root_fd, &dirs, &names, &to->root, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look at the container's root");
	r = plan_make(to->inv, &m->request, to->root, &to->plan, err);
	return r < 0 ? r : add_warnings(m, err);
}

static bool is_defined(const struct cdi_registry *registry, const char *name)
{
	vec_foreach (struct cdi_found, found, &registry->devices)
		if (strcmp(found->name, name) == 0)
			return true;
	vec_foreach (struct cdi_conflict, conflict, &registry->conflicts)
		if (strcmp(conflict->name, name) == 0)
			return true;
	return false;
}

/* A mistyped GPU is spelled like a device of a specification. */
static int check_undefined(const struct making *m, struct nvb_error **err)
{
	int r = 0;

	vec_foreach (const char *, name, &m->foreign)
		if (r >= 0 && !is_defined(m->to->registry, *name))
			r = selector_check_undefined(*name, m->to->inv, err);
	return r;
}

static int apply_specs(struct making *m, struct nvb_error **err)
{
	struct gpu_plan *to = m->to;
	struct cdi_found_list found = { 0 };
	const struct cdi_apply_options apply = { .devices = &found, .tree = &to->tree };
	struct string_list directories = { 0 };
	int r;

	if (!m->foreign.n)
		return 0;
	r = cdi_host_directories(&to->tree, to->arena, &directories, err);
	if (r >= 0)
		r = cdi_registry_read(&directories, &to->registry, err);
	if (r >= 0)
		r = check_undefined(m, err);
	if (r >= 0)
		r = cdi_registry_resolve(to->registry, &m->foreign, to->arena, &found, err);
	return r < 0 ? r : cdi_apply_to_plan(&apply, to->plan, err);
}

static bool asks_for_anything(const struct making *m)
{
	return m->own.n || m->foreign.n || m->from->driver_only || m->from->companions.n;
}

static int make_nothing(struct making *m, struct nvb_error **err)
{
	m->to->plan = plan_new();
	return m->to->plan ? 0 : NVB_OOM(err);
}

static int make_everything(struct making *m, int root_fd, struct nvb_error **err)
{
	int r = read_machine_more(m, err);

	if (r >= 0)
		r = make_request(m, err);
	if (r >= 0)
		r = bind_request(m, err);
	if (r == 0)
		return make_nothing(m, err);
	if (r >= 0)
		r = check_requirements(m, err);
	if (r >= 0)
		r = make_plan(m, root_fd, err);
	if (r >= 0)
		r = apply_specs(m, err);
	return r < 0 ? r : 1;
}

static void log_machine(const struct inventory *inv)
{
	if (!inv)
		return;
	vec_foreach (const char *, warning, &inv->warnings)
		log_warning("%s", *warning);
}

int gpu_plan_make(const struct container_request *request, const struct runtime_policy *policy,
	int root_fd, struct gpu_plan *ret, struct nvb_error **err)
{
	_cleanup_(gpu_plan_done) struct gpu_plan made = GPU_PLAN_INIT;
	struct making m = { .from = request, .to = &made };
	int r;

	made.arena = arena_new();
	if (!made.arena)
		return NVB_OOM(err);
	r = selector_split_foreign(&request->selectors, made.arena, &m.own, &m.foreign, err);
	if (r >= 0)
		r = read_machine(&m, policy, err);
	if (r >= 0)
		r = join_optional(&m, err);
	if (r >= 0)
		r = asks_for_anything(&m) ? make_everything(&m, root_fd, err)
					  : make_nothing(&m, err);
	if (r < 0) {
		log_machine(made.inv);
		return r;
	}
	*ret = made;
	made = (struct gpu_plan)GPU_PLAN_INIT;
	return r;
}
