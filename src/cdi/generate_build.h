/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/cdi: the steps of cdi_generate(). Each adds its part to an edits of the spec. */
#pragma once

#include "cdi/generate.h"
#include "plan/plan.h"

struct generate {
	const struct inventory *inv;
	const struct cdi_generate_options *options;
	struct cdi_spec *spec;
	struct string_list warnings;
};

/* A copy in the spec; NULL: out of memory. */
const char *generate_keep(struct generate *g, const char *text);
int generate_env(struct generate *g, struct cdi_edits *edits, struct nvb_error **err,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* generate_nodes.c. A path that is there already is left as it is. */
int generate_node(struct generate *g, struct cdi_edits *edits, const struct host_node *node,
	struct nvb_error **err);
int generate_gpu_nodes(struct generate *g, struct cdi_edits *edits,
	const struct gpu_node_list *nodes, struct nvb_error **err);
/* The nodes of a plan, without those in `but` (may be NULL). */
int generate_plan_nodes(struct generate *g, struct cdi_edits *edits, const struct plan *plan,
	const struct gpu_node_list *but, struct nvb_error **err);

/* generate_files.c */
int generate_mount(struct generate *g, struct cdi_edits *edits, const char *source,
	const char *destination, const struct string_list *options, struct nvb_error **err);
/* The driver's files at the host's places; none if they need a hook that is not wanted. */
int generate_files(struct generate *g, struct cdi_edits *edits, const struct gpu_driver *driver,
	struct nvb_error **err);
/* Where a driver's file is in a container of any layout; NULL: out of memory. */
const char *generate_place(const struct gpu_driver *driver, const struct driver_file *file);

/*
 * generate_hook.c: the one hook, which makes what mounts cannot. `keeps_nodes`: libraries in the
 * container must not make nodes of other GPUs.
 */
int generate_hook(struct generate *g, struct cdi_edits *edits, const struct gpu_driver *driver,
	bool keeps_nodes, struct nvb_error **err);

/* Mounts and nodes in the order in which they are made: parents first, then by name. */
void generate_sort(struct cdi_edits *edits);
