/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program says on standard error before it ends with an error.
 *
 *	_cleanup_(last_words_done) struct last_words said = LAST_WORDS_INIT;
 *	last_words_catch(&said);
 *	... runs the program, with our standard error
 *	last_words_release(&said);
 *	text = last_words_line(&said, arena);
 *
 * Between the two, all that this process writes there is caught as well: it is for one program at a
 * time and for a process of one thread. Where catching fails, the program's words are lost: they
 * are worth less than what it is run for.
 */
#pragma once

#include "base/arena.h"

struct last_words {
	int caught_fd; /* -1: nothing is caught */
	int saved_fd;
};

#define LAST_WORDS_INIT                                                                            \
	{                                                                                          \
		.caught_fd = -1, .saved_fd = -1                                                    \
	}

void last_words_catch(struct last_words *w);
void last_words_release(struct last_words *w);
void last_words_done(struct last_words *w);

/* The last line that is not blank, escaped and cut. NULL: there is none. */
const char *last_words_line(const struct last_words *w, struct arena *a);
