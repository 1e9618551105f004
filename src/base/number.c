/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <string.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

static bool parse_base(const char *s, size_t length, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!length)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)digit_value(s[i]);

		if (digit >= base)
			return false;
		if (digit > max || value > (max - digit) / base)
			return false;
		value = value * base + digit;
	}
	*ret = value;
	return true;
}

bool number_parse_n(const char *s, size_t length, uint64_t max, uint64_t *ret_value)
{
	return parse_base(s, length, 10, max, ret_value);
}

bool number_parse(const char *s, uint64_t max, uint64_t *ret_value)
{
	return parse_base(s, strlen(s), 10, max, ret_value);
}

bool number_parse_hex(const char *s, uint64_t max, uint64_t *ret_value)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	return parse_base(s, strlen(s), 16, max, ret_value);
}
