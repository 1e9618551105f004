/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Windows machine's GPUs in WSL2. One node, /dev/dxg, serves all of them, and Linux does not
 * learn how many there are: they are one GPU here.
 */
#include "gpu/nvidia/driver_files.h"
#include "gpu/nvidia/nvml_enrich.h"
#include "gpu/vendor.h"
#include "gpu/wsl/driver_store.h"

#define DXG_PATH "/dev/dxg"

static int add_gpu(struct gpu_discovery *d, struct nvb_error **err)
{
	struct gpu *gpu = gpu_add(d, GPU_VENDOR_WSL, NULL);

	if (!gpu)
		return NVB_OOM(err);
	gpu->driver = "dxg";
	return gpu_add_node(d, &gpu->nodes, DXG_PATH, CAPABILITY_ALL, false, err);
}

static int discover(struct gpu_discovery *d, struct nvb_error **err)
{
	struct gpu_driver *driver;
	int r;

	if (!host_tree_exists(d->tree, DXG_PATH))
		return 0;
	r = add_gpu(d, err);
	if (r < 0)
		return r;
	driver = gpu_add_driver(d, GPU_VENDOR_WSL, "dxg");
	if (!driver)
		return NVB_OOM(err);
	driver->flavor = "wsl";
	driver->brings_user_space = true;
	driver->files_prefix = d->inv->host_prefix;
	if (string_list_add(d->inv->arena, &driver->spec_environment,
		    NVIDIA_SPEC_ENVIRONMENT) < 0)
		return NVB_OOM(err);
	return wsl_find_driver_files(d, driver, err);
}

const struct gpu_vendor_ops gpu_vendor_wsl = {
	.vendor = GPU_VENDOR_WSL,
	.discover = discover,
	.enrich = nvml_enrich,
};
