/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/mig_command.h"

#include <unistd.h>

#include "base/log.h"
#include "gpu/cache.h"
#include "gpu/enrich.h"

int mig_command_open(struct mig_command *c, struct nvb_error **err)
{
	int r = c->arena ? host_tree_open(c->context.host_root, &c->tree, err) : NVB_OOM(err);

	if (r >= 0)
		r = inventory_open(&c->tree, NULL, &c->inv, err);
	if (r >= 0)
		r = inventory_ask_library(c->inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	vec_foreach (const char *, warning, &c->inv->warnings)
		log_warning("%s", *warning);
	r = lease_dir_open_existing(&c->leases, err);
	return r < 0 ? r : 0;
}

void mig_command_done(struct mig_command *c)
{
	lease_dir_done(&c->leases);
	inventory_free(c->inv);
	host_tree_done(&c->tree);
	arena_free(c->arena);
}

int mig_command_parse(struct mig_command *c, enum command_id id, int argc, char **argv,
	option_handler set, void *target, const char **ret_operands, int most,
	struct nvb_error **err)
{
	int n = 0;

	for (int at = 0;;) {
		int first = command_parse(
			id, &c->context, argc - at, argv + at, set, target, NULL, err);

		if (first <= 0)
			return first < 0 ? first : -1;
		at += first;
		if (at >= argc)
			return n;
		if (n == most)
			return command_no_operands(id, at, argc, argv, err);
		ret_operands[n++] = argv[at];
	}
}

int mig_command_select(const struct mig_command *c, const char *word, struct selected_gpu *ret,
	struct nvb_error **err)
{
	struct string_list selectors = { 0 };
	struct selection selection = { 0 };
	int r;

	if (string_list_add(c->arena, &selectors, word) < 0)
		return NVB_OOM(err);
	r = selector_resolve(&selectors, c->inv, c->arena, &selection, err);
	if (r < 0)
		return r;
	if (selection.n != 1)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%s' is not one GPU", word);
	*ret = selection.items[0];
	return 0;
}

int mig_command_need_root(struct nvb_error **err)
{
	if (geteuid() == 0)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0, "change MIG instances: only root may"),
		"run it as root; --dry-run shows what it would do");
}
