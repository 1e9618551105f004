/* SPDX-License-Identifier: Apache-2.0 */
#include "host/xauthority.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Source: <X11/Xauth.h>. Other families are displays of other machines. */
#define FAMILY_LOCAL 256
#define FAMILY_WILD  65535

static const char cookie_name[] = "MIT-MAGIC-COOKIE-1";

struct text {
	const unsigned char *bytes;
	size_t length;
};

struct entry {
	unsigned family;
	struct text address, number, name, data;
};

struct cursor {
	const unsigned char *at, *end;
};

static bool read_number(struct cursor *c, unsigned *ret)
{
	if (c->end - c->at < 2)
		return false;
	*ret = (unsigned)c->at[0] << 8 | c->at[1];
	c->at += 2;
	return true;
}

static bool read_text(struct cursor *c, struct text *ret)
{
	unsigned length;

	if (!read_number(c, &length) || (size_t)(c->end - c->at) < length)
		return false;
	*ret = (struct text){ .bytes = c->at, .length = length };
	c->at += length;
	return true;
}

static bool read_entry(struct cursor *c, struct entry *ret)
{
	return read_number(c, &ret->family) && read_text(c, &ret->address) &&
	       read_text(c, &ret->number) && read_text(c, &ret->name) && read_text(c, &ret->data);
}

static bool is_text(const struct text *text, const char *s, size_t length)
{
	return text->length == length && memcmp(text->bytes, s, length) == 0;
}

/* An entry without a number is for all displays. */
static bool fits(const struct entry *e, const char *number, size_t digits)
{
	if (e->family != FAMILY_LOCAL && e->family != FAMILY_WILD)
		return false;
	if (e->number.length && !is_text(&e->number, number, digits))
		return false;
	return is_text(&e->name, cookie_name, strlen(cookie_name)) && e->data.length;
}

static unsigned char *write_text(unsigned char *to, const struct text *text)
{
	*to++ = (unsigned char)(text->length >> 8);
	*to++ = (unsigned char)text->length;
	if (text->length)
		memcpy(to, text->bytes, text->length);
	return to + text->length;
}

static int write_entry(const struct entry *e, char **ret, size_t *ret_length)
{
	const struct text nothing = { .length = 0 };
	const size_t length = 2 + 4 * 2 + e->number.length + e->name.length + e->data.length;
	unsigned char *file = malloc(length), *to = file;

	if (!file)
		return -ENOMEM;
	*to++ = FAMILY_WILD >> 8;
	*to++ = FAMILY_WILD & 0xff;
	to = write_text(to, &nothing);
	to = write_text(to, &e->number);
	to = write_text(to, &e->name);
	(void)write_text(to, &e->data);
	*ret = (char *)file;
	*ret_length = length;
	return 1;
}

int xauthority_make(const void *data, size_t length, const char *display, const char *hostname,
	char **ret, size_t *ret_length)
{
	struct cursor c = { .at = data, .end = (const unsigned char *)data + length };
	const char *number = strrchr(display, ':');
	const size_t digits = number ? strspn(++number, "0123456789") : 0;
	struct entry e, best;
	bool found = false;

	if (!digits || length > XAUTHORITY_LIMIT_BYTES)
		return 0;
	while (read_entry(&c, &e)) {
		bool is_ours = is_text(&e.address, hostname, strlen(hostname));

		if (!fits(&e, number, digits))
			continue;
		/* xauth puts the newest last. */
		best = e;
		found = true;
		if (is_ours)
			break;
	}
	return found ? write_entry(&best, ret, ret_length) : 0;
}
