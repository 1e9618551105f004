/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind lease list: who holds which GPU. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format/json.h"
#include "gpu/cache.h"
#include "lease/lease_keys.h"
#include "nvbind/command.h"

#define NS_PER_S UINT64_C(1000000000)
#define COLUMNS	 7

struct list_command {
	struct command_context context;
	struct arena *arena;
	struct host_tree tree;
	struct inventory *inv;
	struct lease_entry_list entries;
	bool json, all;
};

static void list_command_done(struct list_command *c)
{
	inventory_free(c->inv);
	host_tree_done(&c->tree);
	arena_free(c->arena);
}

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	struct list_command *c = target;

	(void)value;
	(void)err;
	c->json |= id == OPTION_LEASE_LIST_JSON;
	c->all |= id == OPTION_LEASE_LIST_ALL;
	return 0;
}

/* NULL: this machine has no such GPU (any more). */
static const struct gpu *find_gpu(const struct list_command *c, const struct lease_entry *entry)
{
	vec_foreach (struct gpu, gpu, &c->inv->gpus) {
		const char *key = lease_key_of_gpu(gpu, c->arena);

		if (key && strcmp(key, entry->gpu) == 0)
			return gpu;
	}
	return NULL;
}

static const struct gpu_partition *find_partition(
	const struct list_command *c, const struct gpu *gpu, const struct lease_entry *entry)
{
	if (!gpu || !entry->partition)
		return NULL;
	vec_foreach (struct gpu_partition, partition, &gpu->partitions) {
		const char *key = lease_key_of_partition(partition, c->arena);

		if (key && strcmp(key, entry->partition) == 0)
			return partition;
	}
	return NULL;
}

static const char *state_of(const struct lease_entry *entry)
{
	if (entry->revoked)
		return "released";
	switch (entry->witness) {
	case LEASE_WITNESS_NONE:
		return "ended";
	case LEASE_WITNESS_CGROUP:
		return "orphaned";
	case LEASE_WITNESS_UNKNOWN:
		return "unknown";
	case LEASE_WITNESS_LOCK:
	case LEASE_WITNESS_CREATOR:
	case LEASE_WITNESS_PROCESS:
	case LEASE_WITNESS_PID_FILE:
		return "held";
	}
	return "unknown";
}

static const char *format_gpu(const struct list_command *c, const struct lease_entry *entry)
{
	const struct gpu *gpu = find_gpu(c, entry);
	const struct gpu_partition *partition = find_partition(c, gpu, entry);

	if (!gpu)
		return arena_printf(c->arena, "%s%s%s", entry->gpu, entry->partition ? " " : "",
			entry->partition ? entry->partition : "");
	if (partition)
		return arena_printf(c->arena, "%u:%u", gpu->index, partition->index);
	return arena_printf(c->arena, "%u%s%s", gpu->index, entry->partition ? " " : "",
		entry->partition ? entry->partition : "");
}

static const char *format_age(const struct list_command *c, uint64_t age_ns)
{
	const unsigned long long s = age_ns / NS_PER_S;

	if (s < 120)
		return arena_printf(c->arena, "%llu s", s);
	if (s < 7200)
		return arena_printf(c->arena, "%llu min", s / 60);
	return arena_printf(c->arena, "%llu h", s / 3600);
}

struct row {
	const char *cells[COLUMNS];
};

static void fill_row(const struct list_command *c, const struct lease_entry *entry, struct row *ret)
{
	*ret = (struct row){ {
		format_gpu(c, entry),
		entry->holder ? entry->holder : "(damaged)",
		entry->engine ? entry->engine : "-",
		entry->holder ? lease_mode_name(entry->mode) : "-",
		format_age(c, entry->age_ns),
		state_of(entry),
		entry->pid > 0 ? arena_printf(c->arena, "%d", (int)entry->pid) : "-",
	} };
}

