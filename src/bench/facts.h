/* SPDX-License-Identifier: Apache-2.0 */
/* What numbers have to be read with: the machine that they are of. */
#pragma once

#include "bench/report.h"

/* Kernel, processor, cores. What is not known stays NULL or 0. */
void facts_read(struct arena *a, struct bench_machine *ret);
/* The first line that a program says of itself with --version; NULL: it says nothing. */
const char *facts_version(struct arena *a, const char *program);
