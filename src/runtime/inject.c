/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/inject.h"

#include <string.h>

#include "base/log.h"
#include "base/user_namespace.h"
#include "oci/edit.h"
#include "runtime/dev_char.h"
#include "runtime/facts_request.h"
#include "runtime/gpu_lease.h"
#include "runtime/gpu_plan.h"
#include "runtime/predecessor.h"
#include "runtime/rootfs_links.h"

#define VISIBLE_DEVICES	    "NVIDIA_VISIBLE_DEVICES"
#define DRIVER_CAPABILITIES "NVIDIA_DRIVER_CAPABILITIES"
/* Of the kernel: what stands for an id that a user namespace does not know. */
#define OVERFLOW_ID 65534

/* One container on its way. */
struct injection {
	struct arena *arena;
	const struct bundle *bundle;
	const struct runtime_policy *policy;
	int root_fd;
	struct oci_facts facts;
	struct container_request request;
	struct gpu_plan made;
	struct string_list warnings;
};

static void injection_done(struct injection *in)
{
	gpu_plan_done(&in->made);
	closep(&in->root_fd);
	arena_free(in->arena);
}

/* Returns 0 if the machine has nothing of what the container would take. */
static int make_plan(struct injection *in, struct nvb_error **err)
{
	if (!in->facts.root_path)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0, "read '%s/%s': 'root.path' is missing",
			in->bundle->path, in->bundle->config_name);
	in->root_fd = bundle_open_root(in->bundle, in->facts.root_path, err);
	if (in->root_fd < 0)
		return in->root_fd;
	return gpu_plan_make(&in->request, in->policy, in->root_fd, &in->made, err);
}

/* Environment. */

static size_t name_length(const char *assignment)
{
	return strcspn(assignment, "=");
}

static bool has_name(const char *assignment, const char *name, size_t length)
{
	return strncmp(assignment, name, length) == 0 && assignment[length] == '=';
}

/* The container's own value of a variable of the plan: the last counts. NULL: it has none. */
static const char *own_variable(const struct injection *in, const char *assignment)
{
	const char *found = NULL;

	vec_foreach (const char *, own, &in->facts.env)
		if (has_name(*own, assignment, name_length(assignment)))
			found = *own;
	return found;
}

static bool is_swarm_resource(const struct injection *in, const char *assignment)
{
	vec_foreach (const char *, name, &in->policy->container.swarm_resources)
		if (has_name(assignment, *name, strlen(*name)))
			return true;
	return false;
}

/* True if the container's own variable names the very GPUs that it gets. */
static bool visible_devices_is_the_request(const struct injection *in)
{
	if (in->request.source != CONTAINER_SOURCE_VENDORS)
		return false;
	vec_foreach (const char *, own, &in->facts.env)
		if (is_swarm_resource(in, *own))
			return false;
	return true;
}

/*
 * What the container has stays: its programs, and others that look at it, were told so. But where
 * the GPUs come from elsewhere, NVIDIA_VISIBLE_DEVICES would tell what is not true.
 */
static bool keeps_own(const struct injection *in, const char *assignment)
{
	if (has_name(assignment, VISIBLE_DEVICES, strlen(VISIBLE_DEVICES)))
		return visible_devices_is_the_request(in);
	return true;
}

/* What images set themselves, by design. */
static bool is_request_variable(const char *assignment)
{
	return has_name(assignment, VISIBLE_DEVICES, strlen(VISIBLE_DEVICES)) ||
	       has_name(assignment, DRIVER_CAPABILITIES, strlen(DRIVER_CAPABILITIES));
}

/* Leaves those variables in the plan that go into the container. */
static int choose_environment(struct injection *in, struct nvb_error **err)
{
	struct string_list *env = &in->made.plan->env;
	size_t kept = 0;

	for (size_t i = 0; i < env->n; i++) {
		const char *line = env->items[i], *own = own_variable(in, line);

		if (!own || !keeps_own(in, line)) {
			env->items[kept++] = line;
			continue;
		}
		if (strcmp(own, line) == 0 || is_request_variable(line))
			continue;
		if (string_list_printf(in->arena, &in->warnings,
			    "the container's '%s' stays, in place of '%s', which its GPUs need",
			    own, line) < 0)
			return NVB_OOM(err);
	}
	env->n = kept;
	return 0;
}

/* User namespaces. */

/* Rootless engines start their runtime inside of one. */
static bool in_user_namespace(const struct injection *in)
{
	return in->facts.user_namespace || !user_namespace_is_initial();
}

