/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/nvbind/runtime.json: how nvbind-runtime behaves on this machine. JSON, because the
 * runtime links no other reader; every key is optional; one table of keys drives reader, writer,
 * the documentation and `nvbind migrate`.
 *
 * A file that somebody other than root or the caller could have written is an error, not ignored: a
 * policy that silently falls back to the permissive default would be none. In a user namespace that
 * does not know the machine's root (rootless engines) nobody's trust can be told, and no policy
 * binds the user who made it: there the file is read whoever it belongs to.
 */
#pragma once

#include "base/log.h"
#include "request/container_request.h"

#define RUNTIME_POLICY_PATH "/etc/nvbind/runtime.json"
#define RUNTIME_POLICY_VARIABLE "NVBIND_RUNTIME_CONFIG" /* the path of another one */
/* The key, and what it is where it is absent. */
#define RUNTIME_POLICY_LOW_LEVEL_RUNTIMES "low_level_runtimes"
#define RUNTIME_POLICY_DEFAULT_RUNTIMES "runc", "crun"
#define RUNTIME_POLICY_LIST_ITEMS 64 /* at most, of any list */

#define RUNTIME_POLICY_TRUST_WORDS(X)                                                              \
	X("never", POLICY_NEVER)                                                                   \
	X("privileged", POLICY_PRIVILEGED)                                                         \
	X("always", POLICY_ALWAYS)
#define RUNTIME_POLICY_LEVEL_WORDS(X)                                                              \
	X("error", LOG_LEVEL_ERROR)                                                                \
	X("warning", LOG_LEVEL_WARNING)                                                            \
	X("info", LOG_LEVEL_NOTICE)                                                                \
	X("debug", LOG_LEVEL_DEBUG)

struct runtime_policy {
	struct container_policy container;
	struct string_list low_level_runtimes; /* names or absolute paths, in order; default runc, crun */
	const char *host_root;   /* the machine that the GPUs are read from; default "/".
				  * NVBIND_HOST_ROOT counts more than the file */
	const char *log_path;    /* a log of our own; NULL: only where the engine says */
	const char *log_level;   /* "error", "warning", "info", "debug" */
};

/* X-table, help and man page: see runtime_policy.c. Walks the keys with what they mean. */
typedef void (*runtime_policy_key_function)(void *user, const char *key, const char *values,
	const char *default_value, const char *meaning);
void runtime_policy_for_each_key(runtime_policy_key_function each, void *user);

/* The words of log_level, as runc has them too. */
const char *runtime_policy_level_name(enum log_level level);
enum log_level runtime_policy_level(const struct runtime_policy *policy);

/* That of a machine without a file. Static text only. */
struct runtime_policy runtime_policy_default(void);

/*
 * NVBIND_RUNTIME_CONFIG, else RUNTIME_POLICY_PATH, which may be absent. Strings go into `a`.
 * Errors: NVB_ERR_FORMAT (file and key, nearest key), NVB_ERR_PERMISSION (others may write it),
 * NVB_ERR_USAGE (NVBIND_RUNTIME_CONFIG is no absolute path), NVB_ERR_IO, NVB_ERR_NO_MEMORY.
 */
int runtime_policy_read(struct arena *a, struct runtime_policy *ret, struct nvb_error **err);
/* The file's text for a policy: only what differs from the default. malloc'd JSON. */
int runtime_policy_format(const struct runtime_policy *policy, char **ret_text,
	struct nvb_error **err);
