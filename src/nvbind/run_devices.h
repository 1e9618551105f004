/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a run that no plan of ours makes: CDI specs, and nodes named by path. */
#pragma once

#include "cdi/registry.h"
#include "nvbind/run_options.h"
#include "plan/plan.h"

struct run_devices {
	struct string_list names;       /* CDI names to resolve */
	struct string_list directories; /* where their specs are; empty: where we read them */
	struct cdi_registry *registry;  /* NULL: none was needed */
	struct cdi_found_list found;
};

void run_devices_done(struct run_devices *devices);

/*
 * Sorts out who serves what, before a plan is made: names of foreign kinds leave `selectors`
 * (what is left goes to *ret_own). Strings live in `a`.
 */
int run_devices_split(const struct run_options *options, struct arena *a,
	struct run_devices *devices, struct string_list *ret_own, struct nvb_error **err);

/* With --cdi: the selected GPUs become names, and the selection is emptied. */
int run_devices_take_gpus(struct run_devices *devices, const struct inventory *inv,
	struct arena *a, struct selection *selection, struct nvb_error **err);

/*
 * Whether another engine that reads the specs in `directories` would find all that was asked for: the
 * names, and what the selection is called. *ret_problem is why it would not, as of a spec that
 * is not there, stale, or newer than `newest` (NULL: any); NULL: it would. Errors: NVB_ERR_NO_MEMORY.
 */
int run_devices_find_problem(const struct run_devices *devices,
	const struct string_list *directories, const char *newest, const struct inventory *inv,
	const struct host_tree *tree, const struct selection *selection, struct arena *a,
	const char **ret_problem, struct nvb_error **err);

/* Resolves the names and applies all devices to the plan. */
int run_devices_apply(struct run_devices *devices, const struct run_options *options,
	const struct host_tree *tree, struct arena *a, struct plan *plan, struct nvb_error **err);
