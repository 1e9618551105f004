/* SPDX-License-Identifier: Apache-2.0 */
/* Times of one thing, done often: the clock, the processor, and what is told of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint64_t *ns;
	size_t n;
	/* How often the thing was done within one time: what is shorter than the clock's own cost
	 * cannot be timed alone. Percentiles are then those of the means. */
	unsigned batch;
};

uint64_t samples_now_ns(void);

/* Binds this process to the last processor that it may use: the first has most interrupts.
 * Returns its number, or -1. */
int samples_pin(void);

/* Sorts, and prints `"NAME": {...}` in microseconds for one time that the thing was done. */
void samples_print(const char *name, struct samples *samples);

/* Empties the kernel's caches of files. Returns -1 where only root may do that. */
int samples_drop_caches(void);
