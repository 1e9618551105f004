/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/enrichment.h"

#include "gpu/enrich.h"

/* NVML initialises in tens of milliseconds, in seconds on a machine without persistence mode. */
#define TIMEOUT_MS 10000

int enrichment_run(struct inventory *inv, struct nvb_error **err)
{
	char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	struct enrich_options options = { .worker_program = program, .timeout_ms = TIMEOUT_MS };

	if (n < 0)
		return NVB_RAISE(err, NVB_ERR_FAILED, errno, "find our own program");
	program[n] = '\0';
	return inventory_enrich(inv, &options, err);
}
