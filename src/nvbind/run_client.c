/* SPDX-License-Identifier: Apache-2.0 */
/* nvbind run with Docker or Podman: the engine starts the container, we say which GPUs. */
#include <sys/stat.h>

#include "base/log.h"
#include "nvbind/run_client.h"
#include "nvbind/sibling.h"
#include "request/runtime_policy.h"

/* Without one that answers, a dry run shows what the first would do. */
static const struct client_ops *const automatic[] = { &docker_client, &podman_client };

/* NULL: it is not installed. */
static int find_runtime(struct arena *a, const char **ret, struct nvb_error **err)
{
	const char *path;
	bool exists;
	int r = sibling_path(a, CLIENT_RUNTIME_PROGRAM, &path, &exists, err);

	if (r >= 0)
		*ret = exists ? path : NULL;
	return r;
}

static int probe(struct run *run, const struct client_ops *ops, struct nvb_error **err)
{
	struct run_client *client = run->client;
	int r;

	client->ops = ops;
	r = client_probe(ops, method_depth(&client->question), CLIENT_PROBE_TIMEOUT_MS, run->arena,
		&client->facts, err);
	client->answers = r >= 0;
	return r;
}

/* A dry run goes on without the engine. */
static int probe_or_assume(struct run *run, const struct client_ops *ops, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;

	if (!run->options.dry_run)
		return probe(run, ops, err);
	if (probe(run, ops, &problem) >= 0)
		return 0;
	run->client->why_not = arena_strdup(run->arena, nvb_error_message(problem));
	return run->client->why_not ? 0 : NVB_OOM(err);
}

/* The first that answers. */
static int probe_all(struct run *run, struct nvb_error **err)
{
	const char *reasons[ELEMENTS(automatic)];

	for (size_t i = 0; i < ELEMENTS(automatic); i++) {
		_cleanup_error_ struct nvb_error *problem = NULL;

		if (probe(run, automatic[i], &problem) >= 0)
			return 0;
		reasons[i] = arena_strdup(run->arena, nvb_error_message(problem));
		if (!reasons[i])
			return NVB_OOM(err);
	}
	run->client->ops = automatic[0];
	run->client->why_not = arena_printf(run->arena, "%s; %s", reasons[0], reasons[1]);
	if (!run->client->why_not)
		return NVB_OOM(err);
	if (run->options.dry_run)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_ENGINE, 0, "find an engine for the image '%s': %s",
			run->options.image, run->client->why_not),
		"install Docker or Podman; the built-in engine runs 'host' and 'oci:DIR'");
}

/* Asked for as '--rootless', an engine that is root's would be a lie. */
static int check_rootless(const struct run *run, struct nvb_error **err)
{
	const struct run_client *client = run->client;

	if (!run->options.rootless || !client->answers || client->facts.rootless)
		return 0;
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0, "option '--rootless': %s runs as root here",
			client->ops->title),
		"use '--runtime podman', or leave '--rootless' out");
}

/* A policy may keep containers from asking in the way we would make ours ask. */
static int read_policy(struct run *run, struct method_question *question, struct nvb_error **err)
{
	struct runtime_policy policy;
	int r = runtime_policy_read(run->arena, &policy, err);

	if (r < 0)
		return r;
	if (policy.container.accept_environment != POLICY_ALWAYS)
		question->runtime_problem = "by this machine's policy, nvbind-runtime does not "
					    "hear every container's environment";
	return 0;
}

/* Where the engine reads specs, as seen from here. */
static int find_directories(struct run *run, struct nvb_error **err)
{
	/* What an engine says of its own root is not true of another one. */
	if (run->client->answers && host_tree_is_live(&run->tree)) {
		run->devices.directories = run->client->facts.cdi_dirs;
		return 0;
	}
	return cdi_host_directories(&run->tree, run->arena, &run->devices.directories, err);
}

static int ask_specs(struct run *run, struct nvb_error **err)
{
	struct run_client *client = run->client;
	int r;

	if (!client->answers ||
		!method_needs_specs(client->ops, &client->facts, &client->question, run->arena))
		return 0;
	r = find_directories(run, err);
	return r < 0 ? r
		     : run_devices_find_problem(&run->devices, &run->devices.directories,
			       client->facts.cdi_newest, run->inv, &run->tree, &run->request.gpus,
			       run->arena, &client->question.spec_problem, err);
}

/* What of the question does not depend on the engine, and says how much it is asked. */
static int put_question(struct run *run, struct nvb_error **err)
{
	struct method_question *question = &run->client->question;
	int r;

	question->wants_devices = run->request.gpus.n || run->devices.names.n;
	question->cdi_forced = run->options.cdi;
	r = find_runtime(run->arena, &question->runtime, err);
	return r >= 0 && question->wants_devices ? read_policy(run, question, err) : r;
}

static int choose_method(struct run *run, struct nvb_error **err)
{
	struct run_client *client = run->client;
	struct method_question *question = &client->question;
	int r = ask_specs(run, err);

	if (r < 0)
		return r;
	if (!client->answers)
		return method_assume(
			client->ops, question, client->why_not, run->arena, &client->choice, err);
	return method_choose(
		client->ops, &client->facts, question, run->arena, &client->choice, err);
}

static int prepare(struct run *run, struct nvb_error **err)
{
	const struct client_ops *named = client_find(run->options.engine);
	int r;

	run->client = arena_new_object(run->arena, struct run_client);
	if (!run->client)
		return NVB_OOM(err);
	r = put_question(run, err);
	if (r >= 0)
		r = named ? probe_or_assume(run, named, err) : probe_all(run, err);
	if (r >= 0)
		r = check_rootless(run, err);
	if (r >= 0)
		r = choose_method(run, err);
	if (r < 0)
		return r;
	run->by_cdi = run->client->choice.method == CLIENT_METHOD_CDI;
	run->request.engine = run->client->ops->name;
	run->request.takes_leases = run->client->choice.method == CLIENT_METHOD_RUNTIME;
	/* Without root, a machine may have delegated no control group that could. */
	run->request.sets_cpus = !run->client->facts.rootless;
	if (run->client->facts.rootless)
		run->request.device_isolation = "device nodes; a user namespace can make no others";
	run->client->devices = run->options.devices;
	run->options.devices = (struct string_list){ 0 };
	return 0;
}

/* The image is the engine's: what it is like, we do not know. */
static int inspect(struct run *run, const struct string_list *dirs,
	const struct string_list *sonames, struct nvb_error **err)
{
	int r = container_root_assume(dirs, &run->root, err);

	(void)sonames;
	/* That something is assumed matters where it is shown. */
	if (r >= 0)
		run->root->assumed = run->options.dry_run;
	return r;
}

static int execute(struct run *run, struct nvb_error **err)
{
	log_debug("engine", "%s: %s", run->client->ops->title, run->client->choice.reason);
	(void)umask(run->umask);
	return client_become(&run->plan->engine_argv, err);
}

static void done(struct run *run)
{
	(void)run;
}

const struct run_engine run_client_engine = {
	.prepare = prepare,
	.inspect = inspect,
	.complete = run_client_complete,
	.execute = execute,
	.done = done,
};
