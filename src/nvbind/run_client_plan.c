/* SPDX-License-Identifier: Apache-2.0 */
/* The plan in the terms of another engine: names of GPUs, command line, reasons. */
#include <string.h>
#include <strings.h>

#include "nvbind/run_client.h"

#define CAPABILITIES_BYTES 1024

/*
 * A name that means the same GPU when the engine starts the container again, perhaps after another
 * one was put in. What users call a GPU need not. `index` and `prefix` (of the id of a GPU) are in
 * the terms of who reads the name.
 */
static int add_name(struct arena *a, const struct selected_gpu *selected, unsigned index,
	const char *prefix, struct string_list *names, struct nvb_error **err)
{
	static const char uuid_prefix[] = "GPU-", mig_prefix[] = "MIG-";
	const struct gpu *gpu = selected->gpu;
	const struct gpu_partition *partition = selected->partition;
	int r;

	if (partition && partition->uuid &&
		strncmp(partition->uuid, mig_prefix, strlen(mig_prefix)) == 0)
		r = string_list_add(a, names, partition->uuid);
	else if (partition)
		r = string_list_printf(a, names, "%u:%u", index, partition->index);
	else if (gpu->uuid && strncmp(gpu->uuid, uuid_prefix, strlen(uuid_prefix)) == 0)
		r = string_list_printf(a, names, "%s%s", prefix, gpu->uuid + strlen(uuid_prefix));
	else if (gpu->pci_address)
		r = string_list_add(a, names, gpu->pci_address);
	else
		r = string_list_printf(a, names, "%u", index);
	return r < 0 ? NVB_OOM(err) : 0;
}

static int name_devices(const struct run *run, struct string_list *names, struct nvb_error **err)
{
	const struct selection *gpus = &run->request.gpus;
	int r = 0;

	if (gpus->all && string_list_add(run->arena, names, "all") < 0)
		return NVB_OOM(err);
	for (size_t i = 0; r >= 0 && !gpus->all && i < gpus->n; i++)
		r = add_name(
			run->arena, &gpus->items[i], gpus->items[i].gpu->index, "GPU-", names, err);
	vec_foreach (const char *, name, &run->devices.names)
		if (string_list_add(run->arena, names, *name) < 0)
			return NVB_OOM(err);
	return r;
}

/* What others define of a vendor's devices may be a GPU as well: its variable must name it too. */
static int add_foreign(
	const struct run *run, const char *kind, struct string_list *names, struct nvb_error **err)
{
	vec_foreach (const char *, name, &run->devices.names)
		if (strncasecmp(*name, kind, strcspn(kind, "/") + 1) == 0 &&
			string_list_add(run->arena, names, *name) < 0)
			return NVB_OOM(err);
	return 0;
}

/* A vendor counts its own GPUs alone. */
static int add_vendor_gpus(const struct run *run, const struct client_vendor *vendor,
	struct string_list *names, struct nvb_error **err)
{
	const struct selection *gpus = &run->request.gpus;
	const char *kind = selector_kind_of(vendor->vendor);
	bool all = gpus->all;
	int r = 0;

	for (size_t i = 0; r >= 0 && !gpus->all && i < gpus->n; i++) {
		const struct gpu *gpu = gpus->items[i].gpu;

		if (gpu->vendor == vendor->vendor)
			r = add_name(run->arena, &gpus->items[i],
				selector_index_in_kind(run->inv, gpu), vendor->id_prefix, names,
				err);
		/* What a kind serves beside its own GPUs has no number there. */
		else if (strcmp(selector_kind_of(gpu->vendor), kind) == 0)
			all = true;
	}
	if (r < 0 || !all)
		return r;
	/* The word alone would end the list, whatever else it names. */
	r = run->devices.names.n ? string_list_printf(run->arena, names, "%s=all", kind)
				 : string_list_add(run->arena, names, "all");
	return r < 0 ? NVB_OOM(err) : 0;
}

static int name_for_vendors(const struct run *run, struct client_gpus *gpus, struct nvb_error **err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < CLIENT_VENDORS; i++) {
		const struct client_vendor *vendor = &client_vendors[i];

		r = add_vendor_gpus(run, vendor, &gpus->vendor_names[i], err);
		if (r >= 0)
			r = add_foreign(
				run, selector_kind_of(vendor->vendor), &gpus->vendor_names[i], err);
	}
	return r;
}

static bool sets_variable(const struct string_list *env, const char *name)
{
	vec_foreach (const char *, variable, env)
		if (strncmp(*variable, name, strlen(name)) == 0 &&
			strchr("=", (*variable)[strlen(name)]))
			return true;
	return false;
}

/* A choice that nobody made is left to the image; the user's own variable wins over a profile's. */
static int name_capabilities(const struct run *run, const char **ret, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(CAPABILITIES_BYTES);
	const struct run_options *o = &run->options;

	if (o->capabilities_source == SOURCE_DEFAULT ||
		(o->capabilities_source != SOURCE_COMMAND_LINE &&
			sets_variable(&o->words.env, CLIENT_CAPABILITIES_VARIABLE)))
		return 0;
	capability_format(o->capabilities, &text);
	*ret = strbuf_failed(&text) ? NULL : arena_strdup(run->arena, strbuf_str(&text));
	return *ret ? 0 : NVB_OOM(err);
}

