/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to src/plan: the steps of plan_make(). Each adds its part to b->plan and reads only
 * what is in here, so the plan is a function of these three inputs.
 */
#pragma once

#include <stdarg.h>

#include "plan/plan.h"

/* A device beside the GPUs that was asked for. */
struct plan_companion {
	const struct gpu_companion *companion;
	const struct companion_device *device;
};

struct plan_companion_list VEC(struct plan_companion);

/* A variable that several knobs add options to. */
struct plan_option_variable {
	const char *name, *text;
	char separator;
};

struct plan_option_variable_list VEC(struct plan_option_variable);

/* What became of a limit, over all GPUs. */
struct plan_limit_outcome {
	enum knob_status status;
	const char *mechanism, *reason; /* NULL: nothing to say */
	/* Of several GPUs, how `reason` came to be: what others have in front, and the last one's
	 * text with the GPUs that share it. */
	const char *others, *gpus, *text;
};

struct plan_build {
	const struct inventory *inv;
	const struct request *req;
	const struct container_root *root;
	struct plan *plan;
	struct plan_companion_list companions; /* in the inventory's order, each once */
	struct plan_option_variable_list option_variables;
	struct plan_mount_list knob_mounts; /* go in front of the user's volumes */
	struct string_list merged_env; /* in place of lines of the user, which they include */
	bool for_spec;
	struct plan_limit_outcome memory_limit, compute_limit, mig; /* plan_limits.c */
};

/* The engine that starts containers from our plan; another one has only what it was told. */
bool plan_engine_is_built_in(const struct request *req);
/* True if a selected GPU runs on this driver. */
bool plan_serves_selected(const struct inventory *inv, const struct request *req,
	const struct gpu_driver *driver);
/* True if the container gets this driver's files and control nodes. */
bool plan_uses_driver(const struct inventory *inv, const struct request *req,
	const struct gpu_driver *driver);
/* NVIDIA's own driver, if the container uses it; else NULL. */
const struct gpu_driver *plan_nvidia_driver(const struct inventory *inv,
	const struct request *req);

