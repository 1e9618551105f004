/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/advice.h"

#include <string.h>

/*
 * Source: NVIDIA open-gpu-kernel-modules 550, kernel-open/ (module names, device registration);
 * CUDA needs nvidia-uvm, EGL and Vulkan on a display need nvidia-modeset and nvidia-drm.
 */
static const struct advice_module nvidia_modules[] = {
	{ "nvidia_uvm", CAPABILITY_COMPUTE, "CUDA and OpenCL do not start" },
	{ "nvidia_modeset", CAPABILITY_DISPLAY, "no display and no Vulkan on one" },
	{ "nvidia_drm", CAPABILITY_GRAPHICS, "no Wayland, no GBM, no render node" },
};

static const struct advice_major nvidia_majors[] = {
	{ "/dev/nvidia-uvm*", "nvidia-uvm" },
	{ "/dev/nvidia-caps/*", "nvidia-caps" },
};

/* Source: NVIDIA Fabric Manager User Guide; CUDA Driver API, CUDA_ERROR_SYSTEM_NOT_READY. */
static const struct advice_daemon nvidia_fabric_manager = {
	.name = "nvidia-fabricmanager",
	.node_directory = "/dev",
	.nodes = "nvidia-nvswitch[0-9]*",
	.socket = "/run/nvidia-fabricmanager/socket",
	.process = "nv-fabricmanage",
	.without = "the NVSwitches are not set up, and CUDA reports error 802 (system not yet "
		   "initialized)",
	.fix = "install nvidia-fabricmanager of the driver's version; systemctl enable --now "
	       "nvidia-fabricmanager",
};

static const struct advice table[] = {
	{
		.vendor = GPU_VENDOR_NVIDIA,
		.driver = "nvidia",
		.no_driver = "load the driver: modprobe nvidia",
		.lost = "look for 'Xid' in the kernel's log; then reset the GPU with "
			"nvidia-smi --gpu-reset, or restart the machine",
		.no_files = "install the driver's user-space libraries, of the same version as "
			    "the kernel module",
		.mismatch = "restart the machine, or unload and load the nvidia modules: the "
			    "driver was replaced while the old module was in use",
		.nodes = "make the nodes as root: nvidia-modprobe -c 0 -u -m",
		.modules = nvidia_modules,
		.n_modules = ELEMENTS(nvidia_modules),
		.majors = nvidia_majors,
		.n_majors = ELEMENTS(nvidia_majors),
		.daemon = &nvidia_fabric_manager,
	},
	{
		.vendor = GPU_VENDOR_NVIDIA,
		.no_driver = "install NVIDIA's driver and load it: modprobe nvidia",
		.lost = "restart the machine",
		.nodes = "load the driver again, or restart udev: udevadm trigger",
	},
	{
		.vendor = GPU_VENDOR_AMD,
		.no_driver = "load the driver: modprobe amdgpu",
		.lost = "look for 'amdgpu' in the kernel's log, then restart the machine",
		.nodes = "check that amdgpu is loaded and that udev runs: udevadm trigger",
	},
	{
		.vendor = GPU_VENDOR_INTEL,
		.no_driver = "load the driver: modprobe xe, or modprobe i915 for older GPUs",
		.lost = "look for 'i915' or 'xe' in the kernel's log, then restart the machine",
		.nodes = "check that i915 or xe is loaded and that udev runs: udevadm trigger",
	},
	{
		.vendor = GPU_VENDOR_WSL,
		.no_driver = "install a GPU driver with WSL support in Windows",
		.lost = "restart WSL: wsl --shutdown in Windows",
		.no_files = "install the GPU driver in Windows, then wsl --shutdown",
		.nodes = "update WSL: wsl --update in Windows",
	},
};

const struct advice *advice_for(enum gpu_vendor vendor, const char *driver)
{
	const struct advice *of_vendor = &table[0];

	for (size_t i = 0; i < ELEMENTS(table); i++) {
		if (table[i].vendor != vendor)
			continue;
		if (driver && table[i].driver && strcmp(table[i].driver, driver) == 0)
			return &table[i];
		if (!table[i].driver)
			of_vendor = &table[i];
	}
	return of_vendor;
}
