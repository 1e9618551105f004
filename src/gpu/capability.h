/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver capabilities: the vocabulary of NVIDIA_DRIVER_CAPABILITIES, for every vendor.
 * Source: NVIDIA Container Toolkit documentation, "Driver Capabilities".
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

typedef uint32_t capability_set;

/* X(symbol, name, meaning) in the order of output. */
#define CAPABILITY_TABLE(X)                                        \
	X(COMPUTE, "compute", "CUDA, OpenCL, ROCm, Level Zero")    \
	X(UTILITY, "utility", "nvidia-smi, NVML")                  \
	X(VIDEO, "video", "video encoding and decoding")           \
	X(GRAPHICS, "graphics", "OpenGL, Vulkan, ray tracing")     \
	X(DISPLAY, "display", "X11, Wayland, mode setting")        \
	X(NGX, "ngx", "NGX and DLSS")                              \
	X(COMPAT32, "compat32", "the 32-bit libraries of all of these")

enum capability_bit {
#define X(symbol, name, meaning) CAPABILITY_BIT_##symbol,
	CAPABILITY_TABLE(X)
#undef X
	CAPABILITY_BIT_COUNT,
};

enum {
#define X(symbol, name, meaning) CAPABILITY_##symbol = 1u << CAPABILITY_BIT_##symbol,
	CAPABILITY_TABLE(X)
#undef X
	CAPABILITY_ALL = (1u << CAPABILITY_BIT_COUNT) - 1,
	/* What NVIDIA_DRIVER_CAPABILITIES means when it is unset. */
	CAPABILITY_DEFAULT = CAPABILITY_COMPUTE | CAPABILITY_UTILITY,
};

/* "compute,utility", "all"; an empty list is an error. Errors: NVB_ERR_USAGE, names the known. */
int capability_parse(const char *list, capability_set *ret_set, struct nvb_error **err);
void capability_format(capability_set set, struct strbuf *out);
/* Name and meaning by bit number, for help texts. */
const char *capability_name(enum capability_bit bit);
const char *capability_meaning(enum capability_bit bit);
