/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for: merged once, with a written precedence (command line > environment >
 * Boltfile > configuration > profile > default). The planner reads this and nothing else of the
 * user. Strings are borrowed from whoever fills it and must outlive the plan.
 */
#pragma once

#include "gpu/inventory.h"
#include "request/selector.h"
#include "request/vocabulary.h"

struct volume {
	const char *source;      /* absolute host path */
	const char *destination; /* absolute, normal */
	bool read_only;
};

struct volume_list VEC(struct volume);

enum network_mode {
	NETWORK_HOST,
	NETWORK_NONE,
};

/* Where a value came from, for the reasons that the plan gives. */
enum request_source {
	SOURCE_DEFAULT,
	SOURCE_PROFILE,
	SOURCE_CONFIG,
	SOURCE_ENVIRONMENT,
	SOURCE_COMMAND_LINE,
};

struct request {
	const char *engine; /* "bolt" */
	const char *image;  /* as given; NULL with --rootfs alone */
	struct string_list command;
	struct selection gpus;
	capability_set capabilities;
	enum request_source capabilities_source;
	enum isolation_mode isolation;
	enum request_source isolation_source;
	enum workload_profile profile;
	enum driver_choice driver;
	struct string_list env; /* NAME=VALUE of the user; wins over all else */
	struct volume_list volumes;
	/* Driver files and control nodes of the vendors, and no GPU: `gpus.none` is set then. */
	bool driver_only;
	/* CDI names of devices beside the GPUs, of the kinds of inv->companions:
	 * "nvidia.com/gds=all". inventory_find_companions() must have run. */
	struct string_list companions;
	/* The right to make and to watch MIG instances of the whole machine.
	 * inventory_find_mig_control() must have run. */
	bool mig_config, mig_monitor;
	/* How the engine keeps every other device out; NULL: by device nodes and device cgroup. */
	const char *device_isolation;
};

/* "/a:/b[:ro|rw]". A relative or missing source is an error. Strings go into the arena. */
int volume_parse(struct arena *a, const char *text, struct volume *ret, struct nvb_error **err);
