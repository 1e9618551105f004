/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container engines that are programs of their own: Docker and Podman, behind one table.
 *
 *	ops = client_find("docker");
 *	r = client_probe(ops, depth, CLIENT_PROBE_TIMEOUT_MS, arena, &facts, err); // what it can do
 *	r = method_choose(ops, &facts, &question, arena, &choice, err);	// the GPUs' way in
 *	r = client_argv(ops, program, &options, &gpus, arena, &argv, err);
 *	r = client_become(&argv, err);				// does not return
 *
 * A container of theirs gets its GPUs from nvbind-runtime, which the engine starts in place of
 * its low-level runtime, or from CDI specifications, which the engine reads itself.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* What the engine is to run in place of its low-level runtime. */
#define CLIENT_RUNTIME_PROGRAM "nvbind-runtime"

/* A busy machine, or the first start of Podman without root, takes seconds. */
#define CLIENT_PROBE_TIMEOUT_MS 10000

/* How much is to be known of an engine. */
enum client_depth {
	CLIENT_FULL,
	/* What the choice of nvbind-runtime takes, if that can be had for less: no more than an
	 * engine elsewhere, its low-level runtime and root. All the rest is unset then. */
	CLIENT_BRIEF,
};

/* What an engine says of itself. Strings live in the arena that it was probed with. */
struct client_facts {
	const char *program;   /* absolute path of the client */
	const char *version;   /* of the engine: "26.1.5+dfsg1"; NULL: it was asked briefly */
	unsigned major, minor; /* of the version */
	const char *context;   /* what its client chose it by, if not by default */
	bool rootless;
	bool local_endpoint; /* the environment names a socket of this machine */
	bool remote;	     /* it runs on another machine, or may do so */
	bool service;	     /* its client only talks to it: no choice of the runtime */
	const char *
		nvbind_name; /* the name that nvbind-runtime is registered under; NULL: it is not */
	const char *oci_runtime;     /* the low-level runtime it would take; NULL: not known */
	struct string_list cdi_dirs; /* where it reads CDI specifications; empty: nowhere */
	const char *cdi_newest; /* the newest version of them that it reads; NULL: all of ours */
};

struct client_ops {
	const char *name;		/* "docker": the program, and the value of --runtime */
	const char *title;		/* "Docker" */
	const char *program_variable;	/* names the program to use */
	const char *endpoint_variable;	/* set to where an engine elsewhere listens */
	const char *context_variable;	/* names one of several engines; NULL: there is none */
	const char *const *info_words;	/* what makes the program tell its facts; ends with NULL */
	const char *const *brief_words; /* the same for few facts; NULL: nothing is cheaper */
	const char *const *endpoint_words; /* the same for where a context's engine listens */
	bool runtime_is_global;		   /* --runtime stands before "run" */
	const char *assumed_runtime;	   /* the word for --runtime where nothing can be asked */

	/* Errors: NVB_ERR_FORMAT, NVB_ERR_ENGINE (the engine behind it does not answer). */
	int (*parse)(const char *text, size_t length, struct arena *a, struct client_facts *facts,
		struct nvb_error **err);
	/* Of brief_words. False: all facts are needed. */
	bool (*parse_brief)(const char *text, struct arena *a, struct client_facts *facts);
	/* Raises why the program could not tell its facts, 0 if it does not know; NULL: it never
	 * does. */
	int (*raise_silent)(struct nvb_error **err);
	/*
	 * What --runtime must be given to run nvbind-runtime, whose path is `runtime` (NULL: not
	 * installed). NULL: it cannot; *ret_reason says why, or why it can.
	 */
	const char *(*runtime_word)(const struct client_facts *facts, const char *runtime,
		struct arena *a, const char **ret_reason);
	/* Why the engine injects no CDI devices; NULL: it does. */
	const char *(*cdi_problem)(const struct client_facts *facts, struct arena *a);
	/* What opens the way that is closed, as clauses of a hint; NULL: nothing. `runtime` as
	 * above. */
	const char *(*runtime_way)(const struct client_facts *facts, const char *runtime);
	const char *(*cdi_way)(const struct client_facts *facts);
};

extern const struct client_ops docker_client, podman_client;

/* NULL if there is no such engine. */
const struct client_ops *client_find(const char *name);

/*
 * Finds the program: what the variable names, else by name; for root in the system's directories
 * only, for others in PATH. Errors: NVB_ERR_ENGINE.
 */
int client_program(
	const struct client_ops *ops, struct arena *a, const char **ret, struct nvb_error **err);

/*
 * Asks the engine. With CLIENT_BRIEF too, it may be asked for all. Errors: NVB_ERR_ENGINE (not
 * installed, not running, no answer in time, nonsense), NVB_ERR_PERMISSION (not ours to use).
 */
int client_probe(const struct client_ops *ops, enum client_depth depth, unsigned timeout_ms,
	struct arena *a, struct client_facts *ret, struct nvb_error **err);

/* "26.1.5+dfsg1" begins with two numbers. Errors: NVB_ERR_FORMAT. */
int client_parse_version(const char *text, struct client_facts *facts, struct nvb_error **err);

/* Replaces this process: terminal, signals and exit code are the engine's own from here. Returns
 * only with NVB_ERR_ENGINE. */
int client_become(const struct string_list *argv, struct nvb_error **err);
