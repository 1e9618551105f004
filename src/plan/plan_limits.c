/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder: for each selected GPU, the first rung of gpu/abilities.h that keeps the container
 * within all of its limits. Where there is none, the plan is refused; with allow_unenforced, what
 * can be kept is kept, and the rest is advice.
 */
#include <string.h>

#include "plan/knob_rule.h"
#include "plan/plan_partitions.h"

#define TEXT_LIMIT_BYTES ((size_t)16 << 10)
#define BYTES_PER_MIB	 (UINT64_C(1) << 20)

static const char never_reached[] = "the GPU's own size";

struct ladder {
	struct plan_build *b;
	struct plan_share wanted;
	bool allow_unenforced, without_mig;
	struct selected_gpu *items; /* the plan's own copy */
};

/* What a person should know of a rung; NULL: nothing. Source: docs/LIMITS.md. */
static const struct {
	const char *memory, *compute;
} notes[LIMIT_RUNG_COUNT] = {
	[LIMIT_NVML_MEMORY_MPS] = { "managed memory (cudaMallocManaged) is not counted",
		"its own multiprocessors; a fatal fault of one program ends those of others" },
	[LIMIT_NVML_MEMORY] = { "managed memory (cudaMallocManaged) is not counted", NULL },
	[LIMIT_MPS] = { "CUDA only; programs see the whole GPU's size and must be told less",
		"a ceiling and no share; a fatal fault of one program ends those of others" },
	[LIMIT_DMEM] = { "what goes beyond moves to system memory, which is slow; other programs' "
			 "memory stays",
		NULL },
};

/* GPUs of one kind have one reason: it is said once. Returns -1 when out of memory. */
static int add_reason(struct plan_build *b, struct plan_limit_outcome *into, const struct gpu *gpu,
	const char *text)
{
	struct arena *a = b->plan->arena;
	bool is_same = into->text && strcmp(into->text, text) == 0;

	if (b->req->gpus.n == 1) {
		into->reason = text;
		return 0;
	}
	if (is_same) {
		into->gpus = arena_printf(a, "%s,%u", into->gpus, gpu->index);
	} else {
		into->others = into->reason ? arena_printf(a, "%s; ", into->reason) : "";
		into->gpus = arena_printf(a, "%u", gpu->index);
		into->text = text;
	}
	if (!into->others || !into->gpus)
		return -1;
	into->reason = arena_printf(a, "%sGPU %s: %s", into->others, into->gpus, text);
	return into->reason ? 0 : -1;
}

static int merge(struct plan_build *b, struct plan_limit_outcome *into, const struct gpu *gpu,
	const struct plan_limit_outcome *from, struct nvb_error **err)
{
	struct arena *a = b->plan->arena;

	into->status = from->status > into->status ? from->status : into->status;
	if (from->mechanism && !into->mechanism) {
		into->mechanism = from->mechanism;
	} else if (from->mechanism && !strstr(into->mechanism, from->mechanism)) {
		into->mechanism = arena_printf(a, "%s, %s", into->mechanism, from->mechanism);
		if (!into->mechanism)
			return NVB_OOM(err);
	}
	if (from->reason && add_reason(b, into, gpu, from->reason) < 0)
		return NVB_OOM(err);
	return 0;
}

/* 0: unknown. A partition of AMD's may reach beyond its own memory: see plan_partitions.c. */
static uint64_t memory_of(const struct selected_gpu *item, const struct gpu_abilities *able)
{
	if (item->partition && item->partition->gi >= 0)
		return item->partition->memory_bytes;
	return able && able->total_memory_bytes ? able->total_memory_bytes
						: item->gpu->memory_bytes;
}

/* A virtual function has the size that it was made with. */
static bool fits_whole(const struct selected_gpu *item, const struct gpu_abilities *able,
	const struct plan_share *wanted, const char **ret_why)
{
	uint64_t has = memory_of(item, able);

	*ret_why = wanted->percent ? "its share of time is not known"
				   : "it has more memory than the limit";
	return !wanted->percent && has && has <= wanted->memory_bytes;
}

/* True if the rung does all of `wanted`; else *ret_why, NULL where it is not for such GPUs. */
static bool try_rung(const struct ladder *l, const struct selected_gpu *item,
	const struct plan_share *wanted, enum limit_rung rung, struct plan_limit *ret,
	struct plan_share *ret_has, const char **ret_why)
{
	const struct gpu_abilities *able = machine_abilities_of(l->b->req->abilities, item->gpu);
	const struct limit_rung_facts *facts = limit_rung_get(rung);

