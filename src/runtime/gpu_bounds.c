/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gpu_bounds.h"

#include <string.h>
#include <strings.h>

#include "base/log.h"

/* What a request comes to within its bounds. */
struct bounded {
	struct selection *selection;
	struct string_list *foreign;
};

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

/* The first is enough: a list may name thousands. */
static void warn_of_missing(const struct container_bound *bound, struct nvb_error *const *err)
{
	log_warning("%s names a GPU that cannot be given: %s", bound->variable,
		err && *err ? nvb_error_message(*err) : "no such GPU");
}

/*
 * The GPUs that a bound names. One that does not exist gives no right to another one: it is left
 * out.
 */
static int resolve(const struct container_bound *bound, const struct inventory *inv,
	struct arena *a, struct selection *ret, struct nvb_error **err)
{
	struct string_list own = { 0 }, foreign = { 0 }, found = { 0 };
	int r = selector_split_foreign(&bound->selectors, a, &own, &foreign, err);
	bool warned = false;

	for (size_t i = 0; i < own.n && r >= 0; i++) {
		const struct string_list one = { .items = &own.items[i], .n = 1 };
		struct selection ignored;

		r = selector_resolve(&one, inv, a, &ignored, err);
		if (r == NVB_ERR_NO_GPU) {
			if (!warned)
				warn_of_missing(bound, err);
			nvb_error_clear(err);
			warned = true;
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

static void add_once(struct selection *to, const struct selected_gpu *item)
{
	for (size_t i = 0; i < to->n; i++)
		if (to->items[i].gpu == item->gpu && to->items[i].partition == item->partition)
			return;
	to->items[to->n++] = *item;
}

/* Of a whole GPU that is not allowed as such, the partitions that are. */
static void add_partitions(
	const struct selection *allowed, const struct selected_gpu *item, struct selection *to)
{
	for (size_t i = 0; i < allowed->n && !item->partition; i++)
		if (allowed->items[i].gpu == item->gpu)
			add_once(to, &allowed->items[i]);
}

static int keep_allowed(const struct container_bound *bound, const struct selection *allowed,
	struct arena *a, struct selection *selection, struct nvb_error **err)
{
	struct selection kept = { .all = selection->all };

	kept.items = arena_alloc(a, (selection->n + allowed->n + 1) * sizeof(*kept.items));
	if (!kept.items)
		return NVB_OOM(err);
	for (size_t i = 0; i < selection->n; i++) {
		const struct selected_gpu *item = &selection->items[i];

		if (!concerns(bound, item->gpu) || holds(allowed, item)) {
			add_once(&kept, item);
			continue;
		}
		kept.all = false;
		add_partitions(allowed, item, &kept);
	}
	*selection = kept;
	return 0;
}

static bool has_string(const struct string_list *list, const char *text)
{
	vec_foreach (const char *, item, list)
		if (strcmp(*item, text) == 0)
			return true;
	return false;
}

/* "nvidia.com", and "management.nvidia.com" too. */
static bool is_of_vendor(const char *name, enum gpu_vendor vendor)
{
	const char *kind = selector_kind_of(vendor);
	const size_t domain = strcspn(kind, "/"), length = strcspn(name, "/");
	const char *tail;

	if (length < domain)
		return false;
	tail = name + length - domain;
	return strncasecmp(tail, kind, domain) == 0 && (tail == name || tail[-1] == '.');
}

/* "all", and "nvidia.com/gpu=all" for what is NVIDIA's. */
static bool names_all_of(const struct container_bound *bound, enum gpu_vendor vendor)
{
	const char *kind = selector_kind_of(vendor);
	const size_t length = strlen(kind);

	vec_foreach (const char *, item, &bound->selectors)
		if (strcasecmp(*item, "all") == 0 || strcasecmp(*item, "gpu:all") == 0 ||
			(strncmp(*item, kind, length) == 0 &&
				strcasecmp(*item + length, "=all") == 0))
			return true;
	return false;
}

/* A device that others define under a GPU vendor's name, as "nvidia.com/pgpu=0", may be its GPU. */
static bool allows_foreign(const struct container_bound *bound, const char *name)
{
	static const enum gpu_vendor vendors[] = { GPU_VENDOR_NVIDIA, GPU_VENDOR_AMD,
		GPU_VENDOR_INTEL };

	for (size_t i = 0; i < ELEMENTS(vendors); i++)
		if ((bound->all_vendors || bound->vendor == vendors[i]) &&
			is_of_vendor(name, vendors[i]))
			return names_all_of(bound, vendors[i]) ||
			       has_string(&bound->selectors, name);
	return true;
}

/*
 * A bound that leaves nothing takes them out, and one that names others is an error, as for GPUs.
 * Returns 1 if it took any.
 */
static int bind_foreign(const struct container_bound *bound, const char *asker,
	struct string_list *foreign, struct nvb_error **err)
{
	size_t kept = 0;
	bool left_out;

	for (size_t i = 0; i < foreign->n; i++) {
		if (allows_foreign(bound, foreign->items[i])) {
			foreign->items[kept++] = foreign->items[i];
			continue;
		}
		if (bound->selectors.n)
			return NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
				"select '%s' by %s: %s does not name it", foreign->items[i], asker,
				bound->variable);
		log_warning("%s leaves '%s' out, which %s asks for", bound->variable,
			foreign->items[i], asker);
	}
	left_out = kept < foreign->n;
	foreign->n = kept;
	return left_out;
}

static int raise_disjoint(
	const char *asker, const struct container_bound *bound, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_NO_GPU, 0,
			"select GPUs by %s: none of them is among those of %s", asker,
			bound->variable),
		"set %s to the GPUs that are meant, or to 'all'", bound->variable);
}

/* Returns 1 if the bound concerns anything of the selection or took something out of `foreign`. */
static int apply_bound(const struct container_bound *bound, const char *asker,
	const struct inventory *inv, struct arena *a, struct bounded *to, struct nvb_error **err)
{
	struct selection allowed = { 0 };
	int taken = bind_foreign(bound, asker, to->foreign, err), r;

	if (taken < 0 || !concerns_any(bound, to->selection))
		return taken;
	r = resolve(bound, inv, a, &allowed, err);
	if (r >= 0)
		r = keep_allowed(bound, &allowed, a, to->selection, err);
	return r < 0 ? r : 1;
}

int gpu_bounds_apply(const struct container_request *request, struct string_list *foreign,
	const struct inventory *inv, struct arena *a, struct selection *selection,
	struct nvb_error **err)
{
	struct bounded to = { .selection = selection, .foreign = foreign };
	const struct container_bound *last = NULL;
	const char *asker = request->asker ? request->asker : "the container";

	vec_foreach (const struct container_bound, bound, &request->bounds) {
		int r = apply_bound(bound, asker, inv, a, &to, err);

		if (r < 0)
			return r;
		/* The list that leaves some, but not these, is the one to tell of. */
		if (r > 0 && (!last || bound->selectors.n))
			last = bound;
	}
	if (selection->n || !last)
		return 1;
	if (last->selectors.n)
		return raise_disjoint(asker, last, err);
	selection->none = true;
	return 0;
}
