/* SPDX-License-Identifier: Apache-2.0 */
#include "request/nearest.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Longer words are not compared: nobody mistypes them by one letter. */
#define WORD_BYTES 40

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/*
 * Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), one
 * each. Case does not count.
 */
static unsigned distance_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][WORD_BYTES + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned cost = lower(a[i - 1]) != lower(b[j - 1]);

			now[j] = min2(min2(last[j], now[j - 1]) + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]))
				now[j] = min2(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

void nearest_consider(struct nearest *n, const char *word)
{
	size_t text_length = strlen(n->text), word_length = strlen(word);
	unsigned distance;

	if (!text_length || text_length > WORD_BYTES || word_length > WORD_BYTES)
		return;
	/* The beginning of a word stands for it, after a typing error. */
	if (text_length >= 3 && text_length < word_length &&
		strncasecmp(n->text, word, text_length) == 0)
		distance = 1;
	else
		distance = distance_between(n->text, text_length, word, word_length);
	if (distance < n->distance) {
		n->distance = distance;
		n->word = word;
	}
}

const char *nearest_word(const struct nearest *n)
{
	/* One error per three letters, at least one. */
	size_t tolerated = strlen(n->text) / 3;

	if (!n->word)
		return NULL;
	return n->distance <= (tolerated ? tolerated : 1) ? n->word : NULL;
}
