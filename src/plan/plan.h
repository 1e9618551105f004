/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: everything that a container gets, as data.
 *
 * plan_make() is pure: no system call, no clock, no environment. The same inventory, request and
 * container facts give the same plan, byte for byte. Engines execute it; --dry-run prints it.
 */
#pragma once

#include "gpu/abilities.h"
#include "gpu/inventory.h"
#include "host/container_root.h"
#include "request/request.h"

/* What became of a thing that was asked for. */
enum knob_status {
	KNOB_ENFORCED,    /* the kernel or driver refuses to go past it */
	KNOB_APPLIED,     /* container or host state really changes */
	KNOB_ADVISORY,    /* a cooperating program may read it */
	KNOB_UNSUPPORTED, /* a mechanism exists, but not here: see the reason */
	KNOB_NONE,        /* no mechanism exists anywhere */
};

struct plan_knob {
	const char *name, *value;
	bool is_host; /* it changes the machine, not only the container */
	enum knob_status status;
	const char *mechanism, *reason; /* NULL: nothing to say */
};

struct plan_knob_list VEC(struct plan_knob);

struct plan_node {
	const char *path, *host_path;
	char type; /* 'c', 'b', 'p'; 0: a stand-in without numbers, to be bound */
	uint32_t major, minor;
	uint32_t mode, uid, gid; /* valid if exists */
	bool exists;             /* on the host; else it is made by number */
	bool is_device;          /* the host path is a real device node */
	const char *permissions; /* "rw"; "": a node without a cgroup rule */
};

struct plan_node_list VEC(struct plan_node);

struct plan_mount {
	const char *source, *destination;
	const char *type; /* NULL: a bind mount; else "tmpfs", ..., and the source is no path */
	struct string_list options;
	/* The user's, or of a knob: its destination is as given, not resolved in the container's
	 * root. */
	bool is_volume;
	/* The source is a directory of ours that keeps things between runs: who executes the plan
	 * makes it, for its container's user alone, where it is not there. */
	bool make_source;
	/* The source is a device node. */
	bool is_node;
	/* A tmpfs for the container's user alone: who executes the plan knows his number. */
	bool owned_by_user;
};

struct plan_mount_list VEC(struct plan_mount);

/*
 * A further name of a mounted library: a symbolic link in the same directory, which costs a
 * container's start less than a mount. Where no link can be made (a read-only root, something of
 * the image's is there), `source` is mounted on `destination`.
 */
struct plan_link {
	const char *path;	 /* in the container; its directory is resolved */
	const char *text;	 /* of the link: the mounted file's name, without a directory */
	const char *source;	 /* the mounted file's */
	const char *destination; /* `path`; the end of it where the image has a link there */
};

struct plan_link_list VEC(struct plan_link);

/* A program that the low-level runtime runs. nvbind itself plans none: a CDI spec may bring one. */
struct plan_hook {
	const char *name; /* "createContainer" */
	const char *path;
	struct string_list args, env;
	int64_t timeout_s; /* 0: none given */
};

struct plan_hook_list VEC(struct plan_hook);

/* A network interface of the host that moves into the container. Like hooks, from specs alone. */
struct plan_net_device {
	const char *host_name, *name;
};

struct plan_net_device_list VEC(struct plan_net_device);

/* A class of service. Source: OCI runtime specification 1.3.0, config-linux.md, "IntelRdt". */
struct plan_rdt {
	const char *clos_id, *l3_cache_schema, *mem_bw_schema; /* NULL: not given */
	struct string_list schemata;
	bool enable_monitoring, enable_cmt, enable_mbm;
};

struct plan_rlimit {
	const char *type; /* "RLIMIT_MEMLOCK" */
	uint64_t soft, hard;
};

struct plan_rlimit_list VEC(struct plan_rlimit);

struct gid_list VEC(uint32_t);

/*
 * The way to an X server: who executes the plan makes a file with the server's cookie and nothing
 * else of `authority`, for this container, and mounts it. The cookie is no part of the plan.
 */
struct plan_x11 {
	const char *display;	 /* of the caller: ":0" */
	const char *authority;	 /* his file of cookies; NULL: he has none, and none is made */
	const char *destination; /* where the container's own file goes; NULL as `authority` */
};

/* A limit on one GPU, by one rung of gpu/abilities.h. Applied and undone by src/limit. */
struct plan_limit {
	const struct gpu *gpu;
	const struct gpu_partition *partition; /* MIG, partitions: the one to use */
	enum limit_rung rung;
	uint64_t memory_bytes;    /* 0: not limited */
	unsigned compute_percent; /* 0: not limited */
	unsigned granted_percent; /* what the rung's steps make of it; 0: as asked */
	uint64_t protect_bytes;   /* that others may not push out; 0: none */
};

struct plan_limit_list VEC(struct plan_limit);

