/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/enrich.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/vendor.h"

/* A worker is started by it even where the program's file was replaced, or is in no place that
 * nobody can reach. */
#define OWN_PROGRAM "/proc/self/exe"
#define WORKER_NAME "nvbind"
#define INSTALLED_WORKER NVBIND_BINDIR "/" WORKER_NAME
#define PATH_BYTES 4096
/* NVML initialises in tens of milliseconds, in seconds on a machine without persistence mode. */
#define TIMEOUT_MS 10000

int inventory_enrich(
	struct inventory *inv, const struct enrich_options *options, struct nvb_error **err)
{
	int answered = 0;

	for (const struct gpu_vendor_ops *const *ops = gpu_vendors; *ops; ops++) {
		int r = (*ops)->enrich ? (*ops)->enrich(inv, (*ops)->vendor, options, err) : 0;

		if (r < 0)
			return r;
		answered |= r;
	}
	return answered;
}

int inventory_ask_library(struct inventory *inv, struct nvb_error **err)
{
	static const struct enrich_options options = { OWN_PROGRAM, TIMEOUT_MS };

	return inventory_enrich(inv, &options, err);
}

static int open_worker(void)
{
	char path[PATH_BYTES + sizeof(WORKER_NAME)];
	const ssize_t n = readlink(OWN_PROGRAM, path, PATH_BYTES - 1);
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
	int fd = -1;

	if (slash) {
		memcpy(slash + 1, WORKER_NAME, sizeof(WORKER_NAME));
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	return fd >= 0 ? fd : open(INSTALLED_WORKER, O_PATH | O_CLOEXEC);
}

int inventory_ask_library_apart(struct inventory *inv, struct nvb_error **err)
{
	_cleanup_close_ int fd = open_worker();
	char path[64];

	/* By its descriptor: it may be in no place that the worker, who is nobody, can reach. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return inventory_enrich(inv,
		&(struct enrich_options){ fd >= 0 ? path : INSTALLED_WORKER, TIMEOUT_MS }, err);
}
