/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind mig create */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "gpu/nvidia/mig_change.h"
#include "lease/lease_keys.h"
#include "nvbind/mig_command.h"

#define MAX_COUNT	  16
#define MAX_PROFILE_BYTES 31
#define MAX_START	  4095

struct create_options {
	uint64_t count;
	const char *start; /* NULL: where there is room */
	bool dry_run;
};

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct create_options *o = target;
	uint64_t start;

	if (id == OPTION_MIG_CREATE_DRY_RUN)
		o->dry_run = true;
	if (id == OPTION_MIG_CREATE_COUNT &&
		(!number_parse(value, MAX_COUNT, &o->count) || !o->count))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "option '--count': '%s' is none of 1 to %d",
			value, MAX_COUNT);
	if (id == OPTION_MIG_CREATE_START) {
		if (!number_parse(value, MAX_START, &start))
			return NVB_RAISE(err, NVB_ERR_USAGE, 0,
				"option '--start': '%s' is no number of a slice", value);
		o->start = value;
	}
	return 0;
}

static bool is_profile(const char *text)
{
	return *text && strlen(text) <= MAX_PROFILE_BYTES &&
	       !text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz.+-")];
}

/* Who has the whole GPU must not find it divided otherwise. */
static int refuse_held(const struct mig_command *c, const struct gpu *gpu, struct nvb_error **err)
{
	struct lease_entry_list entries = { 0 };
	struct string_list warnings = { 0 };
	const char *key = lease_key_of_gpu(gpu, c->arena);
	int r;

	if (!key)
		return NVB_OOM(err);
	if (c->leases.fd < 0)
		return 0;
	r = lease_list(&c->leases, c->arena, &entries, &warnings, err);
	if (r < 0)
		return r;
	vec_foreach (const struct lease_entry, entry, &entries)
		if (entry->gpu && strcmp(entry->gpu, key) == 0 && !entry->partition &&
			!entry->revoked && entry->witness != LEASE_WITNESS_NONE)
			return NVB_HINT(err,
				NVB_RAISE(err, NVB_ERR_BUSY, 0,
					"divide GPU %u: '%s' holds all of it", gpu->index,
					entry->holder ? entry->holder : "(unknown)"),
				"'nvbind lease list' shows what is held");
	return 0;
}

static int check_room(const struct mig_command *c, const struct gpu *gpu, const char *profile,
	const struct create_options *o, struct nvb_error **err)
{
	uint64_t room = 0;
	int r = mig_change_mode(c->inv, gpu, err);

	if (r < 0)
		return r;
	if (r == 0)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"divide GPU %u: it is not in MIG mode", gpu->index),
			"the mode is the administrator's to change, with the vendor's tool while "
			"nothing uses the GPU; it may need a reset");
	r = mig_change_room(c->inv, gpu, profile, &room, err);
	if (r < 0)
		return r;
	if (room < o->count)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"divide GPU %u: there is room for %llu of '%s', not for %llu",
				gpu->index, (unsigned long long)room, profile,
				(unsigned long long)o->count),
			"'nvbind mig list' shows the instances that there are");
	if (o->dry_run)
		printf("%llu of '%s' would be made on GPU %u; there is room for %llu\n",
			(unsigned long long)o->count, profile, gpu->index,
			(unsigned long long)room);
	return 0;
}

static int create(const struct mig_command *c, const struct gpu *gpu, const char *profile,
	const struct create_options *o, struct nvb_error **err)
{
	uint64_t ids[MAX_COUNT];
	int r = refuse_held(c, gpu, err);

	if (r >= 0)
		r = check_room(c, gpu, profile, o, err);
	if (r < 0 || o->dry_run)
		return r;
	r = mig_change_create(c->inv, gpu, profile, o->start, o->count, ids, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "divide GPU %u", gpu->index);
	for (size_t i = 0; i < o->count; i++)
		printf("GPU instance %llu of '%s' on GPU %u\n", (unsigned long long)ids[i], profile,
			gpu->index);
	return 0;
}

int cmd_mig_create(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(mig_command_done) struct mig_command c = MIG_COMMAND_INIT(context);
	struct create_options options = { .count = 1 };
	const char *operands[2] = { NULL };
	struct selected_gpu selected;
	int r = mig_command_parse(
		&c, COMMAND_MIG_CREATE, argc, argv, set_option, &options, operands, 2, err);

	if (r < 0)
		return r == -1 ? 0 : r;
	if (r < 2)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "%s is missing",
			r ? "a profile, as '1g.10gb'," : "a GPU");
	if (!is_profile(operands[1]))
		return NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.40s' is no profile", operands[1]);
	if (options.start && options.count > 1)
		return NVB_RAISE(err, NVB_ERR_USAGE, 0,
			"option '--start': several cannot start at one place");
	r = options.dry_run ? 0 : mig_command_need_root(err);
	if (r >= 0)
		r = mig_command_open(&c, err);
	if (r >= 0)
		r = mig_command_select(&c, operands[0], &selected, err);
	if (r >= 0 && selected.partition)
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'%s' is an instance, not a GPU", operands[0]);
	return r < 0 ? r : create(&c, selected.gpu, operands[1], &options, err);
}
