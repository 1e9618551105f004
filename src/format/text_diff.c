/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest edit script, as E. Myers found it (Algorithmica 1, 1986, pages 251 to 266): for 0, 1,
 * 2, ... edits, the farthest point of every diagonal that they reach, until one of them is the end.
 * Texts that differ in more than EDITS_LIMIT lines are shown as replaced.
 */
#include "format/text_diff.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CONTEXT_LINES 3
#define EDITS_LIMIT   1000

struct line {
	const char *text;
	size_t length; /* with the newline, if it has one */
};

struct text {
	struct line *lines;
	size_t n;
};

static void text_done(struct text *t)
{
	free(t->lines);
	t->lines = NULL;
}

static errint_t split(const char *s, struct text *ret)
{
	size_t n = 0;

	for (const char *c = s; *c; c++)
		n += *c == '\n' || !c[1];
	ret->lines = calloc(n ? n : 1, sizeof(*ret->lines));
	if (!ret->lines)
		return -ENOMEM;
	while (*s) {
		const char *end = strchr(s, '\n');
		size_t length = end ? (size_t)(end - s) + 1 : strlen(s);

		ret->lines[ret->n++] = (struct line){ s, length };
		s += length;
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* What both sides are compared in: lines that may be removed or added are marked. */
struct comparison {
	struct text before, after;
	bool *removed, *added;
	size_t head; /* lines that are the same at the start */
	size_t n, m; /* lines between there and the same end */
};

static void comparison_done(struct comparison *c)
{
	text_done(&c->before);
	text_done(&c->after);
	free(c->removed);
	free(c->added);
}

static void trim(struct comparison *c)
{
	c->n = c->before.n;
	c->m = c->after.n;
	while (c->n && c->m && same(&c->before.lines[c->head], &c->after.lines[c->head])) {
		c->head++;
		c->n--;
		c->m--;
	}
	while (c->n && c->m &&
		same(&c->before.lines[c->head + c->n - 1], &c->after.lines[c->head + c->m - 1])) {
		c->n--;
		c->m--;
	}
}

/* The farthest x on diagonal k = x - y, from the row of one edit less; rows are stored whole. */
static int32_t reach(const struct comparison *c, const int32_t *row, int32_t d, int32_t k)
{
	int32_t x, y;

	if (d == 0)
		x = 0;
	else if (k == -d || (k != d && row[k - 1] < row[k + 1]))
		x = row[k + 1];
	else
		x = row[k - 1] + 1;
	y = x - k;
	while (x < (int32_t)c->n && y < (int32_t)c->m &&
		same(&c->before.lines[c->head + (size_t)x], &c->after.lines[c->head + (size_t)y])) {
		x++;
		y++;
	}
	return x;
}

/* Row d holds diagonals -d to d; this is its middle. The rows lie behind one another. */
static int32_t *row_of(int32_t *rows, int32_t d)
{
	return rows + (size_t)d * (size_t)d + (size_t)d;
}

/* Goes back from the end along the rows and marks each edit. */
static void mark(struct comparison *c, int32_t *rows, int32_t d)
{
	int32_t x = (int32_t)c->n, y = (int32_t)c->m;

	for (; d > 0; d--) {
		const int32_t *row = row_of(rows, d - 1);
		int32_t k = x - y;
		bool down = k == -d || (k != d && row[k - 1] < row[k + 1]);

		if (down) {
			x = row[k + 1];
			y = x - (k + 1);
			c->added[c->head + (size_t)y] = true;
		} else {
			x = row[k - 1];
			y = x - (k - 1);
			c->removed[c->head + (size_t)x] = true;
		}
	}
}

static void mark_all(struct comparison *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->removed[c->head + i] = true;
	for (size_t i = 0; i < c->m; i++)
		c->added[c->head + i] = true;
}

static errint_t compare(struct comparison *c)
{
	size_t most = c->n + c->m < EDITS_LIMIT ? c->n + c->m : EDITS_LIMIT;
	_cleanup_free_ int32_t *rows = NULL;
	size_t have = 0;

	if (c->before.n > INT32_MAX / 2 || c->after.n > INT32_MAX / 2)
		return -EFBIG;
	for (int32_t d = 0; d <= (int32_t)most; d++) {
		size_t need = (size_t)(d + 1) * (size_t)(d + 1);

		if (need > have) {
			int32_t *more;

			have = need * 2;
			more = reallocarray(rows, have, sizeof(*rows));
			if (!more)
				return -ENOMEM;
			rows = more;
		}
		for (int32_t k = -d; k <= d; k += 2) {
			int32_t x = reach(c, d ? row_of(rows, d - 1) : NULL, d, k);

			row_of(rows, d)[k] = x;
			if (x >= (int32_t)c->n && x - k >= (int32_t)c->m) {
				mark(c, rows, d);
				return 0;
			}
		}
	}
	mark_all(c);
	return 0;
}

static void add_line(struct strbuf *out, char sign, const struct line *line)
{
	strbuf_char_add(out, sign);
	strbuf_add(out, line->text, line->length);
	if (line->text[line->length - 1] != '\n')
		strbuf_str_add(out, "\n\\ No newline at end of file\n");
}

/* A range as diff(1) writes it: an empty one names the line before it, one line has no count. */
static void add_range(struct strbuf *out, char sign, size_t first, size_t n)
{
	strbuf_printf(out, "%c%zu", sign, n ? first + 1 : first);
	if (n != 1)
		strbuf_printf(out, ",%zu", n);
}

struct place {
	size_t x, y; /* a line of each side */
};

static bool at_end(const struct comparison *c, struct place p)
{
	return p.x == c->before.n && p.y == c->after.n;
}

static bool is_change(const struct comparison *c, struct place p)
{
	return (p.x < c->before.n && c->removed[p.x]) || (p.y < c->after.n && c->added[p.y]);
}

/* Behind the last change that is near enough to the one at `p` to be shown with it. */
static struct place find_hunk_end(const struct comparison *c, struct place p)
{
	struct place end = p;
	size_t equal = 0;

	while (!at_end(c, p) && equal <= (size_t)2 * CONTEXT_LINES) {
		if (!is_change(c, p)) {
			equal++;
			p.x++;
			p.y++;
			continue;
		}
		while (p.x < c->before.n && c->removed[p.x])
			p.x++;
		while (p.y < c->after.n && c->added[p.y])
			p.y++;
		equal = 0;
		end = p;
	}
	return end;
}

static void add_hunk(
	const struct comparison *c, struct place begin, struct place end, struct strbuf *out)
{
	size_t lead = begin.x < CONTEXT_LINES ? begin.x : CONTEXT_LINES;
	size_t tail = c->before.n - end.x;

	tail = tail < CONTEXT_LINES ? tail : CONTEXT_LINES;
	begin.x -= lead;
	begin.y -= lead;
	end.x += tail;
	end.y += tail;
	strbuf_str_add(out, "@@ ");
	add_range(out, '-', begin.x, end.x - begin.x);
	strbuf_char_add(out, ' ');
	add_range(out, '+', begin.y, end.y - begin.y);
	strbuf_str_add(out, " @@\n");
	while (begin.x < end.x || begin.y < end.y) {
		if (!is_change(c, begin)) {
			add_line(out, ' ', &c->before.lines[begin.x++]);
			begin.y++;
			continue;
		}
		while (begin.x < end.x && c->removed[begin.x])
			add_line(out, '-', &c->before.lines[begin.x++]);
		while (begin.y < end.y && c->added[begin.y])
			add_line(out, '+', &c->after.lines[begin.y++]);
	}
}

static void add_hunks(const struct comparison *c, struct strbuf *out)
{
	struct place p = { c->head, c->head };

	while (!at_end(c, p)) {
		if (!is_change(c, p)) {
			p.x++;
			p.y++;
			continue;
		}
		struct place end = find_hunk_end(c, p);

		add_hunk(c, p, end, out);
		p = end;
	}
}

errint_t text_diff(const char *name, const char *before, const char *after, struct strbuf *out)
{
	_cleanup_(comparison_done) struct comparison c = { 0 };
	errint_t r;

	if (!before == !after && (!before || strcmp(before, after) == 0))
		return 0;
	r = split(before ? before : "", &c.before);
	if (r == 0)
		r = split(after ? after : "", &c.after);
	if (r < 0)
		return r;
	c.removed = calloc(c.before.n + 1, sizeof(*c.removed));
	c.added = calloc(c.after.n + 1, sizeof(*c.added));
	if (!c.removed || !c.added)
		return -ENOMEM;
	trim(&c);
	r = compare(&c);
	if (r < 0)
		return r;
	strbuf_printf(
		out, "--- %s\n+++ %s\n", before ? name : "/dev/null", after ? name : "/dev/null");
	add_hunks(&c, out);
	return strbuf_failed(out) ? -ENOMEM : 0;
}
