/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for: merged once, with a written precedence (command line > environment >
 * Boltfile > configuration > profile > default). The planner reads this and nothing else of the
 * user. Strings are borrowed from whoever fills it and must outlive the plan.
 */
#pragma once

#include "gpu/inventory.h"
#include "request/selector.h"
#include "request/source.h"
#include "request/vocabulary.h"

struct machine_abilities;
struct machine_tuning;
struct session_facts;
struct settings;

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
	/* All other knobs that are set; NULL: none. */
	const struct settings *settings;
	/* What rules of knobs need to know; NULL where no setting needs it. */
	const struct session_facts *session;
	const struct machine_abilities *abilities;
	const struct machine_tuning *tuning;
	/* How the engine keeps every other device out; NULL: by device nodes and device cgroup. */
	const char *device_isolation;
	/* The engine takes leases: no other container gets a GPU that one has exclusively. */
	bool takes_leases;
	/* The engine keeps the container on the plan's CPUs, by a control group. */
	bool sets_cpus;
	/* The engine makes the plan's changes of the machine, and takes them back at the end. */
	bool changes_host;
};

/* "/a:/b[:ro|rw]". A relative or missing source is an error. Strings go into the arena. */
int volume_parse(struct arena *a, const char *text, struct volume *ret, struct nvb_error **err);
