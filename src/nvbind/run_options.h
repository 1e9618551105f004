/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `nvbind run`, parsed and checked, not yet resolved.
 *
 *	struct run_options options;
 *
 *	r = run_options_parse(arena, context, argc, argv, &options, err);
 *	if (r <= 0)
 *		return r;	// an error, or --help was answered
 *
 * Precedence, as everywhere: command line > environment > configuration > profile > default. The
 * sources are kept for the reasons that a plan gives. Strings live in `arena`, argv or the
 * environment.
 */
#pragma once

#include "nvbind/command.h"
#include "request/request.h"
#include "request/settings.h"

/* What engines understand in their own ways, as it was written. */
struct run_words {
	struct string_list env, env_files, volumes, ports;
	struct string_list engine;			       /* of --engine-opt */
	const char *network, *restart, *shm_size, *entrypoint; /* NULL: not given */
};

struct run_options {
	struct command_context context; /* with --host-root and --verbose given after the command */
	/* "bolt", "docker", "podman"; "auto": of the latter two, the one that answers. */
	const char *engine;
	bool engine_is_auto;	 /* `engine` was found out */
	struct string_list gpus; /* selectors; "all" if none was given */
	bool gpus_given;

	capability_set capabilities;
	enum request_source capabilities_source;
	enum isolation_mode isolation;
	enum request_source isolation_source;
	enum workload_profile profile;
	enum request_source profile_source;
	const char *profile_name; /* as it was named; NULL: nobody named one */
	enum driver_choice driver;
	struct settings settings; /* all of them, from all sources */

	const char *image;	    /* with `rootfs`: a label, or NULL */
	const char *rootfs;	    /* NULL: the image is resolved */
	struct string_list command; /* empty: the image's own */
	struct run_words words;
	/* For the built-in engine alone, read from `words`. */
	struct string_list env; /* NAME=VALUE in the order given; a later one wins */
	struct volume_list volumes;
	enum network_mode network;

	bool cdi;				      /* GPUs by CDI specs */
	struct string_list cdi_names;		      /* of --device: VENDOR/CLASS=NAME */
	struct string_list devices;		      /* of --device: SRC[:DST[:PERMISSIONS]] */
	const char *name, *hostname, *workdir, *user; /* NULL: not given */

	bool interactive;
	bool tty;
	bool read_only;
	bool detach;
	bool remove;   /* --rm */
	bool rootless; /* asked for, and we are not root */
	bool dry_run;
	bool json; /* --format json */
};

/* The engine's own name. NVB_ERR_USAGE: nobody knows it. */
int run_options_find_engine(const char *word, const char **ret_engine, struct nvb_error **err);

int run_options_parse(struct arena *arena, const struct command_context *context, int argc,
	char **argv, struct run_options *ret_options, struct nvb_error **err);
