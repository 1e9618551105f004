/* SPDX-License-Identifier: Apache-2.0 */
#include "lease/lease_plan.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "lease/foreign.h"
#include "lease/lease_keys.h"

#define USERS_TEXT_BYTES 4096
#define SHOWN_USERS	 5

static enum lease_mode mode_of(const struct plan *plan)
{
	switch (plan->isolation) {
	case ISOLATION_EXCLUSIVE:
		return LEASE_EXCLUSIVE;
	case ISOLATION_VIRTUAL:
		return LEASE_VIRTUAL;
	case ISOLATION_SHARED:
		break;
	}
	return LEASE_SHARED;
}

static int raise_foreign(const struct foreign_user_list *users, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(USERS_TEXT_BYTES);
	size_t shown = users->n < SHOWN_USERS ? users->n : SHOWN_USERS;

	for (size_t i = 0; i < shown; i++) {
		const struct foreign_user *user = &users->items[i];

		strbuf_printf(&text, "%sprocess %d (", i ? ", " : "", (int)user->pid);
		strbuf_escaped_add(&text, user->command ? user->command : "?", 64);
		strbuf_printf(&text, ") has '%s' open", user->node);
	}
	if (users->n > shown)
		strbuf_printf(&text, " and %zu more", users->n - shown);
	return NVB_HINT(err,
		NVB_RAISE(
			err, NVB_ERR_BUSY, 0, "take the GPUs as exclusive: %s", strbuf_str(&text)),
		"end these processes, choose another GPU, or run with --isolation shared");
}

static int refuse_foreign(const struct lease_plan *request, struct arena *a, struct nvb_error **err)
{
	struct foreign_user_list users = { 0 };
	size_t unseen = 0;
	int r = foreign_users_find(request->tree, &request->plan->gpus, a, &users, &unseen, err);

	if (r < 0)
		return r;
	if (users.n)
		return raise_foreign(&users, err);
	if (unseen)
		log_notice("%zu processes of others may use the GPUs: only root can tell", unseen);
	return 0;
}

static int take(const struct lease_plan *request, const struct lease_dir *dir, struct arena *a,
	struct lease **ret, struct nvb_error **err)
{
	struct lease_request wanted = {
		.mode = mode_of(request->plan),
		.holder = request->holder,
		.engine = request->engine,
		.pid_file = request->pid_file,
		.cgroup = request->cgroup,
		.keep_lock = request->keep_lock,
	};
	const bool alone = wanted.mode == LEASE_EXCLUSIVE;
	struct lease *lease = NULL;
	int r = lease_keys_of(&request->plan->gpus, a, &wanted.keys, err);

	if (r >= 0)
		r = lease_take(dir, &wanted, ret || alone ? &lease : NULL, err);
	/* Behind the lease: nobody of ours can come in between. */
	if (r >= 0 && alone)
		r = refuse_foreign(request, a, err);
	if (r < 0) {
		lease_release(lease);
		return r;
	}
	if (ret)
		*ret = lease;
	else
		lease_leave(lease);
	return 0;
}

int lease_plan_take(
	const struct lease_plan *request, struct lease **ret_lease, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	_cleanup_(arena_freep) struct arena *arena = NULL;
	_cleanup_error_ struct nvb_error *problem = NULL;
	int r;

	if (ret_lease)
		*ret_lease = NULL;
	if (!request->plan->gpus.n)
		return 0;
	arena = arena_new();
	r = arena ? lease_dir_open(&dir, &problem) : NVB_OOM(&problem);
	if (r >= 0)
		return take(request, &dir, arena, ret_lease, err);
	if (r == NVB_ERR_NOT_FOUND && request->plan->isolation == ISOLATION_SHARED) {
		log_debug("lease", "%s: the GPUs are used without one", nvb_error_message(problem));
		return 0;
	}
	if (err)
		*err = TAKE_PTR(problem);
	return r;
}
