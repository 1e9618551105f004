/* SPDX-License-Identifier: Apache-2.0 */
#include "nvbind/info.h"

#include <string.h>

bool info_driver_works(const struct inventory *inv, const struct gpu *gpu, const char **ret_reason)
{
	const struct gpu_driver *d = inventory_driver(inv, gpu);

	*ret_reason = NULL;
	if (gpu->state != GPU_USABLE)
		*ret_reason = gpu->state_reason ? gpu->state_reason : gpu_state_name(gpu->state);
	else if (!d)
		*ret_reason = "no driver";
	else if (d->brings_user_space && !d->files.n)
		*ret_reason = "the driver's files are not installed";
	else if (d->files_version && d->version && strcmp(d->files_version, d->version) != 0)
		*ret_reason = "the driver's files are of another version than the kernel module";
	return !*ret_reason;
}
