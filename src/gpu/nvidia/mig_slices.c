/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/mig_slices.h"

#include <ctype.h>
#include <string.h>

/* Source: NVIDIA, "Multi-Instance GPU User Guide", "Supported GPUs" and "Supported MIG Profiles":
 * the N of the largest profile, "Ng.SIZEgb". */
static const struct {
	const char *model; /* a word of the GPU's name, up to a '-' */
	unsigned slices;
} models[] = {
	{ "A30", 4 },
	{ "A100", 7 },
	{ "H100", 7 },
	{ "H200", 7 },
	{ "GH200", 7 },
	{ "B200", 7 },
	{ "GB200", 7 },
	{ "PRO 6000", 4 },
};

static bool names(const char *name, const char *model)
{
	const size_t length = strlen(model);

	for (const char *at = strstr(name, model); at; at = strstr(at + 1, model))
		if ((at == name || at[-1] == ' ') && !isalnum((unsigned char)at[length]))
			return true;
	return false;
}

unsigned mig_slices_of(const struct gpu *gpu)
{
	for (size_t i = 0; gpu->name && i < ELEMENTS(models); i++)
		if (names(gpu->name, models[i].model))
			return models[i].slices;
	return 0;
}
