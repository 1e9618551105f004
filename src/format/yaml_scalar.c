/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source: sigs.k8s.io/yaml 1.4.0, goyaml.v2/resolve.go: what the reference implementation of CDI
 * reads its files with. Dates stay texts there too.
 */
#include "format/yaml_scalar.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define NUMBER_LIMIT 64 /* bytes; a longer one is no number of use */

static const struct word {
	const char *text;
	struct yaml_scalar scalar;
} words[] = {
#define TRUTH(word, value)                                                                         \
	{                                                                                          \
		word,                                                                              \
		{                                                                                  \
			.kind = YAML_TRUTH, .truth = (value)                                       \
		}                                                                                  \
	}
	TRUTH("y", true),
	TRUTH("Y", true),
	TRUTH("yes", true),
	TRUTH("Yes", true),
	TRUTH("YES", true),
	TRUTH("true", true),
	TRUTH("True", true),
	TRUTH("TRUE", true),
	TRUTH("on", true),
	TRUTH("On", true),
	TRUTH("ON", true),
	TRUTH("n", false),
	TRUTH("N", false),
	TRUTH("no", false),
	TRUTH("No", false),
	TRUTH("NO", false),
	TRUTH("false", false),
	TRUTH("False", false),
	TRUTH("FALSE", false),
	TRUTH("off", false),
	TRUTH("Off", false),
	TRUTH("OFF", false),
#undef TRUTH
	{ "", { .kind = YAML_NULL } },
	{ "~", { .kind = YAML_NULL } },
	{ "null", { .kind = YAML_NULL } },
	{ "Null", { .kind = YAML_NULL } },
	{ "NULL", { .kind = YAML_NULL } },
	{ ".nan", { .kind = YAML_INFINITE } },
	{ ".NaN", { .kind = YAML_INFINITE } },
	{ ".NAN", { .kind = YAML_INFINITE } },
	{ ".inf", { .kind = YAML_INFINITE } },
	{ ".Inf", { .kind = YAML_INFINITE } },
	{ ".INF", { .kind = YAML_INFINITE } },
	{ "+.inf", { .kind = YAML_INFINITE } },
	{ "+.Inf", { .kind = YAML_INFINITE } },
	{ "+.INF", { .kind = YAML_INFINITE } },
	{ "-.inf", { .kind = YAML_INFINITE } },
	{ "-.Inf", { .kind = YAML_INFINITE } },
	{ "-.INF", { .kind = YAML_INFINITE } },
};

/* Digits of `base` to the end, as much as fits. */
static bool read_digits(const char *s, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = *s >= '0' && *s <= '9'	  ? (unsigned)(*s - '0')
				 : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
				 : *s >= 'A' && *s <= 'F' ? (unsigned)(*s - 'A') + 10
							  : 16;

		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

static bool read_integer(const char *s, struct yaml_scalar *ret)
{
	struct yaml_scalar scalar = { .kind = YAML_INTEGER, .negative = *s == '-' };
	const bool sign = *s == '-' || *s == '+';
	const char *digits = s + sign;
	unsigned base = 10;

	if (digits[0] == '0' && digits[1]) {
		base = strchr("xX", digits[1]) ? 16 : strchr("bB", digits[1]) ? 2 : 8;
		digits += base != 8 || strchr("oO", digits[1]) ? 2 : 1;
	}
	if (!read_digits(digits, base, &scalar.integer))
		return false;
	/* Unsigned is only what has no sign. */
	if (sign && scalar.integer > (uint64_t)INT64_MAX + scalar.negative)
		return false;
	*ret = scalar;
	return true;
}

static const char *skip_digits(const char *s)
{
	return s + strspn(s, "0123456789");
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
	const char *digits;

	s += *s == '-' || *s == '+';
	digits = s;
	s = skip_digits(s);
	if (s == digits && (*s != '.' || skip_digits(s + 1) == s + 1))
		return false;
	if (*s == '.')
		s = skip_digits(s + 1);
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		digits = s;
		s = skip_digits(s);
		if (s == digits)
			return false;
	}
	return !*s;
}

/* strtod() reads the locale's decimal point; a caller's locale is not ours to choose. */
static bool read_float(const char *s, struct yaml_scalar *ret)
{
	locale_t c_locale;
	double value;

	if (!is_float(s))
		return false;
	c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (!c_locale)
		return false;
	value = strtod_l(s, NULL, c_locale);
	freelocale(c_locale);
	/* Too large for a number: the text it is. */
	if (!isfinite(value))
		return false;
	*ret = (struct yaml_scalar){ .kind = YAML_FLOAT, .number = value };
	return true;
}

static bool read_number(const char *text, size_t length, struct yaml_scalar *ret)
{
	char plain[NUMBER_LIMIT];
	size_t n = 0;

	if (length >= sizeof(plain) || !strchr("+-.0123456789", text[0]))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!text[i])
			return false;
		if (text[i] != '_' || text[0] == '.')
			plain[n++] = text[i];
	}
	plain[n] = '\0';
	return read_integer(plain, ret) || read_float(plain, ret);
}

struct yaml_scalar yaml_scalar_of(const char *text, size_t length)
{
	struct yaml_scalar scalar = { .kind = YAML_TEXT };

	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strlen(words[i].text) == length && memcmp(words[i].text, text, length) == 0)
			return words[i].scalar;
	(void)read_number(text, length, &scalar);
	return scalar;
}

void yaml_scalar_keep_spelling(struct yaml_scalar *scalar, const char *text, size_t length)
{
	static const char *const truths[] = { "true", "True", "TRUE", "false", "False", "FALSE" };

	for (size_t i = 0; scalar->kind == YAML_TRUTH && i < ELEMENTS(truths); i++)
		if (strlen(truths[i]) == length && memcmp(truths[i], text, length) == 0)
			return;
	if (scalar->kind != YAML_NULL)
		scalar->kind = YAML_TEXT;
}
