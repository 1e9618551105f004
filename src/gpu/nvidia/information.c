/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu/nvidia/information.h"

#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "base/strbuf.h"

/* Source: kernel-open/common/inc/nv-chardev-numbers.h, NV_MINOR_DEVICE_NUMBER_REGULAR_MAX. */
#define MAX_REGULAR_MINOR 247
#define MAX_VALUE_BYTES 256
#define UUID_LENGTH (sizeof("GPU-00000000-0000-0000-0000-000000000000") - 1)

/* Bytes of the file, without white space around them. start is NULL where there are none. */
struct value {
	const char *start;
	size_t length;
};

static const struct {
	const char *text;
	bool needed;
} fields[INFORMATION_FIELD_COUNT] = {
#define X(symbol, text, needed) [INFORMATION_##symbol] = { text, needed },
	INFORMATION_TABLE(X)
#undef X
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct value trim(const char *start, size_t length)
{
	while (length && is_space(start[0])) {
		start++;
		length--;
	}
	while (length && is_space(start[length - 1]))
		length--;
	return (struct value){ .start = length ? start : NULL, .length = length };
}

/* Control bytes and overlong text are no name of anything. */
static bool is_plain(struct value v)
{
	for (size_t i = 0; i < v.length; i++) {
		if ((unsigned char)v.start[i] < ' ' || v.start[i] == 0x7f)
			return false;
	}
	return v.length <= MAX_VALUE_BYTES;
}

static void take_line(const char *line, size_t length, struct value values[])
{
	const char *colon = memchr(line, ':', length);
	struct value name;

	if (!colon)
		return;
	name = trim(line, (size_t)(colon - line));
	for (size_t i = 0; i < INFORMATION_FIELD_COUNT; i++) {
		struct value value;

		if (values[i].start || name.length != strlen(fields[i].text) ||
			memcmp(name.start, fields[i].text, name.length) != 0)
			continue;
		value = trim(colon + 1, length - (size_t)(colon + 1 - line));
		if (is_plain(value))
			values[i] = value;
		return;
	}
}

static bool value_is(struct value v, const char *text)
{
	return v.length == strlen(text) && memcmp(v.start, text, v.length) == 0;
}

/* Before a GPU was opened once, old drivers print question marks for digits. */
static bool is_uuid(struct value v)
{
	static const char pattern[] = "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (v.length != UUID_LENGTH)
		return false;
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		bool hex = memchr("0123456789abcdefABCDEF", v.start[i], 22) != NULL;

		if (pattern[i] == 'x' ? !hex : v.start[i] != pattern[i])
			return false;
	}
	return true;
}

/* Copies a value that is there. Returns -1 when out of memory. */
static int copy_value(struct arena *a, struct value v, const char **ret)
{
	if (!v.start)
		return 0;
	*ret = arena_strndup(a, v.start, v.length);
	return *ret ? 0 : -1;
}

static int name_missing(struct arena *a, const struct value values[], struct information *info)
{
	_cleanup_(strbuf_done) struct strbuf names = STRBUF_INIT(1024);

	for (size_t i = 0; i < INFORMATION_FIELD_COUNT; i++) {
		if (fields[i].needed && !values[i].start)
			strbuf_printf(&names, "%s%s", names.length ? ", " : "", fields[i].text);
	}
	if (strbuf_failed(&names))
		return -1;
	if (!names.length)
		return 0;
	info->missing = arena_strdup(a, strbuf_str(&names));
	return info->missing ? 0 : -1;
}

int information_parse(const char *text, size_t length, struct arena *a, struct information *ret)
{
	struct value values[INFORMATION_FIELD_COUNT] = { 0 };
	struct information info = { .minor = -1 };
	struct value *minor = &values[INFORMATION_MINOR];
	uint64_t number;

	for (const char *line = text, *end = text + length, *newline; line < end;
		line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline)
			break;
		take_line(line, (size_t)(newline - line), values);
	}
	if (value_is(values[INFORMATION_MODEL], "Unknown"))
		values[INFORMATION_MODEL].start = NULL;
	if (!is_uuid(values[INFORMATION_UUID]))
		values[INFORMATION_UUID].start = NULL;
	if (number_parse_n(minor->start, minor->length, MAX_REGULAR_MINOR, &number))
		info.minor = (int)number;
	else
		minor->start = NULL;
	info.excluded = value_is(values[INFORMATION_EXCLUDED], "Yes");
	if (copy_value(a, values[INFORMATION_MODEL], &info.model) < 0 ||
		copy_value(a, values[INFORMATION_UUID], &info.uuid) < 0 ||
		name_missing(a, values, &info) < 0)
		return -1;
	*ret = info;
	return 0;
}
