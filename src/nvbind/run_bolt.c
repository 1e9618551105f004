/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind run with the built-in engine. */
#include <string.h>

#include "engine/bolt/bolt.h"
#include "nvbind/run.h"

/* A dry run needs no image: without one, the facts of the most common root are assumed. */
static bool image_is_at_hand(const struct run_options *o)
{
	return !o->dry_run || o->rootfs || (o->image && strcmp(o->image, "host") == 0);
}

static int prepare(struct run *run, struct nvb_error **err)
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
		.tree = &run->tree,
	};
	int r;

	run->by_cdi = o->cdi;
	run->request.device_isolation = bolt_device_isolation(run->arena);
	run->request.takes_leases = true;
	run->request.sets_cpus = settings_get(&o->settings, KNOB_CPU_SET) &&
				 bolt_sets_cpus(run->arena);
	run->request.changes_host = true;
	if (!image_is_at_hand(o))
		return 0;
	r = bolt_open(&options, &run->container, err);
	if (r < 0)
		return r;
	return bolt_command(run->container, &o->command, run->arena, &run->request.command, err);
}

static int inspect(struct run *run, const struct string_list *dirs,
	const struct string_list *sonames, struct nvb_error **err)
{
	if (run->container)
		return container_root_inspect(
			bolt_root_fd(run->container), dirs, sonames, &run->root, err);
	return container_root_assume(dirs, &run->root, err);
}

static int complete(struct run *run, struct nvb_error **err)
{
	(void)run;
	(void)err;
	return 0;
}

static int execute(struct run *run, struct nvb_error **err)
{
	int exit_code = 0;
	int r = bolt_run(run->container, run->plan, &exit_code, err);

	return r < 0 ? r : exit_code;
}

static void done(struct run *run)
{
	bolt_free(run->container);
}

const struct run_engine run_bolt_engine = {
	.prepare = prepare,
	.inspect = inspect,
	.complete = complete,
	.execute = execute,
	.done = done,
};
