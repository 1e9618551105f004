/* SPDX-License-Identifier: Apache-2.0 */
#include "format/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"

#define MAX_DECIMALS 3

static const char units[] = "BKMGTP";

/* The power of 1024 that a unit means, or -1. */
static int unit_power(const char *unit)
{
	const char *letter;

	if (!*unit)
		return 0;
	letter = memchr(units, *unit >= 'a' ? *unit - 'a' + 'A' : *unit, sizeof(units) - 1);
	if (!letter)
		return -1;
	if (letter == units)
		return unit[1] ? -1 : 0;
	if (unit[1] && strcasecmp(unit + 1, "B") != 0 && strcasecmp(unit + 1, "i") != 0 &&
		strcasecmp(unit + 1, "iB") != 0)
		return -1;
	return (int)(letter - units);
}

static int raise_size(const char *text, const char *why, struct nvb_error **err)
{
	int r = NVB_RAISE(err, NVB_ERR_USAGE, 0, "'%.64s' is not a size: %s", text, why);

	return NVB_HINT(err, r, "write a number and a unit, as in 500M or 8GiB");
}

/* ".125" of a unit; *ret_bytes is rounded down to whole bytes. */
static bool parse_decimals(const char *digits, size_t n, int power, uint64_t *ret_bytes)
{
	uint64_t value, scale = 1;

	if (!n || n > MAX_DECIMALS || power == 0 || !number_parse_n(digits, n, 999, &value))
		return false;
	for (size_t i = 0; i < n; i++)
		scale *= 10;
	/* At most 999 * 2^50: no overflow. */
	*ret_bytes = (value << (10 * power)) / scale;
	return true;
}

int size_parse(const char *text, uint64_t *ret_bytes, struct nvb_error **err)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0;
	const char *rest = text + whole, *fraction = NULL;
	uint64_t value, bytes, extra = 0;
	int power;

	if (!whole)
		return raise_size(text, "it does not start with a number", err);
	if (*rest == '.') {
		fraction = rest + 1;
		decimals = strspn(fraction, "0123456789");
		rest = fraction + decimals;
	}
	if (rest[0] == ' ' && rest[1])
		rest++;
	power = unit_power(rest);
	if (power < 0)
		return raise_size(text, "the unit is unknown", err);
	if (fraction && !parse_decimals(fraction, decimals, power, &extra))
		return raise_size(text, "the decimals make no sense", err);
	if (!number_parse_n(text, whole, UINT64_MAX >> (10 * power), &value) ||
		__builtin_add_overflow(value << (10 * power), extra, &bytes))
		return raise_size(text, "it is too large", err);
	*ret_bytes = bytes;
	return 0;
}

int percent_parse(const char *text, unsigned *ret_percent, struct nvb_error **err)
{
	size_t length = strspn(text, "0123456789");
	uint64_t value;

	if ((text[length] && strcmp(text + length, "%") != 0) ||
		!number_parse_n(text, length, 100, &value))
		return NVB_RAISE(
			err, NVB_ERR_USAGE, 0, "'%.64s' is not a percentage from 0 to 100", text);
	*ret_percent = (unsigned)value;
	return 0;
}

const char *size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
	unsigned power = 0;
	uint64_t tenths;

	if (bytes < 1024) {
		(void)snprintf(text, SIZE_TEXT_BYTES, "%" PRIu64 " B", bytes);
		return text;
	}
	while (power < sizeof(units) - 2 && bytes >> (10 * (power + 1)))
		power++;
	for (;; power++) {
		uint64_t unit = UINT64_C(1) << (10 * power);

		/* In this order, bytes * 10 cannot overflow. */
		tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
		/* 1023.96 KiB would round to 1024.0 KiB. */
		if (tenths < 10240 || power == sizeof(units) - 2)
			break;
	}
	(void)snprintf(text, SIZE_TEXT_BYTES, "%" PRIu64 ".%u %ciB", tenths / 10,
		(unsigned)(tenths % 10), units[power]);
	return text;
}
