/* SPDX-License-Identifier: Apache-2.0 */
/* Order statistics of samples: no mean, which one disturbance moves. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct stats {
	size_t n;
	int64_t min, p5, p50, p95, max;
};

/* Nearest rank; sorts `samples`. n > 0. */
struct stats stats_of(int64_t *samples, size_t n);

/* 1000 * more / less, rounded. 0: one of them is not above zero, or it is beyond all sense. */
uint64_t stats_ratio_permille(int64_t more, int64_t less);