/* The container's number of a group of ours. */
static bool map_gid(const struct injection *in, uint32_t gid, uint32_t *ret)
{
	vec_foreach (const struct oci_id_map, map, &in->facts.gid_maps)
		if (gid >= map->outside && gid - map->outside < map->count) {
			*ret = map->inside + (gid - map->outside);
			return true;
		}
	return false;
}

/*
 * A group that the namespace does not have cannot be joined: the runtime would refuse to start
 * the container. What its processes may open is then for the node's mode and the caller's groups.
 */
static int choose_gids(struct injection *in, struct nvb_error **err)
{
	struct gid_list *gids = &in->made.plan->additional_gids;
	size_t kept = 0;

	for (size_t i = 0; i < gids->n; i++) {
		uint32_t gid = gids->items[i], inside = gid;
		bool known = gid != OVERFLOW_ID &&
			     (!in->facts.user_namespace || map_gid(in, gid, &inside));

		if (known)
			gids->items[kept++] = inside;
		else if (string_list_printf(in->arena, &in->warnings,
				 "group %u of a device node is not in the container's user "
				 "namespace: its processes may not be able to open it",
				 (unsigned)gid) < 0)
			return NVB_OOM(err);
	}
	gids->n = kept;
	return 0;
}

static bool make_link(void *user, const struct plan_link *link)
{
	return rootfs_links_make(user, link);
}

static int edit_config(struct injection *in, struct nvb_error **err)
{
	_cleanup_(rootfs_links_done) struct rootfs_links links;
	const struct oci_edit_options options = {
		.keep_own = true,
		.root_fd = in->root_fd,
		.bundle_fd = in->bundle->fd,
		.make_link = make_link,
		.link_user = &links,
		.user_namespace = in_user_namespace(in),
		.arena = in->arena,
		.warnings = &in->warnings,
	};
	int r;

	rootfs_links_open(in->root_fd, &links);
	r = choose_environment(in, err);
	if (r >= 0 && options.user_namespace)
		r = choose_gids(in, err);
	if (r >= 0)
		r = oci_edit_plan_with(in->bundle->config, in->made.plan, &options, err);
	if (r >= 0)
		(void)predecessor_remove_hooks(in->bundle->config);
	return r < 0 ? r : 1;
}

static void log_warnings(const struct string_list *warnings)
{
	vec_foreach (const char *, warning, warnings)
		log_warning("%s", *warning);
}

/* Only the machine's own systemd guards containers, and only where root made them. */
static void link_device_numbers(
	const struct injection *in, const struct runtime_arguments *arguments)
{
	if (runtime_arguments_use_systemd(arguments) && geteuid() == 0 &&
		host_tree_is_live(&in->made.tree) && user_namespace_is_initial())
		dev_char_link_nodes(in->made.plan);
}

int inject(const struct bundle *bundle, const struct runtime_policy *policy,
	const struct runtime_arguments *arguments, struct nvb_error **err)
{
	_cleanup_(injection_done) struct injection in = {
		.arena = arena_new(),
		.bundle = bundle,
		.policy = policy,
		.root_fd = -1,
		.made = GPU_PLAN_INIT,
	};
	const struct gpu_lease lease = {
		.made = &in.made,
		.facts = &in.facts,
		.bundle = bundle,
		.arguments = arguments,
		.accept_exclusive = policy->container.accept_exclusive,
	};
	int r;

	if (!in.arena)
		return NVB_OOM(err);
	r = oci_facts_read(bundle->config, in.arena, &in.facts, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read '%s/%s'", bundle->path, bundle->config_name);
	r = facts_request_make(&in.facts, &policy->container, in.arena, &in.request, err);
	if (r < 0)
		return r;
	log_warnings(&in.request.warnings);
	if (in.request.source == CONTAINER_SOURCE_NONE)
		return predecessor_is_present(bundle->config)
			       ? facts_request_raise_refused(&in.request, err)
			       : 0;
	r = make_plan(&in, err);
	if (r <= 0)
		return r;
	log_warnings(&in.made.plan->warnings);
	/* First: who is refused leaves nothing in the container's root. */
	r = gpu_lease_take(&lease, in.arena, err);
	if (r >= 0)
		r = edit_config(&in, err);
	if (r < 0)
		return r;
	log_warnings(&in.warnings);
	link_device_numbers(&in, arguments);
	r = bundle_replace(bundle, err);
	return r < 0 ? r : 1;
}
