/* SPDX-License-Identifier: Apache-2.0 */
/* What a start does inside of nvbind, one step after the other, in this process. */
#pragma once

#include "bench/measure.h"
#include "bench/place.h"
#include "gpu/inventory.h"
#include "request/selector.h"

/* Borrowed; must outlive the variants. */
struct steps_machine {
	struct arena *arena;
	const struct host_tree *tree;
	const struct inventory *inv;
	const struct string_list *selectors; /* empty: nothing to plan for */
	const struct place *place;
};

struct steps;

/* Adds the variants that can be measured; what cannot is in the report. */
int steps_new(const struct steps_machine *machine, struct bench_report *report,
	struct measure_variant_list *variants, struct steps **ret, struct nvb_error **err);
void steps_free(struct steps *steps);
DEFINE_FREEP(struct steps, steps_free)