	*ret_why = NULL;
	*ret = (struct plan_limit){
		.gpu = item->gpu,
		.partition = item->partition,
		.rung = rung,
		.memory_bytes = wanted->memory_bytes,
		.compute_percent = wanted->percent,
	};
	if (!(facts->vendors & (1U << item->gpu->vendor)))
		return false;
	*ret_why = able ? able->unusable[rung] : "it was not looked for";
	if (!*ret_why && wanted->memory_bytes && !facts->memory)
		*ret_why = "it does not limit memory";
	if (!*ret_why && wanted->percent && !facts->compute)
		*ret_why = "it limits memory alone";
	if (!*ret_why && rung == LIMIT_MIG && l->without_mig)
		*ret_why = "mig_enabled=false";
	if (*ret_why)
		return false;
	if (rung == LIMIT_VF)
		return fits_whole(item, able, wanted, ret_why);
	if (rung != LIMIT_MIG && rung != LIMIT_PARTITION)
		return true;
	ret->partition = plan_partitions_fit(item, able, wanted, ret_has, ret_why);
	ret->granted_percent = wanted->percent && ret->partition ? ret_has->percent : 0;
	return ret->partition != NULL;
}

/* 1: found. 0: none, and why not is in `reasons`. */
static int climb(const struct ladder *l, const struct selected_gpu *item,
	const struct plan_share *wanted, struct plan_limit *ret, struct plan_share *ret_has,
	struct strbuf *reasons)
{
	for (size_t rung = 0; rung < LIMIT_RUNG_COUNT; rung++) {
		const char *why = NULL;

		if (try_rung(l, item, wanted, (enum limit_rung)rung, ret, ret_has, &why))
			return 1;
		if (why)
			strbuf_printf(reasons, "%s%s: %s", reasons->length ? "; " : "",
				limit_rung_get((enum limit_rung)rung)->title, why);
	}
	if (!reasons->length)
		strbuf_str_add(reasons, "no mechanism exists for GPUs of this kind");
	return 0;
}

static bool is_by_partition(const struct plan_limit *limit)
{
	return limit->rung == LIMIT_MIG || limit->rung == LIMIT_PARTITION;
}

static const char *mechanism_of(
	const struct ladder *l, const struct plan_limit *limit, struct nvb_error **err)
{
	const char *title = limit_rung_get(limit->rung)->title, *text = title;
	const struct gpu_partition *p = limit->partition;

	if (p && is_by_partition(limit))
		text = arena_printf(l->b->plan->arena, "%s %u:%u%s%s%s", title, limit->gpu->index,
			p->index, p->profile ? " (" : "", p->profile ? p->profile : "",
			p->profile ? ")" : "");
	if (!text)
		(void)NVB_OOM(err);
	return text;
}

/* Both numbers, where a step of the rung stands for the limit. */
static int say_granted(const struct ladder *l, const struct plan_limit *limit,
	const struct plan_share *has, struct plan_limit_outcome *memory,
	struct plan_limit_outcome *compute, struct nvb_error **err)
{
	struct arena *a = l->b->plan->arena;

	if (!is_by_partition(limit))
		return 0;
	if (limit->memory_bytes && has->memory_bytes != limit->memory_bytes)
		memory->reason =
			arena_printf(a, "%llu MiB were asked for, the partition has %llu MiB",
				(unsigned long long)(limit->memory_bytes / BYTES_PER_MIB),
				(unsigned long long)(has->memory_bytes / BYTES_PER_MIB));
	else
		memory->reason = NULL;
	if (limit->memory_bytes && has->memory_bytes != limit->memory_bytes && !memory->reason)
		return NVB_OOM(err);
	if (!limit->compute_percent || has->percent == limit->compute_percent)
		return 0;
	compute->reason = arena_printf(a, "%u%% were asked for, the partition has %u%%",
		limit->compute_percent, has->percent);
	return compute->reason ? 0 : NVB_OOM(err);
}

static int take_limit(struct ladder *l, size_t index, const struct plan_limit *limit,
	const struct plan_share *has, struct nvb_error **err)
{
	struct plan_limit_outcome memory = { .reason = notes[limit->rung].memory };
	struct plan_limit_outcome compute = { .reason = notes[limit->rung].compute };
	struct plan_limit *slot = vec_push(l->b->plan->arena, &l->b->plan->limits);
	const char *mechanism = mechanism_of(l, limit, err);
	int r;

	if (!slot)
		return NVB_OOM(err);
	if (!mechanism)
		return NVB_ERR_NO_MEMORY;
	*slot = *limit;
	l->items[index].partition = limit->partition;
	memory.mechanism = compute.mechanism = mechanism;
	r = say_granted(l, limit, has, &memory, &compute, err);
	if (r >= 0 && limit->memory_bytes)
		r = merge(l->b, &l->b->memory_limit, limit->gpu, &memory, err);
	if (r >= 0 && limit->compute_percent)
		r = merge(l->b, &l->b->compute_limit, limit->gpu, &compute, err);
	return r;
}

