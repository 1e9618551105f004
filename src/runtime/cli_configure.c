/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "engine/attach/attach.h"
#include "runtime/cli.h"
#include "runtime/gpu_plan.h"
#include "runtime/left_out.h"

#define VARIABLE_LIMIT_BYTES ((size_t)1 << 20)

static int add_variable(struct arena *a, struct string_list *env, const char *name,
	const struct string_list *values, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(VARIABLE_LIMIT_BYTES);

	if (!values->n)
		return 0;
	vec_foreach (const char *, value, values)
		strbuf_printf(&text, "%s%s", value == values->items ? "" : ",", *value);
	return strbuf_failed(&text) ||
			       string_list_printf(a, env, "%s=%s", name, strbuf_str(&text)) < 0
		       ? NVB_OOM(err)
		       : 0;
}

/* Callers that name no capability want the least: it is what they name by default. */
static int add_capabilities(const struct cli_options *options, struct arena *a,
	struct string_list *env, struct nvb_error **err)
{
	_cleanup_(strbuf_done) struct strbuf text = STRBUF_INIT(VARIABLE_LIMIT_BYTES);
	capability_set set = cli_options_capabilities(options);

	capability_format(set ? set : CAPABILITY_UTILITY, &text);
	return string_list_printf(a, env, "NVIDIA_DRIVER_CAPABILITIES=%s", strbuf_str(&text)) < 0
		       ? NVB_OOM(err)
		       : 0;
}

/* The options are the toolkit's own words for its variables: one reader for both. */
static int make_environment(const struct cli_options *options, struct arena *a,
	struct string_list *env, struct nvb_error **err)
{
	static const char *nothing[] = { "none" };
	const struct string_list none = { .items = nothing, .n = 1 };
	int r = add_variable(a, env, "NVIDIA_VISIBLE_DEVICES",
		options->devices.n ? &options->devices : &none, err);

	if (r >= 0)
		r = add_variable(a, env, "NVIDIA_MIG_CONFIG_DEVICES", &options->mig_config, err);
	if (r >= 0)
		r = add_variable(a, env, "NVIDIA_MIG_MONITOR_DEVICES", &options->mig_monitor, err);
	if (r >= 0)
		r = add_variable(a, env, "NVIDIA_IMEX_CHANNELS", &options->imex_channels, err);
	for (size_t i = 0; r >= 0 && i < options->requirements.n; i++)
		if (string_list_printf(
			    a, env, "NVIDIA_REQUIRE_%zu=%s", i, options->requirements.items[i]) < 0)
			r = NVB_OOM(err);
	return r < 0 ? r : add_capabilities(options, a, env, err);
}

int cli_make_request(const struct cli_options *options, const struct runtime_policy *policy,
	struct arena *a, struct container_request *ret, struct nvb_error **err)
{
	const struct container_pair_list none = { 0 };
	struct string_list env = { 0 };
	/* The caller decides what a container may have; the policy is about images. */
	struct container_facts facts = {
		.env = &env, .annotations = &none, .mounts = &none, .privileged = true
	};
	int r = make_environment(options, a, &env, err);

	if (r >= 0)
		r = container_request_make(&facts, &policy->container, a, ret, err);
	if (r < 0)
		return NVB_CONTEXT(err, r, "understand the options");
	vec_foreach (const char *, warning, &ret->warnings)
		log_warning("%s", *warning);
	return 0;
}

/* Takes out of the plan what options leave out. */
static void leave_out(const struct cli_options *options, struct plan *plan)
{
	size_t kept = 0;

	vec_foreach (struct plan_mount, mount, &plan->mounts)
		if (!cli_options_leave_out(options, mount->destination))
			plan->mounts.items[kept++] = *mount;
	plan->mounts.n = kept;
}

int cli_configure(const struct cli_options *options, struct arena *a, struct nvb_error **err)
{
	_cleanup_(gpu_plan_done) struct gpu_plan gpu_plan = GPU_PLAN_INIT;
	_cleanup_close_ int root_fd = -1;
	struct container_request request = { 0 };
	struct runtime_policy policy = { 0 };
	struct attach_target target = { .pid = options->pid,
		.nodes = !options->no_devbind,
		.device_cgroup = !options->no_cgroups };
	int r = cli_read_policy(options, a, &policy, err);

	if (r >= 0)
		r = cli_make_request(options, &policy, a, &request, err);
	if (r < 0 || request.source == CONTAINER_SOURCE_NONE)
		return r;
	r = attach_open_root(options->pid, options->rootfs, &root_fd, err);
	if (r >= 0)
		r = gpu_plan_make(&request, &policy, root_fd, &gpu_plan, err);
	if (r >= 0)
		r = plan_links_to_mounts(gpu_plan.plan, err);
	if (r < 0)
		return r;
	vec_foreach (const char *, warning, &gpu_plan.plan->warnings)
		log_warning("%s", *warning);
	leave_out(options, gpu_plan.plan);
	left_out_warn(gpu_plan.plan, NULL);
	target.root_fd = root_fd;
	return attach_plan(&target, gpu_plan.plan, err);
}
