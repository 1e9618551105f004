/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvidia-container-runtime-hook: what dockerd adds to a container for `--gpus`, and hook
 * directories for Podman. It runs as prestart or createRuntime: in the runtime's namespaces, after
 * the container's mounts and before its pivot_root.
 *
 * Its environment is the runtime's then, and so root's: NVBIND_HOST_ROOT, NVBIND_RUNTIME_CONFIG,
 * NVBIND_NO_CACHE and NVBIND_DEBUG are taken from it. All else is dropped. It must not be
 * configured as createContainer: there runtimes pass on the image's environment.
 *
 * Source: NVIDIA Container Toolkit 1.20, cmd/nvidia-container-runtime-hook; moby,
 * daemon/nvidia_linux.go.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/spawn.h"
#include "engine/attach/attach.h"
#include "format/json.h"
#include "runtime/bundle.h"
#include "runtime/facts_request.h"
#include "runtime/gpu_plan.h"
#include "runtime/hook_state.h"
#include "runtime/left_out.h"
#include "runtime/personality.h"
#include "runtime/personality_log.h"

#define PROGRAM	   "nvidia-container-runtime-hook"
#define EXIT_USAGE 2
#define CONFIG	   "config.json"

struct arguments {
	bool debug, version, help;
	const char *config; /* NULL: not given */
	const char *command;
};

/* One container on its way. */
struct attachment {
	struct arena *arena;
	struct hook_state state;
	struct bundle bundle;
	struct oci_facts facts;
	struct runtime_policy policy;
	struct container_request request;
	struct gpu_plan made;
};

static void attachment_done(struct attachment *at)
{
	gpu_plan_done(&at->made);
	bundle_done(&at->bundle);
	arena_free(at->arena);
}

static void keep_environment(void)
{
	static const char *const names[] = { "NVBIND_HOST_ROOT", "NVBIND_RUNTIME_CONFIG",
		"NVBIND_NO_CACHE", "NVBIND_DEBUG" };
	char *values[ELEMENTS(names)];

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const char *value = secure_getenv(names[i]);

		values[i] = value ? strdup(value) : NULL;
	}
	(void)clearenv();
	(void)setenv("PATH", SPAWN_SYSTEM_PATH, 1);
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		if (values[i])
			(void)setenv(names[i], values[i], 1);
		free(values[i]);
	}
}

static int read_container(struct attachment *at, struct nvb_error **err)
{
	int r = hook_state_read(STDIN_FILENO, at->arena, &at->state, err);

	if (r >= 0)
		r = bundle_open(at->state.bundle, CONFIG, &at->bundle, err);
	if (r >= 0)
		r = oci_facts_read(at->bundle.config, at->arena, &at->facts, err);
	if (r >= 0)
		r = runtime_policy_read(at->arena, &at->policy, err);
	return r < 0 ? r
		     : facts_request_make(
			       &at->facts, &at->policy.container, at->arena, &at->request, err);
}

static int open_root(const struct attachment *at, int *ret_root_fd, struct nvb_error **err)
{
	const char *path = at->facts.root_path;

	if (!path || !*path)
		return NVB_RAISE(err, NVB_ERR_FORMAT, 0,
			"read '%s/" CONFIG "': 'root.path' is missing", at->state.bundle);
	if (path[0] != '/')
		path = arena_printf(at->arena, "%s/%s", at->state.bundle, path);
	return path ? attach_open_root(at->state.pid, path, ret_root_fd, err) : NVB_OOM(err);
}