/* In the plan's arena; NULL: out of memory. */
const char *plan_vprintf(struct plan_build *b, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));
int plan_warn(struct plan_build *b, struct nvb_error **err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* A reason is formatted; "" is none. */
int plan_knob(struct plan_build *b, struct nvb_error **err, const char *name, const char *value,
	enum knob_status status, const char *mechanism, const char *reason, ...)
	__attribute__((format(printf, 7, 8)));

/* True if a GPU on this driver is what the choice means. */
bool plan_driver_fits(enum driver_choice choice, const struct gpu *gpu,
	const struct gpu_driver *driver);
/*
 * True if it is not, but no program in a container can tell: NVIDIA's driver with its other kernel
 * modules. A file that was written for another machine need not refuse this one for it; who says
 * so on the command line means it.
 */
bool plan_driver_is_near(enum driver_choice choice, const struct gpu *gpu,
	enum request_source source);
/* plan_driver.c: refuses what cannot work on this machine, warns of what works in part. */
int plan_driver_check(struct plan_build *b, struct nvb_error **err);

/* plan_nodes.c: device nodes and the groups that may open them. */
int plan_nodes_add(struct plan_build *b, struct nvb_error **err);
/* One node, whatever it is needed for. Missing on the host, it is made by its number, with a
 * warning, or left out: silently, if it is optional. */
int plan_nodes_add_one(struct plan_build *b, const struct gpu_node *node, struct nvb_error **err);
/* True if `path` is one of the first n_known nodes. */
bool plan_nodes_has(const struct plan *plan, size_t n_known, const char *path);
/* A node that the plan does not have yet. */
int plan_nodes_append(struct plan_build *b, const struct host_node *node, struct nvb_error **err);
/* Sorts them, and finds the groups that may open them. */
int plan_nodes_finish(struct plan_build *b, struct nvb_error **err);

/* plan_companions.c: devices beside the GPUs. */
/* Errors: NVB_ERR_USAGE (no such kind), NVB_ERR_DRIVER (the machine has none of it),
 * NVB_ERR_NO_GPU (no such device). The list lives in `a`. */
int plan_companions_find(const struct inventory *inv, const struct request *req, struct arena *a,
	struct plan_companion_list *ret, struct nvb_error **err);
/* True if one is for tools that configure the vendor's GPUs, which need the driver's files. */
bool plan_companions_manage(const struct inventory *inv, const struct request *req,
	enum gpu_vendor vendor);
int plan_companions_add_nodes(struct plan_build *b, struct nvb_error **err);
int plan_companions_report(struct plan_build *b, struct nvb_error **err);

/*
 * plan_limits.c: what keeps the container within its limits. Comes first: with a partition, it is
 * that which is selected, in b->req and in the plan.
 */
int plan_limits_choose(struct plan_build *b, struct nvb_error **err);
/* Isolation as it is with the limits that were found; for ISOLATION_VIRTUAL. */
void plan_limits_isolation(const struct plan_build *b, struct plan_knob *outcome);

/* plan_mig.c: the right to make and to watch MIG instances. */
int plan_mig_add_nodes(struct plan_build *b, struct nvb_error **err);
int plan_mig_report(struct plan_build *b, struct nvb_error **err);

/* plan_files.c: driver files. */
/* `name` in the directory of `target`, in the arena; NULL: out of memory. */
const char *plan_files_beside(struct arena *a, const char *target, const char *name);
/* NULL if the driver's files can be used in this root, else why not. */
const char *plan_files_problem(const struct plan_build *b, const struct gpu_driver *driver);
/* The options of the mount of one file, and of no other. Shared, as those of plan_files_options(). */
const struct string_list *plan_files_mount_options(void);
int plan_files_add(struct plan_build *b, struct nvb_error **err);

/* plan_compat.c: CUDA forward compatibility libraries in the image. */
enum plan_compat {
	PLAN_COMPAT_NONE,     /* the image has none that matter */
	PLAN_COMPAT_KEPT,     /* its loader takes them, and they are newer than the host's driver */
	PLAN_COMPAT_REPLACED, /* its loader takes them, and they are not newer */
	PLAN_COMPAT_IDLE,     /* newer, but its loader does not look there */
};

/* `ret_version` is what the image has; NULL where it is not known. */
enum plan_compat plan_compat_decide(const struct plan_build *b, const char **ret_version);
/* True if `path` is a file in /usr/local/cuda[-X.Y]/compat. */
bool plan_compat_has_place(const char *path);
int plan_compat_report(struct plan_build *b, struct nvb_error **err);

/* plan_links.c: the further names of libraries. */
/* True if a container gets this one. */
bool plan_links_wanted(const struct plan_build *b, const struct driver_file *file,
	const char *alias);

/* plan_mounts.c: a mount list in the making. */
struct mount_draft {
	const char *source, *destination;
	const struct string_list *options;
	/* Of a link at `destination`: the mount that it names, in the same directory, and what a
	 * mount in its place covers. NULL: it is a mount. */
	const char *names, *covers;
	size_t order;
};

struct mount_draft_list VEC(struct mount_draft);

/*
 * Sorts by destination, drops what another already owns (the first one added stays, a user's
 * volume beats all), and appends driver files and volumes to the plan.
 */
int plan_mounts_finish(struct plan_build *b, struct mount_draft_list *drafts,
	struct nvb_error **err);

/* plan_env.c */
int plan_env_add(struct plan_build *b, struct nvb_error **err);

/* plan_knobs.c: what became of each thing asked for. */
/* What keeps a container from the devices it did not get. */
const char *plan_knobs_device_isolation(const struct plan_build *b);
/* Sets plan->isolation_outcome. */
void plan_knobs_decide_isolation(struct plan_build *b);
int plan_knobs_add(struct plan_build *b, struct nvb_error **err);
