/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a file of one cookie of a file of many; of that one, the same is made again. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "host/xauthority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *one = NULL, *again = NULL;
	size_t length = 0, again_length = 0;
	int r = xauthority_make(data, size, ":0", "me", &one, &length);

	CHECK(r == 0 || r == 1);
	if (r == 0) {
		CHECK(!one);
		return 0;
	}
	/* No more than what was there; the family and the address are ours. */
	CHECK(length <= size && length >= 10);
	CHECK(memcmp(one, "\xff\xff\x00\x00", 4) == 0);
	CHECK(xauthority_make(one, length, ":0", "you", &again, &again_length) == 1);
	CHECK(again_length == length && memcmp(one, again, length) == 0);
	return 0;
}
