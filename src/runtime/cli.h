/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of nvidia-container-cli, and what they share. */
#pragma once

#include "gpu/discover.h"
#include "request/container_request.h"
#include "request/runtime_policy.h"
#include "runtime/cli_options.h"

int cli_configure(const struct cli_options *options, struct arena *a, struct nvb_error **err);
int cli_list(const struct cli_options *options, struct arena *a, struct nvb_error **err);
int cli_info(const struct cli_options *options, struct arena *a, struct nvb_error **err);

/* The machine's policy, with the driver's root directory that the command line names. */
int cli_read_policy(const struct cli_options *options, struct arena *a, struct runtime_policy *ret,
	struct nvb_error **err);

/* What the options ask for, as if a container asked for it by its environment. */
int cli_make_request(const struct cli_options *options, const struct runtime_policy *policy,
	struct arena *a, struct container_request *ret, struct nvb_error **err);

struct cli_machine {
	struct host_tree tree;
	struct inventory *inv;
	const struct gpu_driver *driver; /* NVIDIA's */
};

#define CLI_MACHINE_INIT                                                                           \
	{                                                                                          \
		.tree = HOST_TREE_INIT                                                             \
	}

/* `ask_library`: what only NVML knows too. Errors: NVB_ERR_DRIVER (there is no such driver). */
int cli_machine_read(const struct cli_options *options, struct arena *a, bool ask_library,
	struct cli_machine *ret, struct nvb_error **err);
void cli_machine_done(struct cli_machine *machine);
