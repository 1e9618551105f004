/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind lease release, nvbind lease gc. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gpu/cache.h"
#include "lease/lease_file.h"
#include "lease/lease_keys.h"
#include "nvbind/command.h"

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	bool *force = target;

	(void)value;
	(void)err;
	*force |= id == OPTION_LEASE_RELEASE_FORCE;
	return 0;
}

/* 1: it is the name of one GPU, and *ret_key that of its leases. 0: it must be a container's. */
static int find_gpu(const struct command_context *context, const char *word, struct arena *a,
	const char **ret_key, struct nvb_error **err)
{
	_cleanup_(host_tree_done) struct host_tree tree = HOST_TREE_INIT;
	_cleanup_(inventory_freep) struct inventory *inv = NULL;
	struct string_list selectors = { 0 };
	struct selection selection = { 0 };
	int r = host_tree_open(context->host_root, &tree, err);

	if (r >= 0)
		r = inventory_open(&tree, NULL, &inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	if (string_list_add(a, &selectors, word) < 0)
		return NVB_OOM(err);
	if (selector_resolve(&selectors, inv, a, &selection, NULL) < 0 || selection.n != 1)
		return 0;
	*ret_key = lease_key_of_gpu(selection.items[0].gpu, a);
	return *ret_key ? 1 : NVB_OOM(err);
}

/* A container's name wins: it may be a number too. */
static int release(const struct command_context *context, const struct lease_dir *dir,
	const char *word, bool force, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char *key = NULL;
	int r;

	if (!arena)
		return NVB_OOM(err);
	r = lease_release_held(dir, NULL, word, force, err);
	if (r != 0)
		return r;
	r = find_gpu(context, word, arena, &key, err);
	if (r == 0 && lease_file_is_name(word))
		key = word;
	return r < 0 || !key ? r : lease_release_held(dir, key, NULL, force, err);
}

/* One operand, with options on both sides of it. 0: --help was answered. */
static int parse_release(struct command_context *context, int argc, char **argv, bool *force,
	const char **ret_word, struct nvb_error **err)
{
	int first = command_parse(
		COMMAND_LEASE_RELEASE, context, argc, argv, set_option, force, NULL, err);
	int next;

	if (first <= 0)
		return first;
	if (first == argc)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "a container or a GPU is missing");
	*ret_word = argv[first];
	next = command_parse(COMMAND_LEASE_RELEASE, context, argc - first, argv + first, set_option,
		force, NULL, err);
	if (next <= 0)
		return next;
	next = command_no_operands(COMMAND_LEASE_RELEASE, first + next, argc, argv, err);
	return next < 0 ? next : 1;
}

int cmd_lease_release(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	struct command_context own = *context;
	const char *word = NULL;
	bool force = false;
	int r = parse_release(&own, argc, argv, &force, &word, err);

	if (r <= 0)
		return r;
	r = lease_dir_open_existing(&dir, err);
	if (r > 0)
		r = release(&own, &dir, word, force, err);
	if (r == 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_NOT_FOUND, 0, "release '%s': nobody holds it", word),
			"'nvbind lease list' shows what is held");
	if (r > 0)
		printf("%d lease%s released\n", r, r == 1 ? "" : "s");
	return r < 0 ? r : 0;
}

int cmd_lease_gc(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct command_context own = *context;
	struct string_list warnings = { 0 };
	int r = command_parse(COMMAND_LEASE_GC, &own, argc, argv, NULL, NULL, NULL, err);

	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_LEASE_GC, r, argc, argv, err);
	if (r >= 0)
		r = arena ? lease_dir_open_existing(&dir, err) : NVB_OOM(err);
	if (r > 0)
		r = lease_gc(&dir, arena, &warnings, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &warnings)
		log_warning("%s", *warning);
	printf("%d lease%s of ended containers removed\n", r, r == 1 ? "" : "s");
	return 0;
}
