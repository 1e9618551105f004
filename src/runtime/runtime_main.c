/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI runtime: edits the configuration where a GPU is asked for, then becomes crun or runc. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "runtime/arguments.h"
#include "runtime/engine_log.h"
#include "runtime/inject.h"
#include "runtime/low_level.h"
#include "runtime/personality.h"

static const char help_text[] =
	"Usage: nvbind-runtime [GLOBAL OPTION...] COMMAND [OPTION...] [ARG...]\n"
	"\n"
	"An OCI runtime for container engines. Where 'create', 'run' or 'restore' makes a\n"
	"container that asks for GPUs, it adds them to the bundle's configuration. Then it\n"
	"becomes runc or crun with the same arguments: their commands and options are its own.\n"
	"\n"
	"  --version  the version, and that of the low-level runtime\n"
	"  --help     this text\n"
	"\n"
	"Environment:\n"
	"  NVBIND_OCI_RUNTIME     name or path of the low-level runtime\n"
	"  NVBIND_RUNTIME_CONFIG  path of the policy, in place of " RUNTIME_POLICY_PATH "\n"
	"  NVBIND_HOST_ROOT       the machine whose GPUs are given, in place of '/'\n"
	"\n"
	"See nvbind-runtime(8).\n";

static int print(const char *text, struct nvb_error **err)
{
	errint_t e;

	(void)fputs(text, stdout);
	e = file_flush(stdout);
	return e < 0 ? NVB_RAISE(err, NVB_ERR_IO, -e, "write to standard output") : 0;
}

/*
 * A container that runs must be managed even where the policy is broken meanwhile: only what makes
 * a container insists on it.
 */
static int read_policy(const struct runtime_arguments *arguments, struct arena *a,
	struct runtime_policy *ret, struct nvb_error **err)
{
	_cleanup_error_ struct nvb_error *problem = NULL;

	if (runtime_arguments_make_container(arguments))
		return runtime_policy_read(a, ret, err);
	if (runtime_policy_read(a, ret, &problem) >= 0)
		return 0;
	log_warning("%s: the default runtimes are used", nvb_error_message(problem));
	*ret = runtime_policy_default();
	return 0;
}

static int choose_low_level(const struct runtime_policy *policy, struct arena *a, char **ret_path,
	struct nvb_error **err)
{
	const char *named = secure_getenv(LOW_LEVEL_VARIABLE);
	struct string_list names = { 0 };

	if (!named || !named[0])
		return low_level_find(&policy->low_level_runtimes, ret_path, err);
	if (string_list_add(a, &names, named) < 0)
		return NVB_OOM(err);
	return low_level_find(&names, ret_path, err);
}

static int prepare_container(const struct runtime_arguments *arguments,
	const struct runtime_policy *policy, struct bundle *bundle, struct nvb_error **err)
{
	int r = bundle_read(
		arguments->bundle ? arguments->bundle : ".", arguments->config, bundle, err);

	if (r < 0 ||
		!container_request_is_possible(bundle->text, bundle->length, &policy->container))
		return r;
	r = bundle_parse(bundle, err);
	return r < 0 ? r : inject(bundle, policy, arguments, err);
}

/* Returns only if it fails. */
static int run(const struct runtime_arguments *arguments, char **argv, struct arena *a,
	struct nvb_error **err)
{
	/* Never closed: exec() and exit() free thousands of values at once. */
	static struct bundle bundle = BUNDLE_INIT;
	_cleanup_free_ char *low_level = NULL;
	struct runtime_policy policy = { 0 };
	int r;

	r = read_policy(arguments, a, &policy, err);
	if (r < 0)
		return r;
	engine_log_open(arguments, &policy);
	r = choose_low_level(&policy, a, &low_level, err);
	if (r >= 0 && runtime_arguments_make_container(arguments))
		r = prepare_container(arguments, &policy, &bundle, err);
	return r < 0 ? r : low_level_exec(low_level, argv, err);
}

int runtime_main(int argc, char **argv)
{
	/* The log reads the policy until the end. */
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	struct runtime_arguments arguments;
	int r = 0;

	runtime_arguments_scan(argc, argv, &arguments);
	engine_log_open(&arguments, NULL);
	if (!arguments.command && arguments.help)
		r = print(help_text, &err);
	/* The low-level runtime says the rest: engines read its version. */
	else if (!arguments.command && arguments.version)
		r = print("nvbind-runtime " NVBIND_VERSION "\n", &err);
	if (r >= 0 && !arguments.command && arguments.help)
		return 0;
	if (r >= 0)
		(void)(arena ? run(&arguments, argv, arena, &err) : NVB_OOM(&err));
	engine_log_error(err);
	return 1;
}
