/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a plan's limits: all of them, or none. */
#include <fcntl.h>

#include "base/log.h"
#include "limit/ladder_ops.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct ladder_applied {
	struct arena *arena;
	struct ladder_applying applying;
	int cgroup_fd;
	size_t n; /* of the plan's limits, from the first one on */
};

static const struct rung_ops *ops_of(const struct plan_limit *limit)
{
	return ladder_ops[limit->rung];
}

bool ladder_needs_cgroup(const struct plan *plan)
{
	vec_foreach (const struct plan_limit, limit, &plan->limits)
		if (ops_of(limit)->needs_cgroup)
			return true;
	return false;
}

static bool does_something(const struct plan *plan)
{
	vec_foreach (const struct plan_limit, limit, &plan->limits)
		if (ops_of(limit)->apply)
			return true;
	return false;
}

static struct rung_limit rung_limit_of(const struct ladder_applied *applied, size_t i)
{
	return (struct rung_limit){
		.applying = &applied->applying,
		.limit = &applied->applying.plan->limits.items[i],
		.cgroup_fd = applied->cgroup_fd,
	};
}

static int open_cgroup(struct ladder_applied *applied, struct nvb_error **err)
{
	const struct ladder_applying *applying = &applied->applying;
	const char *path;

	if (!ladder_needs_cgroup(applying->plan))
		return 0;
	/* The top is everybody's. */
	if (!applying->cgroup || applying->cgroup[0] != '/' || !applying->cgroup[1] ||
		!path_is_normal(applying->cgroup))
		return NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
			"limit the container: it has no control group of its own");
	path = arena_printf(applied->arena, CGROUP_ROOT "%s", applying->cgroup);
	if (!path)
		return NVB_OOM(err);
	applied->cgroup_fd = path_open_in(applying->tree->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (applied->cgroup_fd < 0)
		return NVB_RAISE(err, nvb_status_from_errno(-applied->cgroup_fd, NVB_ERR_IO),
			-applied->cgroup_fd, "open the control group '%s'", path);
	return 0;
}

int ladder_apply(
	const struct ladder_applying *applying, struct ladder_applied **ret, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = NULL;
	_cleanup_(ladder_undop) struct ladder_applied *applied = NULL;
	int r;

	*ret = NULL;
	if (!does_something(applying->plan))
		return 0;
	arena = arena_new();
	applied = arena ? arena_new_object(arena, struct ladder_applied) : NULL;
	if (!applied)
		return NVB_OOM(err);
	*applied = (struct ladder_applied){
		.arena = TAKE_PTR(arena),
		.applying = *applying,
		.cgroup_fd = -1,
	};
	r = open_cgroup(applied, err);
	/* A rung whose apply fails has undone its own part. */
	for (; r >= 0 && applied->n < applying->plan->limits.n; applied->n += r >= 0) {
		struct rung_limit limit = rung_limit_of(applied, applied->n);

		r = ops_of(limit.limit)->apply ? ops_of(limit.limit)->apply(&limit, err) : 0;
	}
	if (r < 0)
		return NVB_CONTEXT(err, r, "limit the container");
	*ret = TAKE_PTR(applied);
	return 0;
}

int ladder_verify(const struct ladder_applied *applied, struct nvb_error **err)
{
	for (size_t i = 0; applied && i < applied->n; i++) {
		struct rung_limit limit = rung_limit_of(applied, i);
		int r = ops_of(limit.limit)->verify ? ops_of(limit.limit)->verify(&limit, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

void ladder_undo(struct ladder_applied *applied)
{
	if (!applied)
		return;
	while (applied->n > 0) {
		_cleanup_error_ struct nvb_error *problem = NULL;
		struct rung_limit limit = rung_limit_of(applied, --applied->n);

		if (ops_of(limit.limit)->undo && ops_of(limit.limit)->undo(&limit, &problem) < 0)
			log_warning("take the limit off GPU %u: %s", limit.limit->gpu->index,
				nvb_error_message(problem));
	}
	closep(&applied->cgroup_fd);
	arena_free(applied->arena);
}
