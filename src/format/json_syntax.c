/* SPDX-License-Identifier: Apache-2.0 */
#include "format/json_syntax.h"

#include <endian.h>
#include <string.h>

#include "base/number.h"
#include "format/json.h"

struct scan {
	const char *start, *at, *end;
	unsigned depth;
	int status;
	const char *problem; /* NULL: none so far; found at `at` */
};

/* The next byte; NUL at the end, and a NUL in the text is nowhere allowed. */
static char peek(const struct scan *s)
{
	return s->at < s->end ? *s->at : '\0';
}

static bool refuse(struct scan *s, const char *problem)
{
	if (!s->problem) {
		s->status = NVB_ERR_FORMAT;
		s->problem = s->at == s->end ? "the text ends too early" : problem;
	}
	return false;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end &&
		(*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static size_t skip_digits(struct scan *s)
{
	const char *start = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return (size_t)(s->at - start);
}

/* Bytes of the UTF-8 sequence at the start of `p`; 0 if it is none. */
static size_t utf8_length(const char *text, size_t available)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (!n || p[0] > 0xf4 || n > available)
		return 0;
	if (n == 1)
		return 1;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/*
 * The high bit of a byte that is not plain. Of one behind it, a carry may set it too: only the
 * first is sure. Source: "Bit Twiddling Hacks", determine if a word has a byte less than n.
 */
static uint64_t mark_special(uint64_t bytes)
{
	const uint64_t each = UINT64_MAX / 0xff, quotes = bytes ^ each * '"',
		       slashes = bytes ^ each * '\\';

	return (bytes | (bytes - each * ' ') | (bytes + each) | (quotes - each) |
		       (slashes - each)) &
	       each * 0x80;
}

static bool is_plain(char byte)
{
	return byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

size_t json_plain_length(const char *text, size_t length)
{
	uint64_t bytes, marks;
	size_t n = 0;

	for (; length - n >= sizeof(bytes); n += sizeof(bytes)) {
		memcpy(&bytes, text + n, sizeof(bytes));
		marks = mark_special(le64toh(bytes));
		if (marks)
			return n + (size_t)__builtin_ctzll(marks) / 8;
	}
	/* The last eight once more: mostly that is all of the rest. */
	if (n < length && length > sizeof(bytes)) {
		memcpy(&bytes, text + length - sizeof(bytes), sizeof(bytes));
		if (!mark_special(bytes))
			return length;
	}
	while (n < length && is_plain(text[n]))
		n++;
	return n;
}

bool json_is_utf8(const char *text, size_t length)
{
	while (length) {
		size_t n = json_plain_length(text, length);

		n = n ? n : utf8_length(text, length);
		if (!n)
			return false;
		text += n;
		length -= n;
	}
	return true;
}

static bool scan_escape(struct scan *s, bool is_key)
{
	uint64_t unit;

	s->at++;
	if (!peek(s) || !strchr("\"\\/bfnrtu", peek(s)))
		return refuse(s, "an unknown escape");
	if (*s->at++ != 'u')
		return true;
	unit = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		uint64_t digit;
		const char one[] = { peek(s), '\0' };

		if (!number_parse_hex(one, 15, &digit))
			return refuse(s, "\\u needs four hexadecimal digits");
		unit = unit << 4 | digit;
	}
	if (is_key && !unit)
		return refuse(s, "a name with a NUL byte");
	return true;
}

static bool scan_string(struct scan *s, bool is_key)
{
	if (peek(s) != '"')
		return refuse(
			s, is_key ? "a name in double quotes is expected" : "a value is expected");
	s->at++;
	for (;;) {
		unsigned char c;
		size_t n;

		s->at += json_plain_length(s->at, (size_t)(s->end - s->at));
		c = (unsigned char)peek(s);
		if (c == '"')
			break;
		if (c == '\\') {
			if (!scan_escape(s, is_key))
				return false;
			continue;
		}
		if (c < 0x20)
			return refuse(s, "a control character in a string");
		n = utf8_length(s->at, (size_t)(s->end - s->at));
		if (!n)
			return refuse(s, "not UTF-8");
		s->at += n;
	}
	s->at++;
	return true;
}

static bool scan_number(struct scan *s)
{
	const char *digits;
	uint64_t max = UINT64_MAX, value;
	size_t n;
	bool integer = true;

	if (peek(s) == '-') {
		s->at++;
		max = (uint64_t)INT64_MAX + 1;
	}
	digits = s->at;
	n = skip_digits(s);
	if (!n)
		return refuse(s, "a digit is expected");
	if (*digits == '0' && n > 1) {
		s->at = digits;
		return refuse(s, "a number starts with 0");
	}
	if (peek(s) == '.') {
		integer = false;
		s->at++;
		if (!skip_digits(s))
			return refuse(s, "a digit is expected");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		integer = false;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!skip_digits(s))
			return refuse(s, "a digit is expected");
	}
	if (integer && !number_parse_n(digits, n, max, &value)) {
		s->at = digits;
		return refuse(s, "the integer does not fit 64 bits");
	}
	return true;
}

static bool scan_word(struct scan *s, const char *word)
{
	for (; *word; word++, s->at++)
		if (peek(s) != *word)
			return refuse(s, "a value is expected");
	return true;
}

static bool scan_value(struct scan *s);

/* Both kinds of container; their items are separated by commas, with none behind the last. */
static bool scan_items(struct scan *s, char close)
{
	bool is_object = close == '}';

	s->at++;
	skip_space(s);
	if (peek(s) == close) {
		s->at++;
		return true;
	}
	for (;;) {
		skip_space(s);
		if (is_object) {
			if (!scan_string(s, true))
				return false;
			skip_space(s);
			if (peek(s) != ':')
				return refuse(s, "':' is expected");
			s->at++;
			skip_space(s);
		}
		if (!scan_value(s))
			return false;
		skip_space(s);
		if (peek(s) == close) {
			s->at++;
			return true;
		}
		if (peek(s) != ',')
			return refuse(
				s, is_object ? "',' or '}' is expected" : "',' or ']' is expected");
		s->at++;
	}
}

static bool scan_container(struct scan *s, char close)
{
	bool good;

	if (s->depth == JSON_DEPTH_LIMIT) {
		s->problem = "nested too deep";
		s->status = NVB_ERR_LIMIT;
		return false;
	}
	s->depth++;
	good = scan_items(s, close);
	s->depth--;
	return good;
}

static bool scan_value(struct scan *s)
{
	switch (peek(s)) {
	case '{':
		return scan_container(s, '}');
	case '[':
		return scan_container(s, ']');
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return scan_number(s);
	default:
		return scan_string(s, false);
	}
}

static int raise_syntax(const struct scan *s, struct nvb_error **err)
{
	size_t line = 1, column = 1;

	for (const char *p = s->start; p < s->at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	return NVB_RAISE(err, s->status, 0, "parse JSON: line %zu, column %zu: %s", line, column,
		s->problem);
}

int json_check_syntax(const char *text, size_t length, struct nvb_error **err)
{
	struct scan s = { .start = text, .at = text, .end = text + length };

	skip_space(&s);
	if (!scan_value(&s))
		return raise_syntax(&s, err);
	skip_space(&s);
	if (s.at < s.end) {
		(void)refuse(&s, "the text goes on behind the value");
		return raise_syntax(&s, err);
	}
	return 0;
}
