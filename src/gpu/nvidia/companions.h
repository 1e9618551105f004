/* SPDX-License-Identifier: Apache-2.0 */
/* Devices beside NVIDIA's GPUs: IMEX channels, GPUDirect Storage and RDMA, GDRCopy, NVSwitch. */
#pragma once

#include "gpu/vendor.h"

int nvidia_find_companions(struct gpu_discovery *d, struct nvb_error **err);