/* A change of the machine for as long as the container runs. Journalled before it is made. */
enum host_change_kind {
	HOST_CHANGE_FILE,       /* `value` is written to the file `target` */
	HOST_CHANGE_GPU_POWER,  /* `target` is a GPU's key, `value` "max", "default", "min" or watts */
	HOST_CHANGE_GPU_CLOCKS, /* `value` "MIN-MAX" in MHz or "default" */
	HOST_CHANGE_GPU_MODE,   /* compute mode: "exclusive-process", "default" */
};

struct plan_host_change {
	const char *knob;
	enum host_change_kind kind;
	const char *target, *value;
};

struct plan_host_change_list VEC(struct plan_host_change);

struct plan {
	struct arena *arena;
	const char *engine, *image;
	struct string_list command;
	enum isolation_mode isolation;
	struct plan_knob isolation_outcome; /* status, mechanism, reason of the isolation mode */
	struct selection gpus;
	struct plan_node_list nodes;  /* sorted by path */
	/* Driver files first, sorted; then what knobs bring; then the user's volumes. */
	struct plan_mount_list mounts;
	struct plan_link_list links;   /* sorted by path; none where a mount is */
	struct string_list env;        /* NAME=VALUE, sorted by name, each name once */
	struct gid_list additional_gids;
	struct plan_rlimit_list rlimits;
	struct plan_hook_list hooks;
	struct plan_net_device_list net_devices;
	struct plan_rdt *rdt; /* NULL: none */
	struct plan_limit_list limits;
	const char *refused; /* why no container must start from it; NULL: it may. The isolation is
			      * unsupported then */
	struct plan_host_change_list host_changes;
	uint64_t shm_size_bytes; /* 0: the engine's own */
	const char *cpu_set;     /* "0-3,8"; NULL: all */
	struct plan_x11 *x11;    /* NULL: none */
	struct plan_knob_list knobs;
	struct string_list warnings;
	struct string_list engine_argv; /* empty: in process */
};

/*
 * The directories and library names whose place in the container the planner will ask for: input
 * of container_root_inspect(). Sorted, each once. Filled into the arena. Errors: as plan_make()
 * for devices beside the GPUs.
 */
int plan_questions(const struct inventory *inv, const struct request *req, struct arena *a,
	struct string_list *ret_dirs, struct string_list *ret_names, struct nvb_error **err);

/*
 * The plan borrows strings of inv, req and root: they must outlive it. Option lists are shared
 * by mounts: nothing may be added to them.
 * Errors: NVB_ERR_DRIVER (driver files do not match the kernel module, no driver, no devices of a
 * kind beside the GPUs), NVB_ERR_NO_GPU (a selected GPU is not usable, or not there),
 * NVB_ERR_UNSAFE_PATH (hostile container root), NVB_ERR_USAGE (environment, volumes, unknown
 * kinds), NVB_ERR_NO_MEMORY.
 */
int plan_make(const struct inventory *inv, const struct request *req,
	const struct container_root *root, struct plan **ret_plan, struct nvb_error **err);

/*
 * The same for a specification that others execute: every name of a library is a mount, with the
 * options of plan_files_options().
 */
int plan_make_for_spec(const struct inventory *inv, const struct request *req,
	const struct container_root *root, struct plan **ret_plan, struct nvb_error **err);

/* True if a setting is there whose rule wants to know what the session offers: req->session. */
bool plan_needs_session(const struct settings *settings);

/*
 * The part of a plan that needs no container root: nodes, groups and their warnings. Mounts,
 * environment and knobs stay empty. Errors: as plan_make().
 */
int plan_make_nodes(const struct inventory *inv, const struct request *req, struct plan **ret_plan,
	struct nvb_error **err);

/* True for a file of the driver, which is no directory: the inventory has looked. */
bool plan_mount_is_one_file(const struct plan_mount *mount);
/* What is mounted in the place of a link. */
struct plan_mount plan_link_mount(const struct plan_link *link);
/* Makes every link a mount beside the one that it names: for who cannot make links. */
int plan_links_to_mounts(struct plan *plan, struct nvb_error **err);

/* True if a container with these capabilities gets the file. */
bool plan_files_wanted(const struct driver_file *file, capability_set capabilities);
/* True if the file goes below a library directory of the container. Others have a fixed place. */
bool plan_files_is_library(const struct driver_file *file);
/* The options of its mount in a specification. Shared: nothing may be added to the list. */
const struct string_list *plan_files_options(const struct driver_file *file);

/* A plan of nothing, to be filled by hand; NULL: out of memory. */
struct plan *plan_new(void);
void plan_free(struct plan *plan);
DEFINE_FREEP(struct plan, plan_free)

/* How deep a mount's destination lies: one must not cover another that lies below it. */
static inline size_t plan_mount_depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] && path[1] != '/';
	return n;
}

const char *knob_status_name(enum knob_status status);

/* Text for programs: one JSON object, keys in a fixed order, ending in a newline. malloc'd. */
int plan_format_json(const struct plan *plan, char **ret_text, struct nvb_error **err);
/* Text for people. */
int plan_format_text(const struct plan *plan, char **ret_text, struct nvb_error **err);
