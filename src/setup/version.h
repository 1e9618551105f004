/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/tree.h"

/* The first of `names` (by blanks) that is installed, as the machine sees it; or NULL. */
const char *setup_program(const struct host_tree *tree, struct arena *a, const char *names);
/* "26.1.5", by asking it. NULL: none is installed, or it is not this machine's to run. */
const char *setup_version(const struct host_tree *tree, struct arena *a, const char *names);
