/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <string.h>

/* Odd, and half of its bits are set: from the fraction of the square root of 2. */
#define FACTOR UINT64_C(0x6a09e667f3bcc909)

/* Every part can be undone, so a change within one word always changes the digest. */
uint64_t digest_add_u64(uint64_t digest, uint64_t value)
{
	digest = (digest ^ value) * FACTOR;
	return digest ^ digest >> 32;
}

uint64_t digest_add(uint64_t digest, const void *data, size_t length)
{
	const unsigned char *at = data;
	uint64_t word = 0;
	size_t left = length;

	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		digest = digest_add_u64(digest, word);
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	digest = digest_add_u64(digest, word);
	return digest_add_u64(digest, length);
}
