/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/limit: what each rung of the ladder does. */
#pragma once

#include "limit/ladder.h"

/* Why not, as struct gpu_abilities has it: NULL is usable. */
typedef const char *(*rung_probe)(const struct ladder_probe *probe,
	struct machine_abilities *machine, struct gpu_abilities *able);

struct rung_limit {
	const struct ladder_applying *applying;
	const struct plan_limit *limit;
	int cgroup_fd; /* -1: none */
};

struct rung_ops {
	rung_probe probe;
	/* NULL: nothing is to be done, the selection does it. */
	int (*apply)(const struct rung_limit *limit, struct nvb_error **err);
	int (*verify)(const struct rung_limit *limit, struct nvb_error **err);
	int (*undo)(const struct rung_limit *limit, struct nvb_error **err);
	bool needs_cgroup;
};

extern const struct rung_ops rung_driver_memory, rung_dmem;

extern const struct rung_ops *const ladder_ops[LIMIT_RUNG_COUNT];

/* 0, or the branch of a driver's version: 615 of "615.71.09". */
unsigned rung_driver_branch(const struct inventory *inv, const struct gpu *gpu);

/* A reason in the arena; there is always one, so that a lack of memory allows nothing. */
const char *rung_because(struct machine_abilities *machine, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* What all rungs that write something need; NULL: it is there. */
const char *rung_applying_problem(
	const struct ladder_probe *probe, const struct machine_abilities *machine);
