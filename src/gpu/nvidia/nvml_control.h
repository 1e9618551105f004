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
 *	worker LIBRARY mig-mode PCI-ADDRESS			0 or 1
 *	worker LIBRARY mig-room PCI-ADDRESS PROFILE		how many could be made
 *	worker LIBRARY mig-create PCI-ADDRESS PROFILE START	the instance's number; "-": any
 *	worker LIBRARY mig-destroy PCI-ADDRESS GPU-INSTANCE	with its compute instances
 *	worker LIBRARY get-power-limit PCI-ADDRESS
 *	worker LIBRARY set-power-limit PCI-ADDRESS WORD		max, default, min, or milliwatts
 *
 * It answers with one line: "ok", "ok NUMBER", "missing FUNCTION", or "failed FUNCTION CODE TEXT".
 */
#pragma once

#include "gpu/inventory.h"

#define NVML_HAS_MEMORY_LIMITS	"has-memory-limits"
#define NVML_SET_MEMORY_LIMIT	"set-memory-limit"
#define NVML_GET_MEMORY_LIMIT	"get-memory-limit"
#define NVML_CLEAR_MEMORY_LIMIT "clear-memory-limit"
#define NVML_MIG_MODE		"mig-mode"
#define NVML_MIG_ROOM		"mig-room"
#define NVML_MIG_CREATE		"mig-create"
#define NVML_MIG_DESTROY	"mig-destroy"
#define NVML_GET_POWER_LIMIT	"get-power-limit"
#define NVML_SET_POWER_LIMIT	"set-power-limit"

#define NVML_CONTROL_MAX_WORDS 8

/*
 * `words` ends with NULL. The worker is this very program: its main() must know
 * CONTROL_WORKER_ARGUMENT (gpu/enrich.h). *ret_number is what it answered, 0 without a number; it
 * may be NULL. Errors:
 * NVB_ERR_UNSUPPORTED (no library, a missing function, not supported by the driver),
 * NVB_ERR_PERMISSION, NVB_ERR_BUSY (in use), NVB_ERR_NOT_FOUND, NVB_ERR_DRIVER (anything else that
 * NVML or the worker says), NO_MEMORY.
 */
int nvml_control(const struct inventory *inv, const char *const *words, uint64_t *ret_number,
	struct nvb_error **err);
