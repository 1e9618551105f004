/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine could limit a container with. */
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/user_namespace.h"
#include "gpu/nvidia/mig_slices.h"
#include "lease/lease_keys.h"
#include "limit/ladder_ops.h"

#define CGROUP_CONTROLLERS "/sys/fs/cgroup/cgroup.controllers"

const char *rung_because(struct machine_abilities *machine, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	const char *copy;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	copy = text ? arena_strdup(machine->arena, text) : NULL;
	return copy ? copy : "out of memory";
}

const char *rung_applying_problem(
	const struct ladder_probe *probe, const struct machine_abilities *machine)
{
	if (!machine->cgroup_v2)
		return "needs control groups of version 2 at /sys/fs/cgroup";
	if (!machine->is_root)
		return "only root can set it";
	if (!probe->applies)
		return "this engine does not set it when a container starts";
	return NULL;
}

static bool knows_sizes(const struct gpu *gpu)
{
	vec_foreach (const struct gpu_partition, partition, &gpu->partitions)
		if (!partition->memory_bytes || !partition->profile)
			return false;
	return gpu->memory_bytes > 0;
}

static int ask_for_sizes(const struct ladder_probe *probe, struct nvb_error **err)
{
	if (!probe->ask_library)
		return 0;
	for (size_t i = 0; i < probe->gpus->n; i++)
		if (!knows_sizes(probe->gpus->items[i].gpu))
			return probe->ask_library(probe->inv, err);
	return 0;
}

static int add_held(const struct gpu_partition *partition, const struct lease_entry *entry,
	struct arena *a, struct gpu_abilities *able, struct nvb_error **err)
{
	struct held_partition *held = vec_push(a, &able->held);

	if (!held)
		return NVB_OOM(err);
	*held = (struct held_partition){ partition, entry->holder };
	return 0;
}

/* Who has the whole GPU has all of its partitions. */
static int find_held(const struct lease_entry_list *leases, struct arena *a,
	struct gpu_abilities *able, struct nvb_error **err)
{
	const char *gpu = lease_key_of_gpu(able->gpu, a);
	int r = 0;

	if (!gpu)
		return NVB_OOM(err);
	vec_foreach (const struct gpu_partition, partition, &able->gpu->partitions) {
		const char *key = lease_key_of_partition(partition, a);

		if (!key)
			return NVB_OOM(err);
		vec_foreach (const struct lease_entry, entry, leases) {
			if (entry->witness == LEASE_WITNESS_NONE || entry->revoked || !entry->gpu ||
				strcmp(entry->gpu, gpu) != 0 ||
				(entry->partition && strcmp(entry->partition, key) != 0))
				continue;
			r = add_held(partition, entry, a, able, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int probe_gpu(const struct ladder_probe *probe, const struct lease_entry_list *leases,
	struct machine_abilities *machine, const struct gpu *gpu, struct nvb_error **err)
{
	struct gpu_abilities *able = vec_push(machine->arena, &machine->gpus);

	if (!able)
		return NVB_OOM(err);
	*able = (struct gpu_abilities){
		.gpu = gpu,
		.total_memory_bytes = gpu->memory_bytes,
		.mig_slices = mig_slices_of(gpu),
	};
	for (size_t rung = 0; rung < LIMIT_RUNG_COUNT; rung++)
		able->unusable[rung] =
			limit_rung_get((enum limit_rung)rung)->vendors & (1U << gpu->vendor)
				? ladder_ops[rung]->probe(probe, machine, able)
				: "not for GPUs of this kind";
	return find_held(leases, machine->arena, able, err);
}

static int read_leases(const struct ladder_probe *probe, struct arena *a,
	struct lease_entry_list *ret, struct nvb_error **err)
{
	struct string_list warnings = { 0 };
	int r = probe->leases ? lease_list(probe->leases, a, ret, &warnings, err) : 0;

	vec_foreach (const char *, warning, &warnings)
		log_debug("limit", "%s", *warning);
	return r;
}

int ladder_probe(
	const struct ladder_probe *probe, struct machine_abilities **ret, struct nvb_error **err)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct machine_abilities *machine =
		arena ? arena_new_object(arena, struct machine_abilities) : NULL;
	struct lease_entry_list leases = { 0 };
	int r;

	if (!machine)
		return NVB_OOM(err);
	machine->arena = arena;
	machine->cgroup_v2 = host_tree_exists(probe->tree, CGROUP_CONTROLLERS);
	machine->is_root = geteuid() == 0 && user_namespace_is_initial();
	r = ask_for_sizes(probe, err);
	if (r >= 0)
		r = read_leases(probe, arena, &leases, err);
	for (size_t i = 0; r >= 0 && i < probe->gpus->n; i++)
		if (!machine_abilities_of(machine, probe->gpus->items[i].gpu))
			r = probe_gpu(probe, &leases, machine, probe->gpus->items[i].gpu, err);
	if (r < 0)
		return r;
	arena = NULL;
	*ret = machine;
	return 0;
}

void machine_abilities_free(struct machine_abilities *abilities)
{
	if (abilities)
		arena_free(abilities->arena);
}
