/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte string with a mandatory limit.
 *
 * Appending never fails visibly: running out of memory or over the limit makes the buffer
 * `failed`, and it stays so. Write the whole text, then check once:
 *
 *	_cleanup_(strbuf_done) struct strbuf b = STRBUF_INIT(1 << 20);
 *	strbuf_printf(&b, "%s=%s", key, value);
 *	if (strbuf_failed(&b))
 *		return NVB_OOM(err);
 *	fputs(strbuf_str(&b), stdout);
 *
 * strbuf_str() is always NUL-terminated, also when empty or failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *data;
	size_t length;
	size_t capacity;
	size_t limit_bytes;
	bool failed;
};

#define STRBUF_INIT(limit) { .limit_bytes = (limit) }

void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const void *data, size_t length);
void strbuf_str_add(struct strbuf *b, const char *s);
void strbuf_char_add(struct strbuf *b, char c);
/* In decimal. */
void strbuf_uint_add(struct strbuf *b, uint64_t value);
void strbuf_printf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends so many bytes and returns where they are to be written; NULL: the buffer failed. */
char *strbuf_extend(struct strbuf *b, size_t length);
void strbuf_truncate(struct strbuf *b, size_t length);
/* Appends untrusted text: control bytes as \xNN, at most max_bytes of it. */
void strbuf_escaped_add(struct strbuf *b, const char *s, size_t max_bytes);
const char *strbuf_str(const struct strbuf *b);
bool strbuf_failed(const struct strbuf *b);
/* The malloc'd string, or NULL when failed. The buffer is empty afterwards. */
char *strbuf_take(struct strbuf *b);
