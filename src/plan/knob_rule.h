/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the planner does about each knob of request/knobs.def: its effect on the plan, and the one
 * status, mechanism and reason that it ends in. Each group of knobs has a table of rules in a
 * file of its own (knob_gaming.c, ...); tests/unit/plan/test-knob-rules.c finds a knob without
 * exactly one.
 *
 * Rules run in the order of knobs.def, for knobs that are set. A rule reports with plan_knob()
 * and may read other settings (knob_setting()) where two knobs decide one thing: then one of them
 * makes the effect, and both report.
 */
#pragma once

#include "base/strbuf.h"
#include "plan/plan_build.h"
#include "request/settings.h"

struct knob_rule {
	enum knob_id id;
	/* `value` is given. Errors refuse the container: NVB_ERR_USAGE, NVB_ERR_UNSUPPORTED, ... */
	int (*resolve)(struct plan_build *b, const struct setting *value, struct nvb_error **err);
	/* True for values that nothing can act on: the rule only reports then, whatever the engine.
	 * NULL: there are none. */
	bool (*is_inert)(const struct setting *value);
};

struct knob_rule_table {
	const struct knob_rule *rules;
	size_t n;
};

extern const struct knob_rule_table knob_rules_gaming; /* knob_gaming.c: DLSS, ray tracing, VRS,
							  profile, frames, vsync, PRIME */
extern const struct knob_rule_table
	knob_rules_wine; /* knob_wine.c: Wine, Proton, DXVK, shader caches */
extern const struct knob_rule_table
	knob_rules_desktop; /* knob_desktop.c: display, input, sound, gamescope, MangoHud */
extern const struct knob_rule_table
	knob_rules_aiml; /* knob_aiml.c: caches, pools, precision, Ollama */
extern const struct knob_rule_table
	knob_rules_driver; /* knob_driver.c: driver, versions, WSL2, engine words */
extern const struct knob_rule_table
	knob_rules_limit; /* knob_limit.c: isolation, memory and compute limits, MIG, snapshots */
extern const struct knob_rule_table
	knob_rules_host; /* knob_host.c: power, clocks, CPUs, huge pages, real time */

bool knob_inert(const struct setting *value);	      /* whatever its value is */
bool knob_inert_if_true(const struct setting *value); /* it is so anyway */

/* All rules of the knobs that are set. Called by plan_make() after nodes and mounts are drafted. */
int knob_rules_apply(struct plan_build *b, struct nvb_error **err);

/* NULL: not given. */
const struct setting *knob_setting(const struct plan_build *b, enum knob_id id);
/* False where it is not given. */
bool knob_is(const struct plan_build *b, enum knob_id id, uint64_t number);

/* What became of a knob that is set. A reason is formatted; "" is none. */
int knob_report(struct plan_build *b, struct nvb_error **err, enum knob_id id,
	enum knob_status status, const char *mechanism, const char *reason, ...)
	__attribute__((format(printf, 6, 7)));

/* "this + that": what a mechanism is made of. */
void knob_add_part(struct strbuf *text, const char *part);
/* In the plan's arena; NULL: out of memory. */
const char *knob_parts(struct plan_build *b, const struct strbuf *text);

/* Whose user space the selected GPUs have. */
bool knob_has_nvidia(const struct plan_build *b); /* NVIDIA's own, of the host */
bool knob_has_mesa(const struct plan_build *b);	  /* the image's Mesa */
bool knob_has_vendor(const struct plan_build *b, enum gpu_vendor vendor);

/*
 * Sets a variable of the container unless the user's --env has it (then false: nothing is done,
 * and the reason may say so). A knob reports ADVISORY where only a program decides what it does.
 */
bool knob_env_is_users(const struct plan_build *b, const char *name);
int knob_env_set(struct plan_build *b, struct nvb_error **err, const char *name, const char *value,
	...) __attribute__((format(printf, 4, 5)));
/*
 * Adds one option to a variable that is a list (DXVK_CONFIG: ';', VKD3D_CONFIG: ','). The user's
 * own value comes last, so that it wins.
 */
int knob_env_option(struct plan_build *b, struct nvb_error **err, const char *name, char separator,
	const char *option, ...) __attribute__((format(printf, 5, 6)));

/*
 * A bind mount of the host that is no driver file: a socket, a cache directory. `source` is a path
 * of the machine; a writable one is a directory that is made where it is not there.
 */
int knob_mount(struct plan_build *b, struct nvb_error **err, const char *source,
	const char *destination, bool writable);
/*
 * The image's own directory below `kind` in the session's cache_dir, which is not NULL. NULL: there
 * is none, for *ret_reason.
 */
const char *knob_cache_directory(
	struct plan_build *b, const char *kind, const char **ret_reason);
/* A directory in memory that is the container's user's alone. */
int knob_mount_memory(struct plan_build *b, struct nvb_error **err, const char *destination);
int knob_node(struct plan_build *b, const struct host_node *node, struct nvb_error **err);
/* The higher of what is there and this. */
int knob_rlimit(struct plan_build *b, const char *type, uint64_t value, struct nvb_error **err);
/* A change of the machine: see struct plan_host_change. */
int knob_host_change(struct plan_build *b, struct nvb_error **err, enum knob_id knob,
	enum host_change_kind kind, const char *target, const char *value, ...)
	__attribute__((format(printf, 6, 7)));