static int add_knob(struct plan *plan, const struct plan_knob *knob, struct nvb_error **err)
{
	struct plan_knob *slot = vec_push(plan->arena, &plan->knobs);

	if (!slot)
		return NVB_OOM(err);
	*slot = *knob;
	return 0;
}

/* What somebody else may still decide, the plan must not claim. */
static void qualify_knobs(struct run *run)
{
	const struct run_options *o = &run->options;
	const char *reason = NULL;

	if (o->capabilities_source != SOURCE_COMMAND_LINE &&
		sets_variable(&o->words.env, CLIENT_CAPABILITIES_VARIABLE))
		reason = "'" CLIENT_CAPABILITIES_VARIABLE "' of '--env' decides";
	else if (o->capabilities_source == SOURCE_DEFAULT)
		reason = "an image that asks for others gets those";
	if (!reason || run->client->choice.method != CLIENT_METHOD_RUNTIME)
		return;
	vec_foreach (struct plan_knob, knob, &run->plan->knobs)
		if (strcmp(knob->name, "capabilities") == 0)
			knob->reason = reason;
}

static int report_spec_choices(struct run *run, struct nvb_error **err)
{
	const struct run_options *o = &run->options;
	const char *option =
		o->capabilities_source == SOURCE_COMMAND_LINE ? "capabilities" : "profile";

	if (run->client->choice.method != CLIENT_METHOD_CDI ||
		(o->capabilities_source != SOURCE_COMMAND_LINE &&
			o->profile_source == SOURCE_DEFAULT))
		return 0;
	vec_foreach (struct plan_knob, knob, &run->plan->knobs)
		if (strcmp(knob->name, "profile") == 0) {
			knob->status = KNOB_UNSUPPORTED;
			knob->mechanism = NULL;
			knob->reason =
				"with CDI, the specification decides what the container gets";
		}
	return string_list_printf(run->plan->arena, &run->plan->warnings,
		       "'--%s' has no effect: the CDI specification decides what the container "
		       "gets",
		       option) < 0
		       ? NVB_OOM(err)
		       : 0;
}

static int report_method(struct run *run, struct nvb_error **err)
{
	const struct run_client *client = run->client;
	int r = 0;

	if (run->options.engine_is_auto)
		r = add_knob(run->plan,
			&(struct plan_knob){ .name = "runtime",
				.value = "auto",
				.status = KNOB_APPLIED,
				.mechanism = client->ops->title,
				.reason = client->answers ? "the first engine that answers"
							  : "assumed, because no engine answers" },
			err);
	if (r >= 0)
		r = add_knob(run->plan,
			&(struct plan_knob){ .name = "engine",
				.value = client->ops->name,
				.status = KNOB_APPLIED,
				.mechanism = client->choice.mechanism,
				.reason = client->choice.reason },
			err);
	qualify_knobs(run);
	return r < 0 ? r : report_spec_choices(run, err);
}

int run_client_complete(struct run *run, struct nvb_error **err)
{
	const struct run_options *o = &run->options;
	const struct run_words *w = &o->words;
	const struct run_client *client = run->client;
	const struct client_options options = {
		.image = o->image,
		.command = o->command,
		.name = o->name,
		.hostname = o->hostname,
		.workdir = o->workdir,
		.user = o->user,
		.network = w->network,
		.restart = w->restart,
		.shm_size = w->shm_size,
		.cpus = run->plan->cpu_set,
		.entrypoint = w->entrypoint,
		.env = w->env,
		.env_files = w->env_files,
		.volumes = w->volumes,
		.ports = w->ports,
		.devices = client->devices,
		.words = w->engine,
		.interactive = o->interactive,
		.tty = o->tty,
		.detach = o->detach,
		.remove = o->remove,
		.read_only = o->read_only,
	};
	struct client_gpus gpus = { .choice = client->choice };
	int r;

	r = name_devices(run, &gpus.names, err);
	if (r >= 0 && client->choice.method == CLIENT_METHOD_RUNTIME)
		r = name_for_vendors(run, &gpus, err);
	if (r >= 0 && client->choice.method == CLIENT_METHOD_RUNTIME)
		r = name_capabilities(run, &gpus.capabilities, err);
	if (client->choice.method == CLIENT_METHOD_RUNTIME && o->profile_source != SOURCE_DEFAULT)
		gpus.profile = vocabulary_name(&vocabulary_profile, (int)o->profile);
	if (client->choice.method == CLIENT_METHOD_RUNTIME && o->isolation != ISOLATION_SHARED)
		gpus.isolation = vocabulary_name(&vocabulary_isolation, (int)o->isolation);
	if (r >= 0)
		r = client_argv(client->ops,
			client->answers ? client->facts.program : client->ops->name, &options,
			&gpus, run->arena, &run->plan->engine_argv, err);
	return r < 0 ? r : report_method(run, err);
}
