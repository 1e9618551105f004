/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One path per line, as the driver's own system sees it: device nodes, programs, libraries, 32-bit
 * libraries, sockets, firmware. Charliecloud and scripts read it.
 */
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "request/request.h"
#include "runtime/cli.h"

#define NODE_PREFIX "/dev/nvidia"

/* Without a category, all of them. */
static void choose_categories(struct cli_options *options, struct string_list *all)
{
	bool plain = !options->any ||
		     (options->imex_channels.n && !options->devices.n && !options->libraries &&
			     !options->binaries && !options->ipcs && !options->firmwares);

	if (!plain)
		return;
	options->devices = *all;
	options->mig_config = options->mig_monitor = (struct string_list){ 0 };
	options->compat32 = options->libraries = options->binaries = true;
	options->ipcs = options->firmwares = true;
}

static int resolve(const struct cli_options *options, const struct cli_machine *machine,
	struct arena *a, struct request *ret, struct nvb_error **err)
{
	struct runtime_policy policy = { .container = container_policy_default };
	struct container_request request = { 0 };
	int r = cli_make_request(options, &policy, a, &request, err);

	if (r < 0)
		return r;
	*ret = (struct request){
		.capabilities = CAPABILITY_ALL,
		.driver_only = request.driver_only,
		.companions = request.companions,
		.mig_config = request.mig_config,
		.mig_monitor = request.mig_monitor,
		.gpus = { .none = true },
	};
	if (!request.selectors.n)
		return 0;
	ret->gpus.none = false;
	return selector_resolve(&request.selectors, machine->inv, a, &ret->gpus, err);
}

static int list_nodes(const struct cli_options *options, struct cli_machine *machine,
	struct arena *a, struct nvb_error **err)
{
	const struct discover_trees trees = { .machine = &machine->tree };
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct request request;
	int r = 0;

	if (options->imex_channels.n)
		r = inventory_find_companions(machine->inv, &trees, err);
	if (r >= 0 && (options->mig_config.n || options->mig_monitor.n))
		r = inventory_find_mig_control(machine->inv, &trees, err);
	if (r >= 0)
		r = resolve(options, machine, a, &request, err);
	if (r >= 0)
		r = plan_make_nodes(machine->inv, &request, &plan, err);
	if (r < 0)
		return r;
	vec_foreach (struct plan_node, node, &plan->nodes)
		if (strncmp(node->path, NODE_PREFIX, strlen(NODE_PREFIX)) == 0)
			(void)puts(node->path);
	return 0;
}

/* elf_class: of libraries; 0 for all else. */
static void list_files(const struct cli_options *options, const struct gpu_driver *driver,
	enum driver_file_kind kind, int elf_class)
{
	size_t prefix = strlen(driver->files_prefix);

	vec_foreach (struct driver_file, file, &driver->files) {
		if (file->kind != kind || (elf_class && file->elf_class != elf_class))
			continue;
		/* Wine's DLLs are no libraries of this system. */
		if (kind == DRIVER_FILE_LIBRARY && !strstr(file->target, ".so"))
			continue;
		if (!cli_options_leave_out(options, file->host_path))
			(void)puts(file->host_path + prefix);
	}
}

int cli_list(const struct cli_options *given, struct arena *a, struct nvb_error **err)
{
	_cleanup_(cli_machine_done) struct cli_machine machine = CLI_MACHINE_INIT;
	static const char *everything[] = { "all" };
	struct string_list all = { .items = everything, .n = 1 };
	struct cli_options options = *given;
	bool library = false;
	int r;

	choose_categories(&options, &all);
	vec_foreach (const char *, device, &options.devices)
		library |= strstr(*device, "MIG-") || strstr(*device, "mig-");
	r = cli_machine_read(&options, a, library, &machine, err);
	if (r >= 0 && (options.devices.n || options.imex_channels.n || options.mig_config.n ||
			      options.mig_monitor.n))
		r = list_nodes(&options, &machine, a, err);
	if (r < 0)
		return r;
	if (options.binaries)
		list_files(&options, machine.driver, DRIVER_FILE_PROGRAM, 0);
	if (options.libraries)
		list_files(&options, machine.driver, DRIVER_FILE_LIBRARY, 64);
	if (options.libraries && options.compat32)
		list_files(&options, machine.driver, DRIVER_FILE_LIBRARY, 32);
	if (options.ipcs)
		list_files(&options, machine.driver, DRIVER_FILE_SOCKET, 0);
	if (options.firmwares)
		list_files(&options, machine.driver, DRIVER_FILE_FIRMWARE, 0);
	return 0;
}
