/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime that really makes containers: this program becomes it. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/* A name or an absolute path, in place of the policy's list. */
#define LOW_LEVEL_VARIABLE "NVBIND_OCI_RUNTIME"
/*
 * Holds our process number when we become another program, and how often that was done:
 * "PID:DEPTH". exec() keeps it: who finds its own number in there was started by itself, whatever
 * stands between. What stands between may also fork: then only the depth tells.
 */
#define LOW_LEVEL_SELF_VARIABLE "NVBIND_RUNTIME_PID"

/*
 * The first of `names` that is installed and is not this very program, also under another name.
 * A plain name is looked for in SPAWN_SYSTEM_PATH. The path is malloc'd.
 * Errors: NVB_ERR_ENGINE: none is left, or this program was started by itself.
 */
int low_level_find(const struct string_list *names, char **ret_path, struct nvb_error **err);

/* Returns only if it fails. argv[0] is replaced by `path`. */
int low_level_exec(const char *path, char **argv, struct nvb_error **err);
