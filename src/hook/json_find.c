/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/json_find.h"

#include <string.h>
#include <strings.h>

#include "base/number.h"

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\n\r");
}

/* Behind the closing quote. */
static const char *skip_string(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

static const char *skip_value(const char *p)
{
	unsigned depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (!depth)
			return p + strcspn(p, ",]} \t\n\r");
		p++;
	} while (depth);
	return p;
}

const char *json_find_root(const char *text)
{
	return skip_space(text);
}

static bool key_is(const char *quoted, const char *key, bool any_case)
{
	size_t length = strlen(key);
	int order =
		any_case ? strncasecmp(quoted + 1, key, length) : strncmp(quoted + 1, key, length);

	return order == 0 && quoted[1 + length] == '"';
}

static const char *find_member(const char *value, const char *key, bool any_case)
{
	const char *found = NULL;

	if (*value != '{')
		return NULL;
	for (const char *p = skip_space(value + 1); *p != '}';) {
		const char *member = p;

		p = skip_space(skip_string(p));
		p = skip_space(p + 1);
		if (key_is(member, key, any_case))
			found = p;
		p = skip_space(skip_value(p));
		if (*p == ',')
			p = skip_space(p + 1);
	}
	return found;
}

const char *json_find_member(const char *value, const char *key)
{
	return find_member(value, key, false);
}

const char *json_find_member_any_case(const char *value, const char *key)
{
	return find_member(value, key, true);
}

const char *json_find_first(const char *value)
{
	if (*value != '[')
		return NULL;
	value = skip_space(value + 1);
	return *value == ']' ? NULL : value;
}

const char *json_find_next(const char *item)
{
	item = skip_space(skip_value(item));
	return *item == ',' ? skip_space(item + 1) : NULL;
}

bool json_find_uint(const char *value, uint64_t max, uint64_t *ret)
{
	return number_parse_n(value, (size_t)(skip_value(value) - value), max, ret);
}

static uint32_t hex4(const char *p)
{
	char digits[5] = { 0 };
	uint64_t value = 0;

	memcpy(digits, p, 4);
	(void)number_parse_hex(digits, 0xffff, &value);
	return (uint32_t)value;
}

static bool is_surrogate(uint32_t c, uint32_t start)
{
	return c >= start && c < start + 0x400;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* *p stands at the 'u' of an escape; moved to its last digit. False: NUL or half a pair. */
static bool take_unicode(const char **p, char **to)
{
	uint32_t c = hex4(*p + 1);

	*p += 4;
	if (is_surrogate(c, 0xdc00) || !c)
		return false;
	if (is_surrogate(c, 0xd800)) {
		uint32_t low = (*p)[1] == '\\' && (*p)[2] == 'u' ? hex4(*p + 3) : 0;

		if (!is_surrogate(low, 0xdc00))
			return false;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		*p += 6;
	}
	*to = put_utf8(*to, c);
	return true;
}

static bool take_escape(const char **p, char **to)
{
	static const char from[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";

	if (**p == 'u')
		return take_unicode(p, to);
	*(*to)++ = meaning[strchr(from, **p) - from];
	return true;
}

int json_find_string(const char *value, struct arena *a, const char **ret, struct nvb_error **err)
{
	char *text, *to;

	if (!value || *value != '"')
		return 0;
	/* Decoding never makes it longer. */
	text = to = arena_alloc(a, (size_t)(skip_string(value) - value));
	if (!text)
		return NVB_OOM(err);
	for (const char *p = value + 1; *p != '"'; p++) {
		if (*p != '\\')
			*to++ = *p;
		else if (p++, !take_escape(&p, &to))
			return 0;
	}
	*ret = text;
	return 1;
}
