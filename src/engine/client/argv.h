/* SPDX-License-Identifier: Apache-2.0 */
/* From options and the chosen method to the command line of an engine. Pure. */
#pragma once

#include "engine/client/method.h"
#include "gpu/inventory.h"

/* What images choose parts of the driver with. */
#define CLIENT_CAPABILITIES_VARIABLE "NVIDIA_DRIVER_CAPABILITIES"

/* A vendor's own variable, which says what a container may have at most of its GPUs. */
struct client_vendor {
	enum gpu_vendor vendor;
	const char *variable;
	const char *id_prefix; /* what it wants in the place of the "GPU-" of a UUID */
};

#define CLIENT_VENDORS 2

extern const struct client_vendor client_vendors[CLIENT_VENDORS];

/* As the user wrote them: what they mean is the engine's to say. NULL: not given. */
struct client_options {
	const char *image;
	struct string_list command;
	const char *name, *hostname, *workdir, *user, *network, *restart, *shm_size, *cpus, *entrypoint;
	struct string_list env, env_files, volumes, ports, devices;
	struct string_list words; /* of --engine-opt: one word each, before the image */
	bool interactive, tty, detach, remove, read_only;
};

struct client_gpus {
	struct method_choice choice;
	/* RUNTIME: selectors for NVBIND_GPU; CDI: qualified names. Empty with NOTHING. */
	struct string_list names;
	/* For RUNTIME, what of them is each vendor's, in the terms of its variable. */
	struct string_list vendor_names[CLIENT_VENDORS];
	const char *capabilities, *profile, *isolation; /* for RUNTIME; NULL: not said */
};

/*
 * ret[0] is `program`. Errors: NVB_ERR_USAGE (an image that looks like an option, a variable of
 * ours that the user sets too, a word for the engine that gives GPUs or takes them away),
 * NVB_ERR_NO_MEMORY.
 */
int client_argv(const struct client_ops *ops, const char *program,
	const struct client_options *options, const struct client_gpus *gpus, struct arena *a,
	struct string_list *ret, struct nvb_error **err);
