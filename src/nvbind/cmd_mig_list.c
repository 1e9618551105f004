/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind mig list: the instances that there are, and who has them. */
#include <stdio.h>
#include <string.h>

#include "format/json.h"
#include "limit/ladder.h"
#include "nvbind/mig_command.h"

#define BYTES_PER_MIB (UINT64_C(1) << 20)

static int set_option(void *target, int id, const char *value, struct nvb_error **err)
{
	bool *json = target;

	(void)value;
	(void)err;
	*json |= id == OPTION_MIG_LIST_JSON;
	return 0;
}

static const char *holder_of(const struct machine_abilities *machine, const struct gpu *gpu,
	const struct gpu_partition *p)
{
	const struct gpu_abilities *able = machine_abilities_of(machine, gpu);

	if (able)
		vec_foreach (const struct held_partition, held, &able->held)
			if (held->partition == p)
				return held->holder ? held->holder : "(unknown)";
	return NULL;
}

static void print_text(const struct mig_command *c, const struct machine_abilities *machine)
{
	printf("%-6s  %-16s  %-12s  %-11s  %s\n", "GPU", "PROFILE", "MEMORY", "INSTANCE",
		"CONTAINER");
	vec_foreach (const struct gpu, gpu, &c->inv->gpus)
		vec_foreach (const struct gpu_partition, p, &gpu->partitions) {
			char name[32], memory[32] = "-", ids[32];
			const char *holder = holder_of(machine, gpu, p);

			if (p->gi < 0)
				continue;
			(void)snprintf(name, sizeof(name), "%u:%u", gpu->index, p->index);
			(void)snprintf(ids, sizeof(ids), "%d/%d", p->gi, p->ci);
			if (p->memory_bytes)
				(void)snprintf(memory, sizeof(memory), "%llu MiB",
					(unsigned long long)(p->memory_bytes / BYTES_PER_MIB));
			printf("%-6s  %-16s  %-12s  %-11s  %s\n", name,
				p->profile ? p->profile : "-", memory, ids, holder ? holder : "-");
		}
}

static int print_json(const struct mig_command *c, const struct machine_abilities *machine,
	struct nvb_error **err)
{
	struct json_builder b = JSON_BUILDER_INIT;
	_cleanup_(json_putp) struct json_object *root = json_new_object(&b);
	struct json_object *list = json_add_array(&b, root, "instances");
	_cleanup_free_ char *text = NULL;
	int r;

	vec_foreach (const struct gpu, gpu, &c->inv->gpus)
		vec_foreach (const struct gpu_partition, p, &gpu->partitions) {
			struct json_object *o;

			if (p->gi < 0)
				continue;
			o = json_append_object(&b, list);
			json_add_uint(&b, o, "gpu", gpu->index);
			json_add_uint(&b, o, "index", p->index);
			json_add_uint(&b, o, "gpu_instance", (uint64_t)p->gi);
			json_add_uint(&b, o, "compute_instance", (uint64_t)p->ci);
			json_add_string(&b, o, "uuid", p->uuid);
			json_add_string(&b, o, "profile", p->profile);
			if (p->memory_bytes)
				json_add_uint(&b, o, "memory_bytes", p->memory_bytes);
			else
				json_add_null(&b, o, "memory_bytes");
			json_add_string(&b, o, "container", holder_of(machine, gpu, p));
		}
	r = json_builder_check(&b, err);
	if (r >= 0)
		r = json_format(root, JSON_PRETTY, &text, NULL, err);
	if (r >= 0)
		fputs(text, stdout);
	return r < 0 ? r : 0;
}

static int probe(
	const struct mig_command *c, struct machine_abilities **ret, struct nvb_error **err)
{
	struct selection all = {
		.items = arena_alloc(c->arena, (c->inv->gpus.n + 1) * sizeof(*all.items)),
		.n = c->inv->gpus.n,
	};
	const struct ladder_probe question = {
		.tree = &c->tree,
		.inv = c->inv,
		.gpus = &all,
		.leases = c->leases.fd >= 0 ? &c->leases : NULL,
	};

	if (!all.items)
		return NVB_OOM(err);
	for (size_t i = 0; i < all.n; i++)
		all.items[i] = (struct selected_gpu){ &c->inv->gpus.items[i], NULL };
	return ladder_probe(&question, ret, err);
}

int cmd_mig_list(
	const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(mig_command_done) struct mig_command c = MIG_COMMAND_INIT(context);
	_cleanup_(machine_abilities_freep) struct machine_abilities *machine = NULL;
	bool json = false;
	int r = mig_command_parse(
		&c, COMMAND_MIG_LIST, argc, argv, set_option, &json, NULL, 0, err);

	if (r < 0)
		return r == -1 ? 0 : r;
	r = mig_command_open(&c, err);
	if (r >= 0)
		r = probe(&c, &machine, err);
	if (r < 0)
		return r;
	if (json)
		return print_json(&c, machine, err);
	print_text(&c, machine);
	return 0;
}
