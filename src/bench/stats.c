/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/stats.h"

#include <assert.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static int64_t rank(const int64_t *sorted, size_t n, size_t percent)
{
	/* Not n * percent + 99: that could overflow. */
	size_t at = n / 100 * percent + (n % 100 * percent + 99) / 100;

	return sorted[at ? at - 1 : 0];
}

struct stats stats_of(int64_t *samples, size_t n)
{
	assert(n);
	qsort(samples, n, sizeof(*samples), compare);
	return (struct stats){
		.n = n,
		.min = samples[0],
		.p5 = rank(samples, n, 5),
		.p50 = rank(samples, n, 50),
		.p95 = rank(samples, n, 95),
		.max = samples[n - 1],
	};
}

uint64_t stats_ratio_permille(int64_t more, int64_t less)
{
	uint64_t scaled;

	if (more <= 0 || less <= 0 || __builtin_mul_overflow((uint64_t)more, 1000, &scaled))
		return 0;
	return (scaled + (uint64_t)less / 2) / (uint64_t)less;
}
