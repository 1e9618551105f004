/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "gpu/nvidia/mig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *text = malloc(size ? size : 1);
	struct mig_minor_list list = { 0 };
	uint32_t minor;

	CHECK(a && text);
	if (size)
		memcpy(text, data, size);
	CHECK(mig_minors_parse(text, size, a, &list) == 0);
	CHECK(list.n <= size);
	if (mig_minors_find_control(text, size, "config", &minor))
		CHECK(memmem(text, size, "config ", strlen("config ")) != NULL);
	vec_foreach (struct mig_minor, m, &list) {
		CHECK(m->gi >= 0 && m->ci >= -1);
		CHECK(mig_minors_find(&list, m->gpu, m->gi, m->ci, &minor));
		/* The list can be long, and the search goes through it. */
		if (m - list.items > 100)
			break;
	}
	return 0;
}
