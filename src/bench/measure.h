/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking turns: in each round every variant runs once, in another order. What disturbs the machine
 * hits all alike, and what one leaves to be done does not always hit the same next one.
 */
#pragma once

#include <signal.h>

#include "bench/report.h"

/* Prepares and runs once; only what it says it took counts. */
typedef int (*measure_fn)(void *target, int64_t *ret_ns, struct nvb_error **err);

struct measure_variant {
	enum bench_line_id line;
	measure_fn run;
	void *target;
};

struct measure_variant_list VEC(struct measure_variant);

struct measure_progress {
	const char *part, *line;
	size_t round, rounds; /* round 0: a first run that does not count */
};

struct measure_options {
	size_t rounds;			   /* at most; > 0 */
	int64_t budget_ns;		   /* no further round after this time; one is always run */
	uint64_t seed;			   /* of the order; not 0 */
	const volatile sig_atomic_t *stop; /* set: no further run; NULL: never */
	void (*progress)(void *user, const struct measure_progress *progress); /* may be NULL */
	void *user;
};

/*
 * Fills the lines of the variants. One that fails, at once or later, is left out as a whole, with
 * its reason. Returns 0, 1 if it was stopped, or NVB_ERR_NO_MEMORY.
 */
int measure_variants(struct bench_report *report, const struct measure_variant_list *variants,
	const struct measure_options *options, struct nvb_error **err);
