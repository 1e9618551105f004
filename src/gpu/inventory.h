/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: an immutable snapshot of a machine's GPUs, their nodes and driver files.
 * Data types only; src/gpu/discover.h makes one.
 *
 * A value that is not known is NULL, or 0 where 0 cannot be a real value; it is never made up.
 * All strings belong to the inventory's arena.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "gpu/capability.h"
#include "host/tree.h"

enum gpu_vendor {
	GPU_VENDOR_NVIDIA,
	GPU_VENDOR_AMD,
	GPU_VENDOR_INTEL,
	GPU_VENDOR_WSL, /* a Windows GPU behind /dev/dxg */
	GPU_VENDOR_COUNT,
};

enum gpu_state {
	GPU_USABLE,
	GPU_LOST,      /* on the bus, but the driver no longer answers for it */
	GPU_NO_DRIVER, /* no driver bound */
	GPU_RESERVED,  /* bound to a driver that gives it away, e.g. vfio-pci */
};

/* A node and what it is needed for. */
struct gpu_node {
	struct host_node node;
	capability_set needed_for; /* goes into a container that wants any of these */
	bool optional;             /* left out silently where the machine does not have it */
};

struct gpu_node_list VEC(struct gpu_node);

/* A MIG compute instance, or a partition (XCP) of an AMD GPU. */
struct gpu_partition {
	unsigned index; /* j in the selector "i:j" */
	int gi, ci;     /* MIG: GPU instance and compute instance id; else -1 */
	const char *uuid;
	const char *profile; /* "1g.10gb" */
	const char *render_node;
	uint64_t memory_bytes;
	struct gpu_node_list nodes;
	/* False (MIG): nodes go beside the parent's. True (XCP): they replace the parent's. */
	bool standalone;
};

struct gpu_partition_list VEC(struct gpu_partition);

struct gpu {
	/*
	 * NVIDIA first, then AMD, Intel, WSL. Within a vendor PCI order, but GPUs that no driver
	 * serves (no-driver, reserved) come last: so N is what nvidia-smi calls GPU N.
	 */
	unsigned index;
	enum gpu_vendor vendor;
	enum gpu_state state;
	const char *state_reason; /* NULL if usable */
	const char *name;
	const char *uuid;
	const char *pci_address; /* NULL under WSL2 */
	uint32_t pci_vendor, pci_device;
	const char *driver; /* kernel driver: "nvidia", "nouveau", "amdgpu", "xe", "i915", "dxg" */
	int minor;          /* N of /dev/nvidiaN; -1: unknown */
	int numa_node;      /* -1: unknown */
	uint64_t memory_bytes;
	const char *compute_capability; /* "9.0"; AMD: "gfx942" */
	const char *render_node, *card_node;
	bool mig_enabled;
	struct gpu_node_list nodes;
	struct gpu_partition_list partitions;
	/* Of every MIG instance that could be made of it; see inventory_find_mig_control(). */
	struct gpu_node_list mig_nodes;
};

struct gpu_list VEC(struct gpu);

enum driver_file_kind {
	DRIVER_FILE_LIBRARY,  /* goes below the container's library directory of its ELF class */
	DRIVER_FILE_PROGRAM,  /* /usr/bin */
	DRIVER_FILE_FIRMWARE, /* /lib/firmware, same path */
	DRIVER_FILE_CONFIG,   /* a fixed place in the container: ICD files, profiles */
	DRIVER_FILE_SOCKET,   /* same path */
	DRIVER_FILE_DATA,     /* a fixed place: WSL driver store, X server modules */
};