/* True if linux.devices of the configuration has the node. */
static bool config_has_node(struct json_object *config, const struct plan_node *node)
{
	struct json_object *linux_object = NULL, *devices = NULL, *path = NULL;

	if (!json_object_object_get_ex(config, "linux", &linux_object) ||
		!json_object_object_get_ex(linux_object, "devices", &devices) ||
		!json_object_is_type(devices, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		if (json_object_object_get_ex(device, "path", &path) &&
			json_object_is_type(path, json_type_string) &&
			strcmp(json_object_get_string(path), node->path) == 0)
			return true;
	}
	return false;
}

static bool config_has_mount(const struct attachment *at, const struct plan_mount *mount)
{
	vec_foreach (struct oci_pair, pair, &at->facts.mounts)
		if (strcmp(pair->key, mount->destination) == 0 &&
			strcmp(pair->value, mount->source) == 0)
			return true;
	return false;
}

/*
 * A runtime of ours, or an engine with a CDI specification, was here before: all the nodes are in
 * the configuration, and some driver file. A privileged container has the nodes alone.
 */
static bool is_done_already(const struct attachment *at)
{
	const struct plan *plan = at->made.plan;

	vec_foreach (struct plan_node, node, &plan->nodes)
		if (!config_has_node(at->bundle.config, node))
			return false;
	vec_foreach (struct plan_mount, mount, &plan->mounts)
		if (config_has_mount(at, mount))
			return true;
	return !plan->mounts.n;
}

static void log_warnings(const struct string_list *warnings)
{
	vec_foreach (const char *, warning, warnings)
		log_warning("%s", *warning);
}

static int attach(struct attachment *at, struct nvb_error **err)
{
	_cleanup_close_ int root_fd = -1;
	struct attach_target target = { .nodes = true, .device_cgroup = true };
	int r = read_container(at, err);

	if (r < 0)
		return r;
	log_warnings(&at->request.warnings);
	if (at->request.source == CONTAINER_SOURCE_NONE) {
		log_debug("hook", "the container asks for no GPU");
		return facts_request_raise_refused(&at->request, err);
	}
	r = open_root(at, &root_fd, err);
	if (r >= 0)
		r = gpu_plan_make(&at->request, &at->policy, root_fd, &at->made, err);
	if (r >= 0)
		r = plan_links_to_mounts(at->made.plan, err);
	if (r < 0)
		return r;
	log_warnings(&at->made.plan->warnings);
	if (is_done_already(at)) {
		log_debug("hook", "the container has its GPUs already");
		return 0;
	}
	left_out_warn(at->made.plan, &at->facts.env);
	target.pid = at->state.pid;
	target.root_fd = root_fd;
	return attach_plan(&target, at->made.plan, err);
}

/* Go's flags: one dash or two, and a value behind '=' or in the next word. */
static int parse(int argc, char **argv, struct arguments *ret)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *flag = argv[i] + (argv[i][1] == '-' ? 2 : 1);

		if (strcmp(flag, "debug") == 0)
			ret->debug = true;
		else if (strcmp(flag, "version") == 0)
			ret->version = true;
		else if (strcmp(flag, "help") == 0 || strcmp(flag, "h") == 0)
			ret->help = true;
		else if (strncmp(flag, "config=", 7) == 0)
			ret->config = flag + 7;
		else if (strcmp(flag, "config") == 0 && i + 1 < argc)
			ret->config = argv[++i];
		else
			return -1;
	}
	ret->command = i < argc ? argv[i] : NULL;
	return 0;
}

static void print_usage(FILE *out)
{
	fputs("Usage: " PROGRAM " [-debug] [-version] [-config FILE] COMMAND <STATE\n\n"
	      "Commands:\n"
	      "  prestart, createRuntime   give the container the GPUs that it asks for\n"
	      "  poststart, poststop       nothing\n\n"
	      "-config is accepted and not read: see nvbind-runtime(8).\n",
		out);
}

static int run(struct nvb_error **err)
{
	_cleanup_(attachment_done) struct attachment at = {
		.arena = arena_new(),
		.bundle = BUNDLE_INIT,
		.made = GPU_PLAN_INIT,
	};

	return at.arena ? attach(&at, err) : NVB_OOM(err);
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

int hook_main(int argc, char **argv)
{
	static const char *const working[] = { "prestart", "createRuntime" };
	static const char *const idle[] = { "poststart", "poststop" };
	_cleanup_error_ struct nvb_error *err = NULL;
	struct arguments arguments = { 0 };
	bool understood = parse(argc, argv, &arguments) == 0;

	keep_environment();
	personality_log_open(PROGRAM, NULL);
	if (understood && (arguments.help || arguments.version)) {
		if (arguments.help)
			print_usage(stdout);
		else
			(void)puts("NVIDIA Container Runtime Hook, by nvbind " NVBIND_VERSION);
		return file_flush(stdout) < 0;
	}
	if (arguments.debug)
		log_set_debug("all");
	if (arguments.config)
		log_debug("hook", "-config '%s' is not read", arguments.config);
	if (understood && arguments.command && is_one_of(arguments.command, idle, ELEMENTS(idle)))
		return 0;
	if (!understood || !arguments.command ||
		!is_one_of(arguments.command, working, ELEMENTS(working))) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (run(&err) >= 0)
		return 0;
	personality_log_error(err);
	return 1;
}
