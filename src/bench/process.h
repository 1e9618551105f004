/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are measured: what they print goes nowhere, what they complain of becomes an error.
 */
#pragma once

#include <signal.h>
#include <stdint.h>

#include "base/error.h"

/* Above it, a program hangs: it is killed, and that is an error. */
#define PROCESS_TIMEOUT_MS 120000

struct process {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *envp;
	int output_fd; /* of standard output; -1: nowhere */
};

/* Monotonic, and not steered by the network's time. */
int64_t process_clock_ns(void);

/*
 * Runs it to its end. It is in a process group of its own: Ctrl-C is ours to act on, and we act
 * when it has ended. *ret_ns (may be NULL) is the time from before its start.
 * Errors: NVB_ERR_ENGINE (cannot start, ended with another status than 0: its last line is in the
 * message).
 */
int process_run(const struct process *process, int64_t *ret_ns, struct nvb_error **err);

/* The same as a measure_fn; target: a struct process. */
int process_measure(void *target, int64_t *ret_ns, struct nvb_error **err);

/*
 * The most memory that a program ever had, as it ends, whatever it says then. It must stay the
 * program that it is: one that becomes another is an error. Errors: NVB_ERR_ENGINE,
 * NVB_ERR_UNSUPPORTED (no tracing here).
 */
int process_peak(const struct process *process, int64_t *ret_bytes, struct nvb_error **err);
