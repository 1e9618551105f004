/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

#define BYTES 67

static uint64_t digest_of(const void *data, size_t length)
{
	return digest_add(DIGEST_START, data, length);
}

static void test_every_bit_counts(void **state)
{
	unsigned char data[BYTES] = "some text";
	const uint64_t was = digest_of(data, BYTES);

	(void)state;
	for (size_t bit = 0; bit < BYTES * 8; bit++) {
		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_true(digest_of(data, BYTES) != was);
		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_true(digest_of(data, BYTES) == was);
}

static void test_length_order_and_parts_count(void **state)
{
	static const unsigned char zeros[BYTES];

	(void)state;
	for (size_t length = 0; length < BYTES; length++)
		assert_true(digest_of(zeros, length) != digest_of(zeros, length + 1));
	assert_true(digest_of("12345678abcdefgh", 16) != digest_of("abcdefgh12345678", 16));
	assert_true(digest_of("ab", 2) != digest_add(digest_of("a", 1), "b", 1));
	assert_true(
		digest_add_u64(digest_add_u64(1, 2), 3) != digest_add_u64(digest_add_u64(1, 3), 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_length_order_and_parts_count),
	};

	return cmocka_run_group_tests_name("base digest", tests, NULL, NULL);
}