struct driver_file {
	enum driver_file_kind kind;
	/*
	 * It goes into a container that wants any of `needed_for` and all of `requires_all`:
	 * a 32-bit libcuda has needed_for COMPUTE | VIDEO and requires_all COMPAT32.
	 */
	capability_set needed_for;
	capability_set requires_all;
	const char *host_path; /* to open from outside of the tree: prefix + real path, no links */
	/*
	 * LIBRARY: path below the library directory under its own file name, e.g.
	 * "libcuda.so.550.163.01", "vdpau/libvdpau_nvidia.so.550.163.01"; Wine's DLLs are
	 * "nvidia/wine/nvngx.dll" here, because Proton looks beside libGLX_nvidia.so.0.
	 * Others: absolute path.
	 */
	const char *target;
	/*
	 * LIBRARY: further names (SONAME, names that programs dlopen), relative to the directory
	 * of `target`: "libcuda.so.1", "gbm/nvidia-drm_gbm.so". Not the file's own name.
	 */
	struct string_list aliases;
	const char *soname; /* LIBRARY: DT_SONAME, NULL: none */
	int elf_class;      /* LIBRARY: 32 or 64 */
};

struct driver_file_list VEC(struct driver_file);

/* The kernel driver of one vendor and what its user space brings. */
struct gpu_driver {
	enum gpu_vendor vendor;
	const char *name;    /* "nvidia", "nouveau", "amdgpu", ... */
	const char *version; /* NULL: unknown (in-tree drivers have none) */
	const char *flavor;  /* "open", "proprietary", "in-tree", "wsl" */
	/* Version of the driver files found; NULL: none found. NVIDIA refuses a mismatch. */
	const char *files_version;
	struct gpu_node_list common_nodes; /* control nodes: once per container */
	/* The right to make MIG instances, and to watch all of them; empty where the driver knows
	 * of none, and until inventory_find_mig_control(). */
	struct gpu_node_list mig_config_nodes, mig_monitor_nodes;
	struct driver_file_list files;
	/* What host_path of `files` begins with: the inventory's prefix, or a containerised driver's
	 * root. The rest is the path as the driver's own system sees it. */
	const char *files_prefix;
	/* NAME=VALUE that a container needs for this driver to be found (WSL2). */
	struct string_list environment;
	/* The directories that `environment` makes known; the loader's cache can do that too. */
	struct string_list loader_folders;
	/* NAME=VALUE for a container that a CDI spec gave its GPUs: keeps the vendor's own tools
	 * from adding others. */
	struct string_list spec_environment;
	/* Its libraries make nodes of all GPUs, where they may and are not told otherwise. */
	bool makes_nodes;
	/* False: the user space is the image's own (AMD, Intel, nouveau). */
	bool brings_user_space;
};

struct gpu_driver_list VEC(struct gpu_driver);

/* What a class of devices beside the GPUs is good for. */
enum companion_use {
	COMPANION_CHOSEN,  /* asked for by name only: a channel, a part of the machine's fabric */
	COMPANION_DATA,    /* paths for data that programs of many GPUs or machines use */
	COMPANION_MANAGES, /* the machine's GPUs as a whole: for tools that configure them */
};

struct companion_device {
	const char *name; /* "all", "7" */
	struct gpu_node_list nodes;
};

struct companion_device_list VEC(struct companion_device);

/* Devices beside the GPUs, as one CDI kind. A class that the machine has none of is there too. */
struct gpu_companion {
	enum gpu_vendor vendor;
	const char *kind; /* "VENDOR/CLASS" */
	enum companion_use use;
	const char *remedy; /* what makes the machine have such devices, as a hint */
	struct companion_device_list devices;
	struct driver_file_list files; /* `target` is where they are on the host too */
};

struct gpu_companion_list VEC(struct gpu_companion);

struct inventory {
	struct arena *arena;
	const char *host_prefix; /* "" for the running machine */
	struct gpu_list gpus;
	struct gpu_driver_list drivers;
	struct gpu_companion_list companions; /* empty until inventory_find_companions() */
	struct string_list warnings;
};

void inventory_free(struct inventory *inv);
DEFINE_FREEP(struct inventory, inventory_free)

/* The driver that serves this GPU; NULL if none does. */
const struct gpu_driver *inventory_driver(const struct inventory *inv, const struct gpu *gpu);
const char *gpu_vendor_name(enum gpu_vendor vendor);
/* The CDI kinds under which the vendor's GPUs are known; ends with NULL. Some share theirs. */
const char *const *gpu_vendor_kinds(enum gpu_vendor vendor);
const char *gpu_state_name(enum gpu_state state);
