/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind mig destroy */
#include <stdio.h>

#include "gpu/nvidia/mig_change.h"
#include "lease/lease_keys.h"
#include "nvbind/mig_command.h"

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	bool *dry_run = target;

	(void)value;
	(void)err;
	*dry_run |= id == OPTION_MIG_DESTROY_DRY_RUN;
	return 0;
}

/* All compute instances of the GPU instance end with it. */
static int list_keys(const struct mig_command *c, const struct selected_gpu *selected,
	struct lease_key_list *ret, struct nvb_error **err)
{
	struct selection siblings = {
		.items = arena_alloc(
			c->arena, selected->gpu->partitions.n * sizeof(*siblings.items)),
	};

	if (!siblings.items)
		return NVB_OOM(err);
	vec_foreach (const struct gpu_partition, p, &selected->gpu->partitions)
		if (p->gi == selected->partition->gi)
			siblings.items[siblings.n++] = (struct selected_gpu){ selected->gpu, p };
	return lease_keys_of(&siblings, c->arena, ret, err);
}

/* Held while it goes, so that no container takes it in between. */
static int take(const struct mig_command *c, const struct selected_gpu *selected,
	struct lease **ret, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	struct lease_request request = {
		.mode = LEASE_EXCLUSIVE,
		.holder = "nvbind mig destroy",
		.engine = "nvbind",
		.keep_lock = true,
	};
	int r = list_keys(c, selected, &request.keys, err);

	if (r >= 0)
		r = lease_dir_open(&dir, err);
	return r < 0 ? r : lease_take(&dir, &request, ret, err);
}

static int destroy(const struct mig_command *c, const struct selected_gpu *selected, bool dry_run,
	struct nvb_error **err)
{
	_cleanup_(lease_releasep) struct lease *lease = NULL;
	const struct gpu_partition *p = selected->partition;
	int r = take(c, selected, &lease, err);

	if (r >= 0 && !dry_run)
		r = mig_change_destroy(c->inv, selected->gpu, (uint64_t)p->gi, err);
	if (r < 0)
		return NVB_CONTEXT(
			err, r, "destroy the instance %u:%u", selected->gpu->index, p->index);
	printf("GPU instance %d of GPU %u %s destroyed\n", p->gi, selected->gpu->index,
		dry_run ? "would be" : "is");
	return 0;
}

int cmd_mig_destroy(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(mig_command_done) struct mig_command c = MIG_COMMAND_INIT(context);
	const char *word = NULL;
	bool dry_run = false;
	struct selected_gpu selected;
	int r = mig_command_parse(
		&c, COMMAND_MIG_DESTROY, argc, argv, set_option, &dry_run, &word, 1, err);

	if (r < 0)
		return r == -1 ? 0 : r;
	if (!word)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "an instance is missing, as '0:1'");
	r = mig_command_need_root(err);
	if (r >= 0)
		r = mig_command_open(&c, err);
	if (r >= 0)
		r = mig_command_select(&c, word, &selected, err);
	if (r < 0)
		return r;
	if (!selected.partition || selected.partition->gi < 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is no MIG instance", word),
			"'nvbind mig list' shows them");
	return destroy(&c, &selected, dry_run, err);
}
