/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind run: from the command line over inventory and plan to a container. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "gpu/cache.h"
#include "gpu/enrich.h"
#include "gpu/tuning.h"
#include "limit/ladder.h"
#include "nvbind/run.h"

void run_done(struct run *run)
{
	plan_free(run->plan);
	run_devices_done(&run->devices);
	container_root_free(run->root);
	machine_abilities_free(run->abilities);
	machine_tuning_free(run->tuning);
	session_facts_free(run->session);
	if (run->engine)
		run->engine->done(run);
	inventory_free(run->inv);
	host_tree_done(&run->tree);
	arena_free(run->arena);
}

/* No GPU and nothing else of the machine's: there is nothing to look for. */
static bool asks_for_nothing(const struct run *run)
{
	return run->engine == &run_bolt_engine && run->selectors.n == 1 &&
		strcmp(run->selectors.items[0], "none") == 0 && !run->devices.names.n;
}

static int make_empty_inventory(const struct host_tree *tree, struct inventory **ret,
	struct nvb_error **err)
{
	struct arena *arena = arena_new();
	struct inventory *inv = arena ? arena_new_object(arena, struct inventory) : NULL;

	if (inv)
		inv->host_prefix = arena_strdup(arena, tree->prefix);
	if (!inv || !inv->host_prefix) {
		arena_free(arena);
		return NVB_OOM(err);
	}
	inv->arena = arena;
	*ret = inv;
	return 0;
}

static int read_machine(struct run *run, struct nvb_error **err)
{
	int r;

	r = host_tree_open(run->options.context.host_root, &run->tree, err);
	if (r >= 0 && asks_for_nothing(run))
		return make_empty_inventory(&run->tree, &run->inv, err);
	if (r >= 0)
		r = inventory_open(&run->tree, NULL, &run->inv, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look for GPUs");
	/* A MIG UUID is known to the vendor's library alone; nothing else is asked of it here. */
	if (selector_needs_enrichment(&run->selectors))
		r = inventory_ask_library(run->inv, err);
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

/* What a setting may want to change of the machine. */
static int read_tuning(struct run *run, struct nvb_error **err)
{
	static const enum knob_id knobs[] = { KNOB_POWER_PROFILE, KNOB_CPU_SET, KNOB_CPU_GOVERNOR,
		KNOB_HUGE_PAGES };
	bool is_wanted = false;
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(knobs); i++)
		is_wanted |= settings_get(&run->options.settings, knobs[i]) != NULL;
	if (is_wanted)
		r = machine_tuning_read(&run->tree, run->inv, &run->tuning, err);
	return r;
}

static int make_request(struct run *run, struct nvb_error **err)
{
	const struct run_options *o = &run->options;

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
		.settings = &o->settings,
		.tuning = run->tuning,
		.session = run->session,
	};
	return select_gpus(run, err);
}

static int prepare_engine(struct run *run, struct nvb_error **err)
{
	int r = run->engine->prepare(run, err);

	if (r >= 0 && run->by_cdi)
		r = run_devices_take_gpus(
			&run->devices, run->inv, run->arena, &run->request.gpus, err);
	return r;
}

static int make_plan(struct run *run, struct nvb_error **err)
{
	struct string_list dirs = { 0 }, sonames = { 0 };
	int r;

	r = plan_questions(run->inv, &run->request, run->arena, &dirs, &sonames, err);
	if (r < 0)
		return r;
	r = run->engine->inspect(run, &dirs, &sonames, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "look at the container's root");
	r = plan_make(run->inv, &run->request, run->root, &run->plan, err);
	/* A limit may have chosen a part of a GPU, for all engines. */
	if (r >= 0)
		run->request.gpus = run->plan->gpus;
	if (r >= 0)
		r = run_devices_apply(&run->devices, &run->options, &run->tree, run->arena,
			run->plan, err);
	return r < 0 ? r : run->engine->complete(run, err);
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

	if (plan->refused)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "limit the container: %s", plan->refused),
			"'--config allow_unenforced=true' starts it without the limit; --dry-run "
			"shows the plan");
	if (outcome->status != KNOB_UNSUPPORTED && outcome->status != KNOB_NONE)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "isolate the GPUs as '%s': %s",
			outcome->value, outcome->reason ? outcome->reason : "not possible here"),
		"run with --isolation shared, or see the plan with --dry-run");
}

int run_execute(struct run *run, struct nvb_error **err)
{
	int r;

	r = refuse_unsupported_isolation(run->plan, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &run->inv->warnings)
		log_notice("%s", *warning);
	vec_foreach (const char *, warning, &run->plan->warnings)
		log_warning("%s", *warning);
	return run->engine->execute(run, err);
}

int run_prepare(struct run *run, const struct command_context *context, int argc, char **argv,
	struct nvb_error **err)
{
	int r;

	if (!run->arena)
		return NVB_OOM(err);
	/* Other users of the container must be able to read what is made for it. */
	run->umask = umask(022);
	r = run_options_parse(run->arena, context, argc, argv, &run->options, err);
	if (r <= 0)
		return r;
	run->engine =
		strcmp(run->options.engine, "bolt") == 0 ? &run_bolt_engine : &run_client_engine;
	r = run_devices_split(&run->options, run->arena, &run->devices, &run->selectors, err);
	if (r >= 0)
		r = read_machine(run, err);
	if (r >= 0)
		r = read_tuning(run, err);
	if (r >= 0)
		r = run_read_session(run, err);
	if (r >= 0)
		r = make_request(run, err);
	if (r >= 0)
		r = run_read_abilities(run, err);
	if (r >= 0)
		r = prepare_engine(run, err);
	if (r >= 0)
		r = make_plan(run, err);
	return r < 0 ? r : 1;
}

int cmd_run(const struct command_context *context, int argc, char **argv, struct nvb_error **err)
{
	_cleanup_(run_done) struct run run = RUN_INIT;
	int r = run_prepare(&run, context, argc, argv, err);

	if (r <= 0)
		return r;
	return run.options.dry_run ? print_plan(&run, err) : run_execute(&run, err);
}