/* What no rung does. */
static int leave_out(struct ladder *l, const struct selected_gpu *item,
	const struct plan_share *left, const struct strbuf *reasons, struct nvb_error **err)
{
	struct plan_limit_outcome outcome = {
		.status = l->allow_unenforced ? KNOB_ADVISORY : KNOB_UNSUPPORTED,
		.mechanism = l->allow_unenforced ? "allow_unenforced" : NULL,
	};
	struct arena *a = l->b->plan->arena;
	int r = 0;

	if (strbuf_failed(reasons))
		return NVB_OOM(err);
	outcome.reason = arena_printf(a, "%s%s",
		l->allow_unenforced ? "nothing keeps the container within it: " : "",
		strbuf_str(reasons));
	if (!outcome.reason)
		return NVB_OOM(err);
	if (left->memory_bytes)
		r = merge(l->b, &l->b->memory_limit, item->gpu, &outcome, err);
	if (r >= 0 && left->percent)
		r = merge(l->b, &l->b->compute_limit, item->gpu, &outcome, err);
	if (r < 0 || l->allow_unenforced || l->b->plan->refused)
		return r;
	l->b->plan->refused = arena_printf(a, "%s on GPU %u cannot be enforced: %s",
		left->memory_bytes && left->percent ? "gpu_memory_limit with compute_limit"
		: left->memory_bytes		    ? "gpu_memory_limit"
						    : "compute_limit",
		item->gpu->index, outcome.reason);
	return l->b->plan->refused ? 0 : NVB_OOM(err);
}

/* A limit that the GPU is too small for needs nothing to keep it. */
static int drop_unreachable(struct ladder *l, const struct selected_gpu *item,
	struct plan_share *wanted, struct nvb_error **err)
{
	uint64_t total = memory_of(item, machine_abilities_of(l->b->req->abilities, item->gpu));
	struct plan_limit_outcome outcome = { .mechanism = never_reached };
	int r = 0;

	if (wanted->percent >= 100) {
		wanted->percent = 0;
		outcome.reason = "100% is no limit";
		r = merge(l->b, &l->b->compute_limit, item->gpu, &outcome, err);
	}
	if (r < 0 || !wanted->memory_bytes || !total || wanted->memory_bytes < total)
		return r;
	outcome.reason = arena_printf(l->b->plan->arena,
		"it has %llu MiB: the limit of %llu MiB is never reached",
		(unsigned long long)(total / BYTES_PER_MIB),
		(unsigned long long)(wanted->memory_bytes / BYTES_PER_MIB));
	if (!outcome.reason)
		return NVB_OOM(err);
	wanted->memory_bytes = 0;
	return merge(l->b, &l->b->memory_limit, item->gpu, &outcome, err);
}

static int limit_gpu(struct ladder *l, size_t index, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf reasons = STRBUF_INIT(TEXT_LIMIT_BYTES);
	const struct selected_gpu *item = &l->b->req->gpus.items[index];
	struct plan_share wanted = l->wanted, has = { 0 };
	struct plan_limit limit;
	int r = drop_unreachable(l, item, &wanted, err);

	if (r < 0 || (!wanted.memory_bytes && !wanted.percent))
		return r;
	if (climb(l, item, &wanted, &limit, &has, &reasons))
		return take_limit(l, index, &limit, &has, err);
	if (l->allow_unenforced && wanted.memory_bytes && wanted.percent) {
		_cleanup_(strbuf_done) struct strbuf ignored = STRBUF_INIT(TEXT_LIMIT_BYTES);
		struct plan_share part = { .memory_bytes = wanted.memory_bytes };

		if (climb(l, item, &part, &limit, &has, &ignored)) {
			r = take_limit(l, index, &limit, &has, err);
			wanted.memory_bytes = 0;
		}
	}
	return r < 0 ? r : leave_out(l, item, &wanted, &reasons, err);
}

/* mig_enabled: an instance that the administrator made, never a new one. */
static int take_instance(struct ladder *l, size_t index, struct nvb_error **err)
{
	const struct gpu *gpu = l->items[index].gpu;
	struct plan_limit_outcome outcome = { .status = KNOB_UNSUPPORTED };

	if (!l->items[index].partition && gpu->vendor == GPU_VENDOR_NVIDIA)
		l->items[index].partition = plan_partitions_largest(
			gpu, machine_abilities_of(l->b->req->abilities, gpu));
	if (l->items[index].partition && gpu->vendor == GPU_VENDOR_NVIDIA) {
		struct plan_limit shown = {
			.gpu = gpu, .partition = l->items[index].partition, .rung = LIMIT_MIG
		};

		outcome.status = KNOB_ENFORCED;
		outcome.mechanism = mechanism_of(l, &shown, err);
		if (!outcome.mechanism)
			return NVB_ERR_NO_MEMORY;
	} else {
		outcome.reason = gpu->vendor != GPU_VENDOR_NVIDIA ? "only GPUs of NVIDIA have MIG"
				 : gpu->partitions.n ? "every MIG instance is held by another "
						       "container"
						     : "the GPU has no MIG instance; where its "
						       "kind has MIG, root makes them with "
						       "'nvbind mig create'";
	}
	return merge(l->b, &l->b->mig, gpu, &outcome, err);
}

