/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that NVML makes. As for questions (gpu/enrich.h), the library is loaded by a process of
 * its own, with a bounded life; but one with the caller's rights, because root alone may change
 * anything. Each change is one such process.
 *
 *	worker LIBRARY has-memory-limits
 *	worker LIBRARY set-memory-limit PCI-ADDRESS CGROUP-DIRECTORY BYTES
 *	worker LIBRARY get-memory-limit PCI-ADDRESS CGROUP-DIRECTORY
 *	worker LIBRARY clear-memory-limit PCI-ADDRESS CGROUP-DIRECTORY
 *
 * It answers with one line: "ok", "ok NUMBER", "missing FUNCTION", or "failed FUNCTION CODE TEXT".
 */
#pragma once

#include "gpu/inventory.h"

#define NVML_HAS_MEMORY_LIMITS	"has-memory-limits"
#define NVML_SET_MEMORY_LIMIT	"set-memory-limit"
#define NVML_GET_MEMORY_LIMIT	"get-memory-limit"
#define NVML_CLEAR_MEMORY_LIMIT "clear-memory-limit"

#define NVML_CONTROL_MAX_WORDS 8

/*
 * `words` ends with NULL. The worker is this very program: its main() must know
 * CONTROL_WORKER_ARGUMENT (gpu/enrich.h). *ret_number is what it answered, 0 without a number; it
 * may be NULL. Errors:
 * NVB_ERR_UNSUPPORTED (no library, a missing function, not supported by the driver),
 * NVB_ERR_PERMISSION, NVB_ERR_DRIVER (anything else that NVML or the worker says), NO_MEMORY.
 */
int nvml_control(const struct inventory *inv, const char *const *words, uint64_t *ret_number,
	struct nvb_error **err);
