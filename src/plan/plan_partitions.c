/* SPDX-License-Identifier: Apache-2.0 */
/* A partition that is as large as a limit: MIG instances, and compute partitions of AMD's GPUs. */
#include "plan/plan_partitions.h"

#include <string.h>

#include "base/number.h"

/* Profiles double from one to the next: what is more than twice as large is no rounding. */
#define MOST_TIMES 2
#define MAX_SLICES 64

/* Why a partition does not do. Of several, the last one is told: it was the nearest. */
enum misfit {
	MISFIT_NONE,
	MISFIT_SMALL,
	MISFIT_LARGE,
	MISFIT_UNKNOWN,
	MISFIT_SHARED,
	MISFIT_HELD,
};

static const char *const misfit_texts[] = {
	[MISFIT_SHARED] = "its partitions share their memory",
	[MISFIT_UNKNOWN] = "the size of its partitions is not known",
	[MISFIT_SMALL] = "no free partition is large enough",
	[MISFIT_LARGE] = "every partition that is large enough has more than twice of it, or all",
	[MISFIT_HELD] = "every partition that is large enough is held by another container",
};

static const char *skip_compute_instance(const char *profile)
{
	const size_t digits = strspn(profile, "0123456789");

	return digits && strncmp(profile + digits, "c.", 2) == 0 ? profile + digits + 2 : profile;
}

/* "1g.10gb" has 1, "1c.3g.40gb" too: the compute instance's own. 0: unknown. */
static unsigned count_slices(const char *profile)
{
	uint64_t slices = 0;

	if (!profile || !strstr(skip_compute_instance(profile), "g."))
		return 0;
	if (!number_parse_n(profile, strspn(profile, "0123456789"), MAX_SLICES, &slices))
		return 0;
	return (unsigned)slices;
}

/* "CPX_NPS4" has memory in four parts. Source: AMD, "MI300X partitioning guide". */
static uint64_t count_memory_parts(const char *profile)
{
	const char *mode = profile ? strstr(profile, "_NPS") : NULL;
	uint64_t n = 0;

	return mode && number_parse(mode + strlen("_NPS"), MAX_SLICES, &n) ? n : 0;
}

static bool is_mig(const struct gpu_partition *partition)
{
	return partition->gi >= 0;
}

/* Compute instances of one GPU instance have its memory together. */
static bool has_own_memory(const struct gpu *gpu, const struct gpu_partition *partition)
{
	if (!is_mig(partition))
		return count_memory_parts(partition->profile) >= gpu->partitions.n;
	vec_foreach (const struct gpu_partition, other, &gpu->partitions)
		if (other != partition && other->gi == partition->gi)
			return false;
	return true;
}

static unsigned percent_of(const struct gpu *gpu, const struct gpu_abilities *able,
	const struct gpu_partition *partition)
{
	if (!is_mig(partition))
		return (unsigned)(100 / gpu->partitions.n);
	return able && able->mig_slices ? count_slices(partition->profile) * 100 / able->mig_slices
					: 0;
}

static bool is_held(const struct gpu_abilities *able, const struct gpu_partition *partition)
{
	if (!able)
		return false;
	vec_foreach (const struct held_partition, held, &able->held)
		if (held->partition == partition)
			return true;
	return false;
}

/* One that was chosen by name may be smaller: the container has still no more than its limit. */
static enum misfit compare(uint64_t has, uint64_t wanted, bool chosen)
{
	if (!wanted)
		return MISFIT_NONE;
	if (!has)
		return MISFIT_UNKNOWN;
	if (has < wanted)
		return chosen ? MISFIT_NONE : MISFIT_SMALL;
	return has / MOST_TIMES > wanted ? MISFIT_LARGE : MISFIT_NONE;
}

static enum misfit try_partition(const struct selected_gpu *item, const struct gpu_abilities *able,
	const struct plan_share *wanted, const struct gpu_partition *partition,
	struct plan_share *ret_has)
{
	const bool chosen = item->partition != NULL;
	enum misfit misfit;

	ret_has->memory_bytes = partition->memory_bytes;
	ret_has->percent = percent_of(item->gpu, able, partition);
	misfit = compare(ret_has->memory_bytes, wanted->memory_bytes, chosen);
	if (misfit == MISFIT_NONE)
		misfit = compare(ret_has->percent, wanted->percent, chosen);
	if (misfit == MISFIT_NONE && wanted->percent && ret_has->percent >= 100)
		misfit = MISFIT_LARGE;
	if (misfit != MISFIT_NONE)
		return misfit;
	if (wanted->memory_bytes && !has_own_memory(item->gpu, partition))
		return MISFIT_SHARED;
	return is_held(able, partition) && !chosen ? MISFIT_HELD : MISFIT_NONE;
}

static bool is_smaller(const struct plan_share *a, const struct plan_share *b)
{
	return a->memory_bytes != b->memory_bytes ? a->memory_bytes < b->memory_bytes
						  : a->percent < b->percent;
}

const struct gpu_partition *plan_partitions_fit(const struct selected_gpu *item,
	const struct gpu_abilities *able, const struct plan_share *wanted,
	struct plan_share *ret_has, const char **ret_why)
{
	const struct gpu_partition *best = NULL;
	enum misfit worst = MISFIT_NONE;

	vec_foreach (const struct gpu_partition, partition, &item->gpu->partitions) {
		struct plan_share has = { 0 };
		enum misfit misfit;

		if (item->partition && item->partition != partition)
			continue;
		misfit = try_partition(item, able, wanted, partition, &has);
		worst = misfit > worst ? misfit : worst;
		if (misfit != MISFIT_NONE || (best && !is_smaller(&has, ret_has)))
			continue;
		best = partition;
		*ret_has = has;
	}
	if (!best)
		*ret_why =
			worst == MISFIT_NONE ? "the GPU is not partitioned" : misfit_texts[worst];
	return best;
}

const struct gpu_partition *plan_partitions_largest(
	const struct gpu *gpu, const struct gpu_abilities *able)
{
	const struct gpu_partition *best = NULL;

	vec_foreach (const struct gpu_partition, partition, &gpu->partitions)
		if (!is_held(able, partition) &&
			(!best || partition->memory_bytes > best->memory_bytes))
			best = partition;
	return best;
}
