/* SPDX-License-Identifier: Apache-2.0 */
#include "samples.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t samples_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int samples_pin(void)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -1;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) < 0 ? -1 : cpu;
	}
	return -1;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* Nearest rank. */
static double percentile_us(const struct samples *s, unsigned percent)
{
	size_t rank = (s->n * percent + 99) / 100;

	return (double)s->ns[rank ? rank - 1 : 0] / 1000 / s->batch;
}

void samples_print(const char *name, struct samples *s)
{
	qsort(s->ns, s->n, sizeof(*s->ns), compare_ns);
	printf("\"%s\": {\"runs\": %zu, \"batch\": %u, \"min_us\": %.3f, \"p5_us\": %.3f, "
	       "\"p50_us\": %.3f, \"p95_us\": %.3f, \"p99_us\": %.3f}",
		name, s->n, s->batch, percentile_us(s, 0), percentile_us(s, 5),
		percentile_us(s, 50), percentile_us(s, 95), percentile_us(s, 99));
}

int samples_drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	sync();
	written = write(fd, "3", 1);
	(void)close(fd);
	return written == 1 ? 0 : -1;
}
