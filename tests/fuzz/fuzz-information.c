/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "gpu/nvidia/information.h"

static void check_text(const char *s, size_t size)
{
	CHECK(!s || (*s && strlen(s) <= size && !strchr(s, '\n')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_free_ char *text = malloc(size ? size : 1);
	struct information info;

	CHECK(a && text);
	if (size)
		memcpy(text, data, size);
	CHECK(information_parse(text, size, a, &info) == 0);
	check_text(info.model, size);
	check_text(info.uuid, size);
	CHECK(info.minor >= -1);
	CHECK(info.minor >= 0 || info.missing);
	return 0;
}
