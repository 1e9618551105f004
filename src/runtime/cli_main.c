/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nvidia-container-cli: for enroot, LXC and Apptainer, which call it in the namespaces of a
 * container that they have made. One way to a plan, ours; no part of this program is another
 * user's, loads a kernel module or runs ldconfig, so options about these are accepted and say so
 * when debugged.
 *
 * Every failure exits with 1, as its callers know it.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "gpu/enrich.h"
#include "runtime/cli.h"
#include "runtime/personality.h"
#include "runtime/personality_log.h"

#define PROGRAM "nvidia-container-cli"

static int (*const functions[])(
	const struct cli_options *options, struct arena *a, struct nvb_error **err) = {
	[CLI_INFO] = cli_info,
	[CLI_LIST] = cli_list,
	[CLI_CONFIGURE] = cli_configure,
};

/* The command line counts more than the environment, and that more than the policy. */
int cli_read_policy(const struct cli_options *options, struct arena *a, struct runtime_policy *ret,
	struct nvb_error **err)
{
	int r = runtime_policy_read(a, ret, err);

	if (r < 0)
		return r;
	if (options->root)
		ret->host_root = options->root;
	/* Whoever runs this program may ask as he likes. */
	ret->container.accept_environment = POLICY_ALWAYS;
	return 0;
}

int cli_machine_read(const struct cli_options *options, struct arena *a, bool library,
	struct cli_machine *ret, struct nvb_error **err)
{
	struct runtime_policy policy = { 0 };
	int r = cli_read_policy(options, a, &policy, err);

	if (r >= 0)
		r = host_tree_open(policy.host_root, &ret->tree, err);
	if (r >= 0)
		r = inventory_discover(&ret->tree, &ret->inv, err);
	if (r >= 0 && library)
		r = inventory_ask_library_apart(ret->inv, err);
	if (r < 0)
		return r;
	vec_foreach (struct gpu_driver, driver, &ret->inv->drivers)
		if (driver->vendor == GPU_VENDOR_NVIDIA && driver->brings_user_space)
			ret->driver = driver;
	vec_foreach (const char *, warning, &ret->inv->warnings)
		log_debug("cli", "%s", *warning);
	return ret->driver ? 0
			   : NVB_HINT(err,
				     NVB_RAISE(err, NVB_ERR_DRIVER, 0,
					     "there is no NVIDIA driver on this machine"),
				     "'nvbind doctor' tells what is missing");
}

void cli_machine_done(struct cli_machine *machine)
{
	inventory_free(machine->inv);
	host_tree_done(&machine->tree);
}

static void note_accepted(const struct cli_options *options)
{
	const struct {
		bool given;
		const char *note;
	} notes[] = {
		{ options->load_kmods, "--load-kmods: no kernel module is loaded" },
		{ options->user, "--user: nothing here needs another user" },
		{ options->ldcache, "--ldcache: the driver's libraries are found without it" },
		{ options->ldconfig, "--ldconfig: no ldconfig is run, the loader needs none" },
		{ options->cuda_compat_mode || options->no_cntlibs,
			"--cuda-compat-mode, --no-cntlibs: nothing of the container is mounted" },
	};

	for (size_t i = 0; i < ELEMENTS(notes); i++)
		if (notes[i].given)
			log_debug("cli", "%s", notes[i].note);
}

static int run(int argc, char **argv, struct arena *a, struct nvb_error **err)
{
	struct cli_options options = { 0 };
	int r = cli_options_parse(argc, argv, a, &options, err);

	if (r < 0)
		return r;
	personality_log_open(PROGRAM, options.debug_path);
	if (options.help) {
		cli_options_print_help(options.command, stdout);
		return 0;
	}
	if (options.version) {
		(void)puts("cli-version: " NVBIND_VERSION " (nvbind)\n"
			   "lib-version: " NVBIND_VERSION " (nvbind)");
		return 0;
	}
	note_accepted(&options);
	return functions[options.command](&options, a, err);
}

int cli_main(int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_error_ struct nvb_error *err = NULL;
	errint_t e;
	int r;

	personality_log_open(PROGRAM, NULL);
	r = a ? run(argc, argv, a, &err) : NVB_OOM(&err);
	e = file_flush(stdout);
	if (e < 0 && r >= 0)
		r = NVB_RAISE(&err, NVB_ERR_IO, -e, "write to standard output");
	if (r >= 0)
		return EXIT_SUCCESS;
	personality_log_error(err);
	return EXIT_FAILURE;
}