/* All that follows sees the partitions as what was selected. */
static int select_partitions(struct ladder *l, struct nvb_error **err)
{
	struct request *own = arena_memdup(l->b->plan->arena, l->b->req, sizeof(*l->b->req));

	if (!own)
		return NVB_OOM(err);
	for (size_t i = 0; i < own->gpus.n; i++)
		own->gpus.all &= l->items[i].partition == own->gpus.items[i].partition;
	own->gpus.items = l->items;
	l->b->req = own;
	l->b->plan->gpus = own->gpus;
	return 0;
}

/* GPUs that were looked at and are not selected come by CDI specifications, which tell no GPU from
 * another: nothing is known of what the container gets. */
static void refuse_specifications(struct plan_build *b)
{
	if (b->req->abilities && b->req->abilities->gpus.n)
		b->plan->refused = "no limit can be put on GPUs that come by CDI specifications";
}

int plan_limits_choose(struct plan_build *b, struct nvb_error **err)
{
	const struct setting *memory = knob_setting(b, KNOB_MEMORY_LIMIT);
	const struct setting *compute = knob_setting(b, KNOB_COMPUTE_LIMIT);
	const struct setting *allow = knob_setting(b, KNOB_ALLOW_UNENFORCED);
	const struct setting *mig = knob_setting(b, KNOB_MIG_ENABLED);
	struct ladder l = {
		.b = b,
		.wanted = { memory ? memory->number : 0, compute ? (unsigned)compute->number : 0 },
		.allow_unenforced = allow && allow->number,
		.without_mig = mig && !mig->number,
	};
	int r = 0;

	if (!memory && !compute && !mig)
		return 0;
	if (!b->req->gpus.n) {
		if ((memory || compute) && !l.allow_unenforced)
			refuse_specifications(b);
		return 0;
	}
	l.items =
		arena_memdup(b->plan->arena, b->req->gpus.items, b->req->gpus.n * sizeof(*l.items));
	if (!l.items)
		return NVB_OOM(err);
	for (size_t i = 0; r >= 0 && i < b->req->gpus.n; i++) {
		r = limit_gpu(&l, i, err);
		if (r >= 0 && mig && mig->number)
			r = take_instance(&l, i, err);
	}
	return r < 0 ? r : select_partitions(&l, err);
}

static bool is_wsl(const struct plan_build *b)
{
	for (size_t i = 0; i < b->req->gpus.n; i++)
		if (b->req->gpus.items[i].gpu->vendor == GPU_VENDOR_WSL)
			return true;
	return false;
}

static bool is_partitioned(const struct plan_build *b)
{
	for (size_t i = 0; i < b->req->gpus.n; i++)
		if (!b->req->gpus.items[i].partition)
			return false;
	return b->req->gpus.n > 0;
}

/* One that bounds the container; another may only protect it. */
static const struct plan_limit *find_limit(const struct plan *plan)
{
	vec_foreach (const struct plan_limit, limit, &plan->limits)
		if (limit->memory_bytes || limit->compute_percent)
			return limit;
	return NULL;
}

void plan_limits_isolation(const struct plan_build *b, struct plan_knob *outcome)
{
	const struct plan_limit *limit;

	if (!b->req->gpus.n) {
		outcome->status = KNOB_APPLIED;
		outcome->mechanism = plan_knobs_device_isolation(b);
	} else if (!plan_engine_is_built_in(b->req)) {
		outcome->status = KNOB_UNSUPPORTED;
		outcome->reason = "only the built-in engine keeps a container within its share: "
				  "'--runtime bolt' does it";
	} else if (is_wsl(b)) {
		outcome->status = KNOB_UNSUPPORTED;
		outcome->reason = "under WSL2 one node serves every GPU, and Windows divides it: "
				  "there is no MIG, no MPS and no limit of a control group";
	} else if (is_partitioned(b)) {
		outcome->status = KNOB_ENFORCED;
		outcome->mechanism = "partitions of the GPU";
	} else if ((limit = find_limit(b->plan))) {
		outcome->status = b->memory_limit.status > b->compute_limit.status
					  ? b->memory_limit.status
					  : b->compute_limit.status;
		outcome->mechanism = limit_rung_get(limit->rung)->title;
	} else {
		outcome->status = KNOB_ADVISORY;
		outcome->mechanism = plan_knobs_device_isolation(b);
		outcome->reason = "no limit is enforced: the GPU is shared with others; "
				  "gpu_memory_limit and compute_limit give it a share";
	}
}
