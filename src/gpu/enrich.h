/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the vendor's library knows (NVML): memory size, compute capability, MIG UUIDs and
 * profiles. The library may be absent, wrong, or hang; the inventory stays valid in every case.
 * Never on the path of a container start.
 *
 * Loading a library runs its code. So it is loaded in a worker process, which is nobody where the
 * caller is root, cannot gain privileges (no_new_privs: no setuid helper loads modules or makes
 * nodes), has limits of its own (CPU time, memory, descriptors, no core file), and dies with the
 * caller. Below a host root other than "/", and in a containerised driver's root, the library is
 * only loaded if gpu/trusted_file.h allows it: nobody but root and the caller can have put it
 * there. Else there is a warning that names the file and the reason.
 */
#pragma once

#include "gpu/inventory.h"

struct enrich_options {
	const char *worker_program; /* absolute path of the program that runs enrich_worker_main() */
	unsigned timeout_ms;
};

/*
 * Fills unknown fields of `inv` in place. Returns 1 if the library answered, 0 if there is no
 * such library or no GPU that it serves; a failure (hang, crash, refusal) is one of
 * inv->warnings and returns 0 too. < 0: out of memory.
 */
int inventory_enrich(struct inventory *inv, const struct enrich_options *options,
	struct nvb_error **err);

/* The same; the worker is this very program: its main() must know ENRICH_WORKER_ARGUMENT. */
int inventory_ask_library(struct inventory *inv, struct nvb_error **err);

/*
 * The same for programs that cannot load libraries, because they are static: the worker is
 * 'nvbind', beside this program or where it is installed.
 */
int inventory_ask_library_apart(struct inventory *inv, struct nvb_error **err);

/*
 * The worker's whole job: argv[1] is the library's absolute path. Writes text records to stdout.
 * Only programs that link the library 'gpu_worker' have it.
 */
int enrich_worker_main(int argc, char **argv);

/* First argument that makes a program become the worker. */
#define ENRICH_WORKER_ARGUMENT "--nvml-worker"

/* The same for changes that the library makes: src/gpu/VENDOR asks for them. */
int control_worker_main(int argc, char **argv);
#define CONTROL_WORKER_ARGUMENT "--nvml-control"
