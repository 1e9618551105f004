/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gpu_bounds.h"

#include <string.h>

bool gpu_bounds_need_enrichment(const struct container_request *request)
{
	vec_foreach (const struct container_bound, bound, &request->bounds)
		if (selector_needs_enrichment(&bound->selectors))
			return true;
	return false;
}

static bool concerns(const struct container_bound *bound, const struct gpu *gpu)
{
	/* A Windows GPU under WSL2 is served by NVIDIA's kinds. */
	return bound->all_vendors || gpu->vendor == bound->vendor ||
	       (gpu->vendor == GPU_VENDOR_WSL && bound->vendor == GPU_VENDOR_NVIDIA);
}

static bool concerns_any(const struct container_bound *bound, const struct selection *selection)
{
	for (size_t i = 0; i < selection->n; i++)
		if (concerns(bound, selection->items[i].gpu))
			return true;
	return false;
}

/*
 * The GPUs that a bound names. One that does not exist gives no right to another one: it is left
 * out, and "all" may be none.
 */
static int resolve(const struct container_bound *bound, const struct inventory *inv,
	struct arena *a, struct selection *ret, struct nvb_error **err)
{
	struct string_list own = { 0 }, foreign = { 0 }, found = { 0 };
	int r = selector_split_foreign(&bound->selectors, a, &own, &foreign, err);

	for (size_t i = 0; i < own.n && r >= 0; i++) {
		const struct string_list one = { .items = &own.items[i], .n = 1 };
		struct selection ignored;

		r = selector_resolve(&one, inv, a, &ignored, err);
		if (r == NVB_ERR_NO_GPU) {
			nvb_error_clear(err);
			r = 0;
		} else if (r >= 0 && string_list_add(a, &found, own.items[i]) < 0) {
			r = NVB_OOM(err);
		}
	}
	return r < 0 ? r : selector_resolve(&found, inv, a, ret, err);
}

/* The whole GPU holds its partitions; a partition does not hold the GPU. */
static bool holds(const struct selection *allowed, const struct selected_gpu *item)
{
	for (size_t i = 0; i < allowed->n; i++) {
		const struct selected_gpu *other = &allowed->items[i];

		if (other->gpu == item->gpu &&
			(!other->partition || other->partition == item->partition))
			return true;
	}
	return false;
}

static void keep_allowed(const struct container_bound *bound, const struct selection *allowed,
	struct selection *selection)
{
	size_t kept = 0;

	for (size_t i = 0; i < selection->n; i++)
		if (!concerns(bound, selection->items[i].gpu) ||
			holds(allowed, &selection->items[i]))
			selection->items[kept++] = selection->items[i];
	selection->all &= kept == selection->n;
	selection->n = kept;
}

static bool has_string(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, item, list)
		if (strcmp(*item, text) == 0)
			return true;
	return false;
}

/* "nvidia.com/pgpu=0" for NVIDIA: what others define there may be a GPU as well. */
static bool is_of_vendor(const char *name, enum gpu_vendor vendor)
{
	const char *kind = selector_kind_of(vendor);
	const size_t length = strcspn(kind, "/") + 1;

	return strncmp(name, kind, length) == 0;
}

static int check_foreign(const struct container_bound *bound, const char *asker,
	const struct string_list *foreign, struct nvb_error **err)
{
	vec_foreach (const char *, name, foreign)
		if (!bound->all_vendors && is_of_vendor(*name, bound->vendor) &&
			!has_string(&bound->selectors, *name))
			return NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
				"select '%s' by %s: %s does not name it", *name, asker,
				bound->variable);
	return 0;
}

static int raise_disjoint(
	const char *asker, const struct container_bound *bound, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
			"select GPUs by %s: none of them is among those of %s", asker,
			bound->variable),
		"set %s to the GPUs that are meant, or to nothing", bound->variable);
}

int gpu_bounds_apply(const struct container_request *request, const struct string_list *foreign,
	const struct inventory *inv, struct arena *a, struct selection *selection,
	struct nvb_error **err)
{
	const struct container_bound *last = NULL;
	const char *asker = request->asker ? request->asker : "the container";

	vec_foreach (const struct container_bound, bound, &request->bounds) {
		struct selection allowed = { 0 };
		int r = check_foreign(bound, asker, foreign, err);

		if (r < 0)
			return r;
		if (!concerns_any(bound, selection))
			continue;
		r = resolve(bound, inv, a, &allowed, err);
		if (r < 0)
			return r;
		keep_allowed(bound, &allowed, selection);
		/* The list that leaves some, but not these, is the one to tell of. */
		if (!last || bound->selectors.n)
			last = bound;
	}
	if (selection->n || !last)
		return 1;
	if (last->selectors.n)
		return raise_disjoint(asker, last, err);
	selection->none = true;
	return 0;
}
