/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a bench names what it makes: PREFIX PID "-XXXXXX" is the
 * directory, PREFIX PID the control group of its containers. The directory is flock()ed for as long
 * as the bench lives, so that the next one finds what a killed one left.
 */
#pragma once

#include "base/path.h"

#define PLACE_PREFIX "nvbind-bench-"

/* -EWOULDBLOCK: a bench lives there. */
errint_t place_lock(const char *path, int *ret_fd);
/* Removes what killed benches of this user left in `parent`: processes, control groups, files. */
void place_sweep(const char *parent);
