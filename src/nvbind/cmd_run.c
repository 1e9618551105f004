/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind run: from the command line over inventory and plan to a container. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/bolt/bolt.h"
#include "gpu/discover.h"
#include "nvbind/enrichment.h"
#include "nvbind/run_devices.h"
#include "nvbind/run_options.h"

/* Everything that one run is made of, in the order in which it comes to be. */
struct run {
	struct arena *arena;
	struct run_options options;
	struct host_tree tree;
	struct inventory *inv;
	struct request request;
	struct string_list selectors; /* of --gpu, without CDI names of other kinds */
	struct run_devices devices;
	struct bolt_container *container; /* NULL: a dry run without an image */
	struct container_root *root;
	struct plan *plan;
};

static void run_done(struct run *run)
{
	plan_free(run->plan);
	run_devices_done(&run->devices);
	container_root_free(run->root);
	bolt_free(run->container);
	inventory_free(run->inv);
	host_tree_done(&run->tree);
	arena_free(run->arena);
}

static int read_machine(struct run *run, struct nvb_error **err)
{
	int r;

	r = host_tree_open(run->options.context.host_root, &run->tree, err);
	if (r >= 0)
		r = inventory_discover(&run->tree, &run->inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	/* A MIG UUID is known to the vendor's library alone; nothing else is asked of it here. */
	if (selector_needs_enrichment(&run->selectors))
		r = enrichment_run(run->inv, err);
	return r;
}

static bool has_usable_gpu(const struct inventory *inv)
{
	vec_foreach (struct gpu, gpu, &inv->gpus)
		if (gpu->state == GPU_USABLE)
			return true;
	return false;
}

static int select_gpus(struct run *run, struct nvb_error **err)
{
	/* CDI devices of other kinds were asked for, and nothing else. */
	if (!run->selectors.n) {
		run->request.gpus.none = true;
		return 0;
	}
	/* Only who asks for GPUs must get some. */
	if (!run->options.gpus_given && !has_usable_gpu(run->inv)) {
		log_warning("this machine has no usable GPU: the container gets none");
		run->request.gpus.none = true;
		return 0;
	}
	return selector_resolve(
		&run->selectors, run->inv, run->arena, &run->request.gpus, err);
}

static int make_request(struct run *run, struct nvb_error **err)
{
	const struct run_options *o = &run->options;
	int r;

	run->request = (struct request){
		.engine = o->engine,
		.image = o->image,
		.command = o->command,
		.capabilities = o->capabilities,
		.capabilities_source = o->capabilities_source,
		.isolation = o->isolation,
		.isolation_source = o->isolation_source,
		.profile = o->profile,
		.driver = o->driver,
		.env = o->env,
		.volumes = o->volumes,
		.device_isolation = bolt_device_isolation(run->arena),
	};
	r = select_gpus(run, err);
	if (r >= 0 && o->cdi)
		r = run_devices_take_gpus(
			&run->devices, run->inv, run->arena, &run->request.gpus, err);
	return r;
}

/* A dry run needs no image: without one, the facts of the most common root are assumed. */
static bool image_is_at_hand(const struct run_options *o)
{
	return !o->dry_run || o->rootfs || (o->image && strcmp(o->image, "host") == 0);
}

static int open_container(struct run *run, struct nvb_error **err)
{
	const struct run_options *o = &run->options;
	const struct bolt_options options = {
		.image = o->image,
		.rootfs = o->rootfs,
		.name = o->name,
		.hostname = o->hostname,
		.workdir = o->workdir,
		.user = o->user,
		.network = o->network,
		.interactive = o->interactive,
		.terminal = o->tty,
		.read_only = o->read_only,
	};
	int r;

	if (!image_is_at_hand(o))
		return 0;
	r = bolt_open(&options, &run->container, err);
	if (r < 0)
		return r;
	return bolt_command(run->container, &o->command, run->arena, &run->request.command, err);
}

static int make_plan(struct run *run, struct nvb_error **err)
{
	struct string_list dirs = { 0 }, sonames = { 0 };
	int r;

	r = plan_questions(run->inv, &run->request, run->arena, &dirs, &sonames, err);
	if (r < 0)
		return r;
	if (run->container)
		r = container_root_inspect(
			bolt_root_fd(run->container), &dirs, &sonames, &run->root, err);
	else
		r = container_root_assume(&dirs, &run->root, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look at the container's root");
	r = plan_make(run->inv, &run->request, run->root, &run->plan, err);
	return r < 0 ? r :
		       run_devices_apply(&run->devices, &run->options, &run->tree, run->arena,
			       run->plan, err);
}

static int print_plan(const struct run *run, struct nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int r;

	r = run->options.json ? plan_format_json(run->plan, &text, err)
			      : plan_format_text(run->plan, &text, err);
	if (r < 0)
		return r;
	(void)fputs(text, stdout);
	return 0;
}

/* A container that asked for more isolation than it can have must not start with less. */
static int refuse_unsupported_isolation(const struct plan *plan, struct nvb_error **err)
{
	const struct plan_knob *outcome = &plan->isolation_outcome;

	if (outcome->status != KNOB_UNSUPPORTED && outcome->status != KNOB_NONE)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "isolate the GPUs as '%s': %s",
			outcome->value, outcome->reason ? outcome->reason : "not possible here"),
		"run with --isolation shared, or see the plan with --dry-run");
}

static int execute(const struct run *run, struct nvb_error **err)
{
	int exit_code = 0;
	int r;

	r = refuse_unsupported_isolation(run->plan, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &run->inv->warnings)
		log_notice("%s", *warning);
	vec_foreach (const char *, warning, &run->plan->warnings)
		log_warning("%s", *warning);
	r = bolt_run(run->container, run->plan, &exit_code, err);
	return r < 0 ? r : exit_code;
}

int cmd_run(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(run_done) struct run run = {
		.arena = arena_new(),
		.tree = HOST_TREE_INIT,
	};
	int r;

	if (!run.arena)
		return NVB_OOM(err);
	/* Other users of the container must be able to read what is made for it. */
	(void)umask(022);
	r = run_options_parse(run.arena, context, argc, argv, &run.options, err);
	if (r <= 0)
		return r;
	r = run_devices_split(&run.options, run.arena, &run.devices, &run.selectors, err);
	if (r >= 0)
		r = read_machine(&run, err);
	if (r >= 0)
		r = make_request(&run, err);
	if (r >= 0)
		r = open_container(&run, err);
	if (r >= 0)
		r = make_plan(&run, err);
	if (r < 0)
		return r;
	return run.options.dry_run ? print_plan(&run, err) : execute(&run, err);
}
