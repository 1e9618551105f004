/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures what GPUs cost a container's start on this machine, beside what else can start one.
 * Nothing is printed here: the result is data (bench/report.h).
 */
#pragma once

#include "bench/measure.h"

struct bench_options {
	const char *host_root;	      /* "/" or a simulated machine */
	struct string_list selectors; /* empty: all GPUs */
	size_t rounds;		      /* of each part, at most */
	unsigned seconds;	      /* no further round of a part after these */
	bool compare_docker, compare_podman, compare_toolkit;
	const char *image; /* for the engines; NULL: one is made, and removed */
	/* Our own programs; NULL: not installed. */
	const char *nvbind, *runtime, *hook;
	const volatile sig_atomic_t *stop;
	void (*progress)(void *user, const struct measure_progress *progress);
	void *user;
};

/*
 * All that was made for it is gone when it returns. What cannot be measured is no error: its lines
 * say why. Returns 1 if it was stopped: the report then holds what there was until then.
 * Errors: NVB_ERR_NO_GPU, NVB_ERR_USAGE (selectors that were given), NVB_ERR_IO, NO_MEMORY.
 */
int bench_run(
	const struct bench_options *options, struct bench_report **ret, struct nvb_error **err);
