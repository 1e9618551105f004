/* SPDX-License-Identifier: Apache-2.0 */
#include "base/user_namespace.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

/* The kernel takes 340 lines. Source: user_namespaces(7). */
#define MAP_BYTES ((size_t)16 << 10)
#define ALL_IDS	  UINT32_MAX

struct range {
	uint32_t inside, outside, count;
};

/* False: no more lines. */
static bool next_range(const char **at, struct range *ret)
{
	int length = 0;

	if (sscanf(*at, "%u %u %u%n", &ret->inside, &ret->outside, &ret->count, &length) < 3)
		return false;
	*at += length;
	return true;
}

bool user_namespace_is_initial(void)
{
	_cleanup_free_ char *text = NULL;
	const char *at;
	struct range range;

	if (file_read_path("/proc/self/uid_map", MAP_BYTES, &text, NULL) < 0)
		return true;
	at = text;
	return next_range(&at, &range) && range.inside == 0 && range.outside == 0 &&
	       range.count == ALL_IDS;
}

static bool map_has(const char *path, uint32_t id)
{
	_cleanup_free_ char *text = NULL;
	struct range range;
	const char *at;

	if (file_read_path(path, MAP_BYTES, &text, NULL) < 0)
		return true;
	at = text;
	while (next_range(&at, &range))
		if (id >= range.inside && id - range.inside < range.count)
			return true;
	return false;
}

bool user_namespace_has_id(uint32_t id)
{
	return map_has("/proc/self/uid_map", id) && map_has("/proc/self/gid_map", id);
}
