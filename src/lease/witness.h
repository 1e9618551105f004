/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a slot's holder is still there: asks the witnesses that the slot names. */
#pragma once

#include "lease/lease_file.h"

struct lease_process {
	pid_t pid;
	uint64_t start_ticks;
};

/*
 * The first witness that is there, the cheap and exact ones first; LEASE_WITNESS_NONE if all are
 * gone. `head` may be torn. *ret_found is the process that the pid-file names (pid 0: it was not
 * asked, or names none).
 */
enum lease_witness witness_find(const struct lease_dir *dir, const struct lease_file *file,
	unsigned slot, const struct lease_head *head, const struct lease_body *body,
	bool body_is_whole, struct lease_process *ret_found);

/* 1: runs, with the time it started at. 0: there is none, or it only waits to be reaped. -errno. */
errint_t witness_process(pid_t pid, uint64_t *ret_start_ticks);

/* What numbers of processes, start times and paths of groups belong to. 0: unknown. */
uint32_t witness_namespaces(void);

/* Now, on the clock that processes' start times are of. */
uint64_t witness_now_ns(void);
