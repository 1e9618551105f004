/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bolt/bolt.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "engine/bolt/bundle.h"
#include "engine/bolt/command.h"
#include "engine/bolt/image.h"
#include "engine/bolt/keeper.h"
#include "engine/bolt/runtime_log.h"
#include "engine/bolt/stdio.h"
#include "engine/bolt/user.h"
#include "lease/lease_plan.h"
#include "limit/host_change.h"

struct bolt_container {
	struct arena *arena;
	struct bolt_options options;
	struct bolt_state state;
	struct image image;
	struct container_user user;
};

static int open_parts(struct bolt_container *c, struct nvb_error **err)
{
	struct image_request request = {
		.name = c->options.image,
		.rootfs = c->options.rootfs,
		.store_fd = -1,
	};
	int r;

	if (image_needs_store(&request)) {
		r = bolt_state_open(&c->state, err);
		if (r < 0)
			return r;
		request.store_fd = c->state.dir_fd;
		request.store_path = c->state.path;
	}
	r = image_open(c->arena, &request, &c->image, err);
	if (r < 0)
		return r;
	return container_user_find(c->image.root_fd,
		c->options.user ? c->options.user : c->image.user, c->arena, &c->user, err);
}

int bolt_open(
	const struct bolt_options *options, struct bolt_container **ret, struct nvb_error **err)
{
	_cleanup_(bolt_freep) struct bolt_container *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return NVB_OOM(err);
	c->options = *options;
	c->state = (struct bolt_state)BOLT_STATE_INIT;
	c->image = (struct image)IMAGE_INIT;
	c->arena = arena_new();
	if (!c->arena)
		return NVB_OOM(err);
	r = open_parts(c, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void bolt_free(struct bolt_container *c)
{
	if (!c)
		return;
	image_done(&c->image);
	bolt_state_done(&c->state);
	arena_free(c->arena);
	free(c);
}

int bolt_root_fd(const struct bolt_container *c)
{
	return c->image.root_fd;
}

const char *bolt_device_isolation(struct arena *scratch)
{
	bool rootless = idmap_is_needed();
	struct low_level_runtime runtime;

	if (rootless)
		return "device nodes; a user namespace can make no others";
	/* Without a runtime nothing will run: a plan still says what would be. */
	if (low_level_runtime_find(scratch, rootless, &runtime, NULL) < 0 || runtime.device_cgroup)
		return "device nodes + device cgroup";
	return runtime.is_crun ? "device nodes; CAP_MKNOD is dropped, the image's own nodes open"
			       : "device nodes; CAP_MKNOD is dropped";
}

bool bolt_sets_cpus(struct arena *scratch)
{
	struct low_level_runtime runtime;

	if (idmap_is_needed())
		return false;
	/* Without a runtime nothing will run: a plan still says what would be. */
	return low_level_runtime_find(scratch, false, &runtime, NULL) < 0 || runtime.device_cgroup;
}

/*
 * The root is mounted nodev then, but crun mounts it again without.
 * Source: crun 1.8.1, src/libcrun/linux.c, do_mount(): MS_REMOUNT | MS_BIND alone.
 */
static void warn_of_image_nodes(const struct low_level_runtime *runtime, const struct idmap *map)
{
	if (runtime->is_crun && !runtime->device_cgroup && !map->needed)
		log_warning("device nodes in the image can be opened: '%s' has no device cgroup "
			    "here; install 'runc', or run only images that you trust",
			runtime->path);
}

static int append(struct arena *a, struct string_list *list, const struct string_list *more,
	struct nvb_error **err)
{
	vec_foreach (const char *, s, more)
		if (string_list_add(a, list, *s) < 0)
			return NVB_OOM(err);
	return 0;
}

int bolt_command(const struct bolt_container *c, const struct string_list *given, struct arena *a,
	struct string_list *ret, struct nvb_error **err)
{
	struct string_list command = { 0 };
	int r;

	r = append(a, &command, &c->image.entrypoint, err);
	if (r >= 0)
		r = append(a, &command, given->n ? given : &c->image.command, err);
	if (r < 0)
		return r;
	if (!command.n && string_list_add(a, &command, "/bin/sh") < 0)
		return NVB_OOM(err);
	*ret = command;
	return 0;
}

/* Everything that lives as long as one run. */
struct run {
	struct bolt_container *container;
	const struct plan *plan;
	struct bolt_capsule capsule;
	struct low_level_runtime runtime;
	struct idmap map;
	struct nvb_error *doubt;      /* that the command can be found */
	struct lease *lease;	      /* NULL: no GPU */
	struct host_changes *changes; /* NULL: none */
};

static int choose_means(struct run *run, struct nvb_error **err)
{
	const struct bolt_container *c = run->container;
	int r;

	r = idmap_choose(c->user.uid != 0 || c->user.gid != 0, &run->map, err);
	if (r < 0)
		return r;
	r = low_level_runtime_find(c->arena, run->map.needed, &run->runtime, err);
	if (r < 0)
		return r;
	warn_of_image_nodes(&run->runtime, &run->map);
	if (c->state.dir_fd >= 0)
		return 0;
	return bolt_state_open(&run->container->state, err);
}

static struct bundle make_bundle(const struct run *run)
{
	const struct bolt_container *c = run->container;

	return (struct bundle){
		.plan = run->plan,
		.options = &c->options,
		.image = &c->image,
		.user = &c->user,
		.capsule = &run->capsule,
		.runtime = &run->runtime,
		.map = &run->map,
		.arena = c->arena,
	};
}

/* How the low-level runtime ended, told apart: its own failure, or the command's exit code. */
static int judge_exit(struct run *run, struct spawn_exit exit_status, const char *message,
	int *ret_exit_code, struct nvb_error **err)
{
	int status;

	*ret_exit_code = spawn_exit_code(exit_status);
	if (*ret_exit_code == 0 || !message)
		return 0;
	status = runtime_log_status(message);
	if (run->doubt && status == nvb_error_status(run->doubt)) {
		if (err)
			*err = TAKE_PTR(run->doubt);
		return status;
	}
	status = NVB_RAISE(
		err, status, 0, "start the container with '%s': %s", run->runtime.path, message);
	if (status != NVB_ERR_ENGINE)
		return status;
	return NVB_HINT(err, status, "'nvbind doctor' checks what containers need on this machine");
}

static int run_capsule(struct run *run, int *ret_exit_code, struct nvb_error **err)
{
	struct bolt_container *c = run->container;
	struct bundle bundle = make_bundle(run);
	_cleanup_free_ char *message = NULL;
	struct stdio_state stdio;
	struct spawn_exit exit_status;
	struct keeper keeper;
	int r;

	r = bundle_check(&bundle, &run->doubt, err);
	if (r < 0)
		return r;
	keeper = (struct keeper){
		.runtime = &run->runtime,
		.runtime_argv = low_level_runtime_argv(c->arena, &run->runtime, run->map.needed,
			run->capsule.path, run->capsule.id),
		.map = &run->map,
		.capsule = &run->capsule,
		.bundle = &bundle,
		.lower_path = c->image.root_path,
		.lower_fd = c->image.root_fd,
		.stdin_null = !c->options.interactive && !c->options.terminal,
		.lease = run->lease,
	};
	if (!keeper.runtime_argv)
		return NVB_OOM(err);
	if (keeper_pending_signal()) {
		*ret_exit_code = 128 + keeper_pending_signal();
		return 0;
	}
	stdio_save(&stdio);
	r = keeper_run(&keeper, &exit_status, &message, err);
	stdio_restore(&stdio);
	return r < 0 ? r : judge_exit(run, exit_status, message, ret_exit_code, err);
}

/* The name is the container's until the capsule is removed. */
static int take_lease(struct run *run, struct nvb_error **err)
{
	const struct lease_plan request = {
		.plan = run->plan,
		.tree = run->container->options.tree,
		.holder = run->capsule.id,
		.engine = "bolt",
		.keep_lock = true,
	};

	return lease_plan_take(&request, &run->lease, err);
}

static void log_all(const struct string_list *warnings)
{
	vec_foreach (const char *, warning, warnings)
		log_warning("%s", *warning);
}

/*
 * The container works without them, so nothing here keeps it from running. The keeper inherits what
 * says that it lives. What killed ones have left of theirs goes first.
 */
static void change_host(struct run *run)
{
	_cleanup_error_ struct nvb_error *error = NULL;
	const struct host_tree *tree = run->container->options.tree;
	struct arena *a = run->container->arena;
	struct string_list warnings = { 0 };
	int r;

	if (run->plan->host_changes.n)
		r = host_changes_make(&run->plan->host_changes, run->capsule.id, tree, a,
			&run->changes, &warnings, &error);
	else
		r = host_changes_recover(tree, false, a, &warnings, &error);
	log_all(&warnings);
	/* A user without a place for a journal has none to recover; who is busy does it for us. */
	if (r < 0 && (run->plan->host_changes.n || (r != NVB_ERR_NOT_FOUND && r != NVB_ERR_BUSY)))
		log_warning("change the machine for the container: %s", nvb_error_message(error));
}

static void restore_host(struct run *run)
{
	struct string_list warnings = { 0 };

	host_changes_undo(run->changes, run->container->arena, &warnings);
	log_all(&warnings);
}

int bolt_run(struct bolt_container *container, const struct plan *plan, int *ret_exit_code,
	struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *left = NULL;
	struct run run = {
		.container = container,
		.plan = plan,
		.capsule = BOLT_CAPSULE_INIT,
	};
	int r;

	keeper_block_signals();
	r = choose_means(&run, err);
	if (r < 0)
		return r;
	r = bolt_capsule_new(&container->state, container->options.name, &run.capsule, err);
	if (r < 0)
		return r;
	r = take_lease(&run, err);
	if (r >= 0) {
		change_host(&run);
		r = run_capsule(&run, ret_exit_code, err);
		restore_host(&run);
	}
	lease_release(run.lease);
	nvb_error_free(run.doubt);
	if (bolt_capsule_remove(&container->state, &run.capsule, &left) < 0)
		log_warning("%s; the next run removes it", nvb_error_message(left));
	return r;
}
