/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_done(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf)STRBUF_INIT(b->limit_bytes);
}

static bool reserve(struct strbuf *b, size_t extra)
{
	size_t need, capacity;
	char *data;

	if (b->failed)
		return false;
	if (extra > b->limit_bytes || b->length > b->limit_bytes - extra) {
		b->failed = true;
		return false;
	}
	need = b->length + extra + 1;
	if (need <= b->capacity)
		return true;
	capacity = b->capacity ? b->capacity : 128;
	while (capacity < need)
		capacity *= 2;
	data = realloc(b->data, capacity);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void strbuf_add(struct strbuf *b, const void *data, size_t length)
{
	if (!reserve(b, length))
		return;
	if (length)
		memcpy(b->data + b->length, data, length);
	b->length += length;
	b->data[b->length] = '\0';
}

char *strbuf_extend(struct strbuf *b, size_t length)
{
	char *space;

	if (!reserve(b, length))
		return NULL;
	space = b->data + b->length;
	b->length += length;
	b->data[b->length] = '\0';
	return space;
}

void strbuf_str_add(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_char_add(struct strbuf *b, char c)
{
	/* Mostly there is room. */
	if (b->failed || b->capacity - b->length < 2 || b->length >= b->limit_bytes) {
		strbuf_add(b, &c, 1);
		return;
	}
	b->data[b->length++] = c;
	b->data[b->length] = '\0';
}

void strbuf_uint_add(struct strbuf *b, uint64_t value)
{
	char digits[20], *start = digits + sizeof(digits); /* of UINT64_MAX */

	do {
		*--start = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	strbuf_add(b, start, (size_t)(digits + sizeof(digits) - start));
}

void strbuf_printf(struct strbuf *b, const char *format, ...)
{
	va_list ap;
	int length;

	va_start(ap, format);
	length = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (length < 0 || !reserve(b, (size_t)length)) {
		b->failed = true;
		return;
	}
	va_start(ap, format);
	(void)vsnprintf(b->data + b->length, (size_t)length + 1, format, ap);
	va_end(ap);
	b->length += (size_t)length;
}

void strbuf_truncate(struct strbuf *b, size_t length)
{
	if (length < b->length) {
		b->length = length;
		b->data[length] = '\0';
	}
}

void strbuf_escaped_add(struct strbuf *b, const char *s, size_t max_bytes)
{
	for (size_t i = 0; s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		if (i == max_bytes) {
			strbuf_str_add(b, "...");
			return;
		}
		if (c < 0x20 || c == 0x7f)
			strbuf_printf(b, "\\x%02x", c);
		else
			strbuf_char_add(b, (char)c);
	}
}

const char *strbuf_str(const struct strbuf *b)
{
	return b->data && !b->failed ? b->data : "";
}

bool strbuf_failed(const struct strbuf *b)
{
	return b->failed;
}

char *strbuf_take(struct strbuf *b)
{
	char *data;

	if (b->failed)
		return NULL;
	data = b->data ? b->data : calloc(1, 1);
	b->data = NULL;
	b->length = b->capacity = 0;
	return data;
}
