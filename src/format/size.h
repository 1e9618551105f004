/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sizes and percentages as people write them.
 *
 * 8G, 8GB, 8Gi and 8GiB are the same: units are powers of 1024, as container engines read them
 * (docker --memory) and as GPU memory is sold. Units are case-insensitive: B K M G T P. One
 * space may stand before the unit, and a unit above B allows up to three decimals: "1.5 GiB". No
 * unit is bytes.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* Errors: NVB_ERR_USAGE, also for what does not fit 64 bits. */
int size_parse(const char *text, uint64_t *ret_bytes, struct nvb_error **err);

/* "80" and "80%" are 80; integers from 0 to 100. Errors: NVB_ERR_USAGE. */
int percent_parse(const char *text, unsigned *ret_percent, struct nvb_error **err);

#define SIZE_TEXT_BYTES 24

/* "512 B", "8.0 GiB": one decimal, rounded to nearest. Returns `text`. */
const char *size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES]);