static int print_text(const struct list_command *c, struct nvb_error **err)
{
	struct row *rows = arena_alloc(c->arena, (c->entries.n + 1) * sizeof(*rows));
	int widths[COLUMNS] = { 0 };

	if (!rows)
		return NVB_OOM(err);
	rows[0] = (struct row){ { "GPU", "CONTAINER", "ENGINE", "MODE", "SINCE", "STATE", "PID" } };
	for (size_t i = 0; i < c->entries.n; i++)
		fill_row(c, &c->entries.items[i], &rows[i + 1]);
	for (size_t i = 0; i <= c->entries.n; i++)
		for (size_t k = 0; k < COLUMNS; k++) {
			if (!rows[i].cells[k])
				return NVB_OOM(err);
			if ((int)strlen(rows[i].cells[k]) > widths[k])
				widths[k] = (int)strlen(rows[i].cells[k]);
		}
	for (size_t i = 0; i <= c->entries.n; i++)
		for (size_t k = 0; k < COLUMNS; k++)
			printf("%-*s%s", k + 1 < COLUMNS ? widths[k] : 0, rows[i].cells[k],
				k + 1 < COLUMNS ? "  " : "\n");
	return 0;
}

static void add_entry(struct json_builder *b, struct json_object *list,
	const struct list_command *c, const struct lease_entry *entry)
{
	struct json_object *object = json_append_object(b, list);
	const struct gpu *gpu = find_gpu(c, entry);
	const struct gpu_partition *partition = find_partition(c, gpu, entry);

	json_add_string(b, object, "gpu", entry->gpu);
	if (gpu)
		json_add_uint(b, object, "index", gpu->index);
	else
		json_add_null(b, object, "index");
	json_add_string(b, object, "uuid", gpu ? gpu->uuid : NULL);
	json_add_string(b, object, "partition", entry->partition);
	if (partition)
		json_add_uint(b, object, "partition_index", partition->index);
	else
		json_add_null(b, object, "partition_index");
	json_add_string(b, object, "container", entry->holder);
	json_add_string(b, object, "engine", entry->engine);
	json_add_string(b, object, "mode", entry->holder ? lease_mode_name(entry->mode) : NULL);
	json_add_string(b, object, "state", state_of(entry));
	json_add_string(b, object, "witness", lease_witness_name(entry->witness));
	if (entry->pid > 0)
		json_add_uint(b, object, "pid", (uint64_t)entry->pid);
	else
		json_add_null(b, object, "pid");
	json_add_uint(b, object, "age_s", entry->age_ns / NS_PER_S);
}

static int print_json(const struct list_command *c, struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *list = json_add_array(&b, root, "leases");
	_cleanup_free_ char *text = NULL;
	int r;

	vec_foreach (struct lease_entry, entry, &c->entries)
		add_entry(&b, list, c, entry);
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		fputs(text, stdout);
	return r < 0 ? r : 0;
}

static void leave_out_ended(struct lease_entry_list *entries)
{
	size_t kept = 0;

	for (size_t i = 0; i < entries->n; i++)
		if (entries->items[i].witness != LEASE_WITNESS_NONE)
			entries->items[kept++] = entries->items[i];
	entries->n = kept;
}

static int read_leases(struct list_command *c, struct nvb_error **err)
{
	_cleanup_(lease_dir_done) struct lease_dir dir = LEASE_DIR_INIT;
	struct string_list warnings = { 0 };
	int r = host_tree_open(c->context.host_root, &c->tree, err);

	if (r >= 0)
		r = inventory_open(&c->tree, NULL, &c->inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	r = lease_dir_open_existing(&dir, err);
	if (r > 0)
		r = lease_list(&dir, c->arena, &c->entries, &warnings, err);
	if (r < 0)
		return r;
	if (!c->all)
		leave_out_ended(&c->entries);
	vec_foreach (const char *, warning, &warnings)
		log_warning("%s", *warning);
	return 0;
}

int cmd_lease_list(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(list_command_done) struct list_command c = {
		.context = *context,
		.arena = arena_new(),
		.tree = HOST_TREE_INIT,
	};
	int r;

	if (!c.arena)
		return NVB_OOM(err);
	r = command_parse(COMMAND_LEASE_LIST, &c.context, argc, argv, set_option, &c, NULL, err);
	if (r <= 0)
		return r;
	r = command_no_operands(COMMAND_LEASE_LIST, r, argc, argv, err);
	if (r >= 0)
		r = read_leases(&c, err);
	if (r < 0)
		return r;
	return c.json ? print_json(&c, err) : print_text(&c, err);
}
