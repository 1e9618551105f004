/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The topology of AMD's compute driver: one node per CPU socket and per GPU partition.
 *
 * /sys/class/kfd/kfd/topology/nodes/N/properties holds lines "name value".
 * Source: Linux, drivers/gpu/drm/amd/amdkfd/kfd_topology.c, node_show().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gpu/vendor.h"

struct kfd_node {
	unsigned number;     /* of the topology's directory */
	uint64_t simd_count; /* 0: a CPU */
	uint64_t gfx_target_version;
	uint64_t location_id; /* bus, device, function or partition: see kfd_is_at() */
	uint64_t domain;
	uint64_t drm_render_minor;
	uint64_t unique_id; /* 0: unknown */
};

struct kfd_node_list VEC(struct kfd_node);

/* Lines that are not understood are skipped; what is not told stays 0. */
void kfd_properties_parse(const char *text, size_t length, struct kfd_node *node);
/* "90402" is "gfx942"; NULL: unknown, or out of memory. */
const char *kfd_gfx_name(struct arena *a, uint64_t gfx_target_version);
/* "GPU-0123456789abcdef", as ROCm prints it; NULL: unknown, or out of memory. */
const char *kfd_uuid(struct arena *a, uint64_t unique_id);

/* The GPU nodes. A machine without the compute driver gives an empty list. */
int kfd_read_nodes(struct gpu_discovery *d, struct kfd_node_list *ret, struct nvb_error **err);
/* True if the node belongs to the PCI device at `address`, whichever function it has. */
bool kfd_is_at(const struct kfd_node *node, const char *address);
/* Sum of the node's own memory banks; 0: unknown. */
uint64_t kfd_read_memory_bytes(struct gpu_discovery *d, const struct kfd_node *node);
