/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gpu_lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/user_namespace.h"
#include "format/json.h"
#include "lease/lease_plan.h"

#define SLICE ".slice"

/* Isolation. */

static const char *isolation_word(const struct oci_facts *facts)
{
	const size_t length = strlen(GPU_LEASE_VARIABLE);
	const char *word = NULL;

	vec_foreach (const char *, own, &facts->env)
		if (strncmp(*own, GPU_LEASE_VARIABLE, length) == 0 && (*own)[length] == '=')
			word = *own + length + 1;
	return word && word[0] ? word : NULL;
}

static bool is_trusted(const struct gpu_lease *lease)
{
	return lease->accept_exclusive == POLICY_ALWAYS ||
	       (lease->accept_exclusive == POLICY_PRIVILEGED && lease->facts->privileged);
}

/* Who asked to be alone must not find himself beside others: the container does not start. */
static int refuse_word(const char *word, struct nvb_error **err)
{
	return NVB_HINT(err,
		NVB_RAISE(err, NVB_ERR_PERMISSION, 0,
			"isolate the GPUs as '%s': the policy does not let this container ask for "
			"it",
			word),
		"let 'accept_exclusive' be \"always\" in the policy, or set " GPU_LEASE_VARIABLE
		" to 'shared': see nvbind-runtime(8)");
}

static int read_isolation(
	const struct gpu_lease *lease, enum isolation_mode *ret, struct nvb_error **err)
{
	const char *word = isolation_word(lease->facts);
	int value = ISOLATION_SHARED, r = 0;

	if (word)
		r = vocabulary_parse(&vocabulary_isolation, word, &value, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "read '" GPU_LEASE_VARIABLE "'");
	if (value == ISOLATION_VIRTUAL)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"isolate the GPUs as 'virtual': nothing here keeps the container "
				"within limits"),
			"set " GPU_LEASE_VARIABLE " to 'shared' or 'exclusive'");
	if (value != ISOLATION_SHARED && !is_trusted(lease))
		return refuse_word(word, err);
	*ret = (enum isolation_mode)value;
	return 0;
}

/* Control groups. */

/* "a-b.slice" is below "a.slice". */
static const char *expand_slice(const char *slice, struct arena *a)
{
	const size_t length = strlen(slice) - strlen(SLICE);
	const char *path = "";

	for (size_t i = 1; path && i <= length; i++)
		if (i == length || slice[i] == '-')
			path = arena_printf(a, "%s/%.*s" SLICE, path, (int)i, slice);
	return path;
}

static bool is_slice(const char *name)
{
	const size_t length = strlen(name);

	return length > strlen(SLICE) && strcmp(name + length - strlen(SLICE), SLICE) == 0 &&
	       name[0] != '-' && !strchr(name, '/');
}

/* "SLICE:PREFIX:NAME". A user's own systemd has its slices below another one's. */
static const char *systemd_cgroup(const char *path, struct arena *a)
{
	const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	const char *slice, *unit;

	if (!second || !second[1])
		return NULL;
	unit = second == first + 1 ? arena_printf(a, "%s.scope", second + 1)
				   : arena_printf(a, "%.*s-%s.scope", (int)(second - first - 1),
					     first + 1, second + 1);
	slice = arena_strndup(a, path, (size_t)(first - path));
	if (!unit || !slice || !is_slice(slice) || geteuid() != 0)
		return unit;
	slice = expand_slice(slice, a);
	return slice ? arena_printf(a, "%s/%s", slice, unit) : NULL;
}

const char *gpu_lease_cgroup(const char *path, bool by_systemd, struct arena *a)
{
	if (!path || !path[0])
		return NULL;
	if (by_systemd)
		return systemd_cgroup(path, a);
	/* A relative one is below a place of the low-level runtime's choice. */
	if (path[0] != '/' || !path[1] || !path_is_normal(path))
		return path_base_name(path)[0] ? path_base_name(path) : NULL;
	return path;
}

static const char *read_cgroups_path(struct json_object *config)
{
	struct json_at root, linux_part;
	const char *path = NULL;

	if (json_root(config, json_type_object, &root, NULL) < 0 ||
		json_member(&root, "linux", json_type_object, &linux_part, NULL) <= 0 ||
		json_get_string(&linux_part, "cgroupsPath", &path, NULL) <= 0)
		return NULL;
	return path;
}

/* Who the holder is. */

static const char *absolute(const char *path, struct arena *a)
{
	_cleanup_free_ char *here = NULL;

	if (!path || path[0] == '/')
		return path;
	here = get_current_dir_name();
	return here ? arena_printf(a, "%s/%s", here, path) : NULL;
}

/*
 * For people only.
 * Source: where each engine keeps its bundles: containerd, runtime/v2; Docker's namespace there is
 * "moby".
 */
static const char *name_engine(const struct oci_facts *facts, const char *bundle_path)
{
	if (facts->podman)
		return "podman";
	if (strstr(bundle_path, "/io.containerd.runtime.v2.task/moby/"))
		return "docker";
	return strstr(bundle_path, "/io.containerd.") ? "containerd" : "oci";
}

/*
 * Where a group is certain to be made: not for a user, whose runtime does without one that it may
 * not make. Source: crun(1), --cgroup-manager.
 */
static bool has_cgroup(const struct gpu_lease *lease, const char *cgroup)
{
	const char *manager = lease->arguments->cgroup_manager;

	return cgroup && cgroup[0] == '/' && !(manager && strcmp(manager, "disabled") == 0) &&
	       geteuid() == 0 && user_namespace_is_initial();
}

/* Without a witness that lasts, nobody would know of the container when this process has ended. */
static int check_witness(
	const struct gpu_lease *lease, const struct lease_plan *request, struct nvb_error **err)
{
	if (!request->plan->gpus.n || request->pid_file || has_cgroup(lease, request->cgroup))
		return 0;
	if (request->plan->isolation != ISOLATION_SHARED)
		return NVB_HINT(err,
			NVB_RAISE(err, NVB_ERR_UNSUPPORTED, 0,
				"take the GPUs as exclusive: neither a pid-file nor a control "
				"group "
				"will tell whether container '%s' lives",
				request->holder),
			"give --pid-file, or set linux.cgroupsPath in config.json");
	/* "run" stays as long as the container does. */
	if (strcmp(lease->arguments->command, "run") != 0)
		log_warning(
			"container '%s' has neither a pid-file nor a control group: nobody will "
			"know that it uses its GPUs; give --pid-file",
			request->holder);
	return 0;
}

int gpu_lease_take(const struct gpu_lease *lease, struct arena *a, struct nvb_error **err)
{
	const struct runtime_arguments *arguments = lease->arguments;
	const struct bundle *bundle = lease->bundle;
	const char *pid_file = absolute(arguments->pid_file, a);
	const char *id = arguments->id ? arguments->id : path_base_name(bundle->path);
	const struct lease_plan request = {
		.plan = lease->made->plan,
		.tree = &lease->made->tree,
		.holder = id,
		.engine = name_engine(lease->facts, bundle->path),
		.pid_file = pid_file,
		.cgroup = gpu_lease_cgroup(read_cgroups_path(bundle->config),
			runtime_arguments_use_systemd(arguments), a),
	};
	int r = read_isolation(lease, &lease->made->plan->isolation, err);

	if (r >= 0 && arguments->pid_file && !pid_file)
		return NVB_OOM(err);
	if (r >= 0)
		r = check_witness(lease, &request, err);
	return r < 0 ? r : lease_plan_take(&request, NULL, err);
}
