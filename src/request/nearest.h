/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The known word that a mistyped one probably means, for hints:
 *
 *	struct nearest n = NEAREST_INIT("gamming");
 *
 *	nearest_consider(&n, "gaming");
 *	nearest_word(&n);	// "gaming", or NULL if nothing is close
 */
#pragma once

struct nearest {
	const char *text;
	const char *word;
	unsigned distance;
};

#define NEAREST_INIT(typed)                                                                        \
	{                                                                                          \
		.text = (typed), .word = NULL, .distance = ~0u                                     \
	}

/* Of equally near words the first one stays. `word` is borrowed. */
void nearest_consider(struct nearest *n, const char *word);
const char *nearest_word(const struct nearest *n);
