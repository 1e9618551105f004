/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of mounts and links: driver files in the order of their places, then volumes. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan_build.h"

static int compare_drafts(const void *a, const void *b)
{
	const struct mount_draft *x = a, *y = b;
	int by_path = strcmp(x->destination, y->destination);

	return by_path ? by_path : (x->order > y->order) - (x->order < y->order);
}

/* The volume that hides `path`: mounted later, over it or over one of its parents. */
static const struct volume *hiding_volume(const struct request *req, const char *path)
{
	vec_foreach (struct volume, volume, &req->volumes) {
		if (path_is_below(path, volume->destination))
			return volume;
	}
	return NULL;
}

static int add_mount(struct plan *plan, const char *source, const char *destination,
	struct string_list options, struct nvb_error **err)
{
	struct plan_mount *mount = vec_push(plan->arena, &plan->mounts);

	if (!mount)
		return NVB_OOM(err);
	*mount = (struct plan_mount){
		.source = source,
		.destination = destination,
		.options = options,
	};
	return 0;
}

/* A link to what a volume hides would name the user's file in the place of the driver's. */
static void settle_links(const struct request *req, struct mount_draft_list *drafts)
{
	if (!req->volumes.n)
		return;
	vec_foreach (struct mount_draft, draft, drafts) {
		if (!draft->names || !hiding_volume(req, draft->names))
			continue;
		draft->destination = draft->covers;
		draft->names = draft->covers = NULL;
	}
}

static int add_link(struct plan *plan, const struct mount_draft *draft, struct nvb_error **err)
{
	struct plan_link *link = vec_push(plan->arena, &plan->links);

	if (!link)
		return NVB_OOM(err);
	*link = (struct plan_link){
		.path = draft->destination,
		.text = path_base_name(draft->names),
		.source = draft->source,
		.destination = draft->covers,
	};
	return 0;
}

static int add_driver_files(struct plan_build *b, struct mount_draft_list *drafts,
	struct nvb_error **err)
{
	const struct volume *warned = NULL;
	const char *last = NULL;

	settle_links(b->req, drafts);
	if (drafts->n)
		qsort(drafts->items, drafts->n, sizeof(drafts->items[0]), compare_drafts);
	vec_foreach (struct mount_draft, draft, drafts) {
		const struct volume *volume;
		int r = 0;

		if (last && strcmp(last, draft->destination) == 0)
			continue;
		last = draft->destination;
		volume = hiding_volume(b->req, last);
		if (!volume && draft->names)
			r = add_link(b->plan, draft, err);
		else if (!volume)
			r = add_mount(b->plan, draft->source, last, *draft->options, err);
		else if (volume != warned)
			r = plan_warn(b, err,
				"the volume on '%s' takes the place of driver files: they are "
				"left out there",
				volume->destination);
		if (volume)
			warned = volume;
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_volume(const struct request *req, const struct volume *volume,
	struct nvb_error **err)
{
	int r;

	if (!path_is_normal(volume->destination) || strcmp(volume->destination, "/") == 0) {
		r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "mount '%s' on '%s'", volume->source,
			volume->destination);
		return NVB_HINT(err, r, "name an absolute path below '/' without '.' and '..'");
	}
	for (const struct volume *other = req->volumes.items; other < volume; other++) {
		if (strcmp(other->destination, volume->destination) == 0)
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"mount '%s' on '%s': '%s' is mounted there already", volume->source,
				volume->destination, other->source);
	}
	return 0;
}

static int add_volume(struct plan *plan, const struct volume *volume, struct nvb_error **err)
{
	/* "ro" alone would leave what is mounted below the source writable. */
	static const char *const read_only[] = { "ro", "rro", "nosuid", "nodev", "rbind", "rprivate" };
	static const char *const writable[] = { "rw", "nosuid", "nodev", "rbind", "rprivate" };
	const char *const *words = volume->read_only ? read_only : writable;
	size_t n = volume->read_only ? ELEMENTS(read_only) : ELEMENTS(writable);
	struct string_list options = { 0 };
	int r;

	for (size_t i = 0; i < n; i++) {
		if (string_list_add(plan->arena, &options, words[i]) < 0)
			return NVB_OOM(err);
	}
	r = add_mount(plan, volume->source, volume->destination, options, err);
	if (r >= 0)
		plan->mounts.items[plan->mounts.n - 1].is_volume = true;
	return r;
}

int plan_mounts_finish(struct plan_build *b, struct mount_draft_list *drafts,
	struct nvb_error **err)
{
	int r = add_driver_files(b, drafts, err);

	vec_foreach (struct volume, volume, &b->req->volumes) {
		if (r >= 0)
			r = check_volume(b->req, volume, err);
		if (r >= 0)
			r = add_volume(b->plan, volume, err);
	}
	return r;
}
